/// The request and the result of an import.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include <numpy_bridge/anchor.hpp>
#include <numpy_bridge/layout.hpp>
#include <numpy_bridge/memory.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

/// How an import keeps the memory where it is.
enum class hold : std::uint8_t {
    nothing, ///< not at all: check `still_there` just before use, and run no Python code until the last use
    call,    ///< the block stays allocated while `imported` lives, but its owner may still resize it
    lasting, ///< the block is pinned for as long as the anchor lives
};

/// The intended use of the memory, which decides what is checked.
enum class use : std::uint8_t {
    addresses, ///< to compare addresses; no value is read
    reading,
    writing,
};

/// Options of an import.
struct request {
    hold held;
    use used;
    bool copies = false; ///< accept a copy that the producer makes
    bool checked = true; ///< false: take a tensor's memory as it is; see `unchecked`
    bool opaque = false; ///< accept elements that only NumPy's dtype describes
};

inline constexpr request to_locate{hold::call, use::addresses};
inline constexpr request to_share{hold::lasting, use::writing};
inline constexpr request to_copy{hold::call, use::reading, true};

/// The origin of memory that is not held, to detect a move before the memory is used.
struct witness {
    PyObject* object = nullptr;

    /// Whether the memory is where `was` describes it. Runs no Python code. Null if it is held and cannot move.
    bool (*still_there)(const witness& seen, const memory& was) = nullptr;

    std::array<std::uintptr_t, 2> marks{}; ///< the values that the function compares with
};

/// The stream that the owner of memory uses it on now, numbered as in `imported`; 0 if it no longer names one. May run
/// Python code.
using stream_function = std::uintptr_t (*)(PyObject* owner, device where);

/// Whether the memory recorded in `seen` is still where `was` describes it.
inline bool is_unmoved(const witness& seen, const memory& was) {
    return seen.still_there == nullptr || seen.still_there(seen, was);
}

} // namespace engine

/// A validated description, storage for its extents, and the objects that keep it alive.
///
/// Filled in place and never moved: `description` may point into `shape` and `strides`.
struct imported {
    imported() {} // NOLINT(modernize-use-equals-default): leaves the extents uninitialised on purpose
    imported(const imported&) = delete;
    imported& operator=(const imported&) = delete;

    /// Everything to hold for a long-lived share of `object`. Call once.
    anchor anchored_to(PyObject* object) {
        if (elements) pin = py::make_tuple(elements, pin ? pin : py::none());
        return {object, std::move(pin), std::move(lease)};
    }

    /// Whether memory imported with `hold::nothing` is where it was. Runs no Python code.
    bool still_there() const { return engine::is_unmoved(seen, description); }

    /// Resets everything after a protocol failed, before the next one is tried.
    void reset() {
        lease.reset();
        pin = py::object();
        elements = py::object();
        stream = 0;
        owners_stream = nullptr;
        seen = {};
    }

    /// Makes the description independent of the producer, which may change or free its extents as soon
    /// as Python runs.
    void own_extents() {
        if (description.shape != shape.data()) std::copy_n(description.shape, description.ndim, shape.begin());
        if (description.strides != strides.data()) std::copy_n(description.strides, description.ndim, strides.begin());
        description.shape = shape.data();
        description.strides = strides.data();
    }

    memory description;
    /// The CUDA stream with pending work on the memory, numbered as in `__cuda_array_interface__`: 1 is the
    /// legacy default stream. 0 if there is nothing to wait for.
    std::uintptr_t stream = 0;
    /// Asks the owner again. Null if the owner has named no stream. Then nobody knows in which order it frees the
    /// memory, and whatever is queued must be done before the anchors are released.
    engine::stream_function owners_stream = nullptr;
    engine::witness seen; ///< set where nothing is held
    py::object pin;       ///< keeps the block in place, or alive if the object does not
    py::object elements;  ///< NumPy's dtype of opaque elements
    owner lease;          ///< a buffer export, a DLPack tensor
    dims shape;
    dims strides;
};

namespace engine {

/// The hint where a copy would do. `finish_hint` replaces it by the way to copy that the caller has.
inline constexpr const char* hint_to_copy = "take a copy: numpy_bridge.to_numpy(x, copy=True)";

// Hints for any object. `finish_hint` adds the code for tensors.
inline constexpr const char *hint_to_host = "let its own library copy it to the host first",
                            *hint_to_bytes = "share its bytes as uint8", *hint_to_parts = "share its two parts";

/// For producers that return new memory at each request.
[[noreturn]] inline void refuse_copy(const char* protocol) {
    refuse(protocol, "data", "the same memory at each request", "a fresh copy each time", hint_to_copy);
}

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END
