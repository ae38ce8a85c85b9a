/// Offsets of torch's internal fields that the exchange API leaves out, found at run time.
///
/// Asking torch whether a tensor is negated, conjugated or tracked by autograd, and where its storage
/// ends, takes about 200 ns through Python's attributes: three times as long as reading the tensor.
/// The answers are fields of the C++ objects behind it (`c10::TensorImpl`, `c10::StorageImpl`). Their offsets
/// are not public, so they are found by comparing sample tensors with known answers. Each offset must be found
/// exactly once, and the samples cover every kind of tensor that must be distinguished. If anything is
/// unexpected, the offsets are unknown and torch's attributes are read instead.
///
/// The environment variable NUMPY_BRIDGE_FAST_TENSORS=0 turns the search off. Unset, or with any other value, it is on.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

#include <numpy_bridge/memory.hpp>
#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

/// The host memory of a tensor's storage.
struct storage_extent {
    const std::byte* data;
    std::int64_t size; ///< bytes
};

inline bool operator==(const storage_extent& a, const storage_extent& b) noexcept {
    return a.data == b.data && a.size == b.size;
}

namespace engine {

/// The 8 bytes at `offset` in `object`.
inline std::uintptr_t word_at(const void* object, std::size_t offset) noexcept {
    std::uintptr_t word = 0;
    std::memcpy(&word, static_cast<const std::byte*>(object) + offset, sizeof word);
    return word;
}

// NOLINTNEXTLINE(performance-no-int-to-ptr): words that hold pointers
inline const void* pointer_of(std::uintptr_t word) noexcept { return reinterpret_cast<const void*>(word); }

/// torch's counter of the writes to a tensor and its views, an `std::atomic<std::uint32_t>`.
inline std::atomic<std::uint32_t>& version_at(const void* counter, std::size_t offset) noexcept {
    return *reinterpret_cast<std::atomic<std::uint32_t>*>(
        const_cast<std::byte*>(static_cast<const std::byte*>(counter) + offset));
}

class torch_layout_finder;

} // namespace engine

/// The offsets, if they were found. Reading needs the GIL and a tensor that has a C++ object.
class torch_layout {
public:
    torch_layout() = default; ///< no offset is known

    bool known() const noexcept { return known_; }

    /// Whether memory holds the tensor's values: the tensor is dispatched as an ordinary CPU tensor is, so it
    /// is not negated, conjugated, zero, wrapped, sparse or quantized. False means: ask torch.
    bool is_ordinary(PyObject* tensor) const noexcept { return key_set_of(tensor) == ordinary_keys_; }

    /// By what torch dispatches the tensor: its device, negation, conjugation and the like. Never 0.
    std::uintptr_t key_set_of(PyObject* tensor) const noexcept { return engine::word_at(impl_of(tensor), key_set_); }

    /// True if autograd does not track the tensor. False means: ask torch.
    bool is_untracked(PyObject* tensor) const noexcept { return engine::word_at(impl_of(tensor), autograd_) == 0; }

    /// Counts a write to the tensor, as torch does after each of its own. False, and nothing is counted, if the place
    /// of the counter is unknown. Inference tensors have no counter.
    bool count_write(PyObject* tensor) const noexcept {
        if (version_ == 0) return false;
        const void* counter = engine::pointer_of(engine::word_at(impl_of(tensor), counter_));
        if (counter != nullptr) engine::version_at(counter, version_).fetch_add(1, std::memory_order_relaxed);
        return true;
    }

    /// A size of -1 if there is no storage.
    storage_extent storage_of(PyObject* tensor) const noexcept {
        const void* storage = engine::pointer_of(engine::word_at(impl_of(tensor), storage_));
        if (storage == nullptr) return {nullptr, -1};
        return {static_cast<const std::byte*>(engine::pointer_of(engine::word_at(storage, data_))),
                static_cast<std::int64_t>(engine::word_at(storage, size_))};
    }

    /// `tensor.untyped_storage().resizable()`; nothing if the place of the flag is unknown or there is no storage.
    std::optional<bool> is_resizable(PyObject* tensor) const noexcept {
        if (resizable_ == 0) return std::nullopt;
        const void* storage = engine::pointer_of(engine::word_at(impl_of(tensor), storage_));
        if (storage == nullptr) return std::nullopt;
        return static_cast<const bool*>(storage)[resizable_];
    }

    /// Finds the offsets from samples made with `torch`, unless the environment turns this off. Never raises.
    static torch_layout find(py::handle torch) noexcept;

private:
    friend class engine::torch_layout_finder;

    const void* impl_of(PyObject* tensor) const noexcept { return engine::pointer_of(engine::word_at(tensor, impl_)); }

    bool known_ = false;
    std::size_t impl_ = 0, storage_ = 0, autograd_ = 0, key_set_ = 0; // in the Python object, then in TensorImpl
    std::size_t data_ = 0, size_ = 0, resizable_ = 0;                 // in StorageImpl
    std::size_t counter_ = 0, version_ = 0;                           // in TensorImpl, in VersionCounter; 0: unknown
    std::uintptr_t ordinary_keys_ = 0;
};

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/libraries/torch_layout.cpp"
#endif
