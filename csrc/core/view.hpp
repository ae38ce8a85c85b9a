/// numpy_bridge.View: memory and its owner.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <numpy_bridge/import.hpp>
#include <numpy_bridge/libraries/library.hpp>
#include <numpy_bridge/opaque.hpp>

namespace numpy_bridge {

/// Immutable, so that threads may use it freely.
class view {
public:
    /// Takes over the memory imported from `source`, which may be null.
    view(imported& from, PyObject* source, bool readonly);

    const memory& description() const noexcept { return memory_; }

    /// Strides in elements, for memory that passes `validate_for_dlpack`.
    const std::int64_t* element_strides() const noexcept { return memory_.strides + memory_.ndim; }

    /// The CUDA stream to wait for, as in `imported`. The owner is asked anew where it can tell, so that this is never
    /// a stream that the owner has left. May run Python code.
    std::uintptr_t stream() const;

    /// How that is asked, by the View itself; null if its owner names no stream.
    engine::stream_function owners_stream() const noexcept { return owners_stream_; }

    /// The Python object behind the memory; null for a pointer without an owner.
    py::handle source() const noexcept { return held_.object(); }

    /// Whether the host may read the memory now. Managed memory with pending work on a stream is
    /// not readable until that stream is synchronised.
    bool ready_for_host() const noexcept {
        const bool at_work = memory_.device.type == device_type::cuda_managed && stream_ != 0;
        return host_accessible(memory_.device) && !at_work;
    }

    /// Raises sharing_error for managed memory with pending work. The protocols refuse other devices.
    void require_ready_for_host() const;

    /// Shows the garbage collector the references that this view holds.
    int traverse(visitproc visit, void* arg) const;

private:
    memory memory_;
    std::vector<std::int64_t> extents_; // shape, byte strides, element strides
    std::uintptr_t stream_;             ///< when it was made
    engine::stream_function owners_stream_;
    anchor held_;
};

/// numpy_bridge.View; set once, when the module is made.
inline PyTypeObject* view_type = nullptr;

/// Slots of View and of types that derive from it: the buffer protocol and the garbage collector's.
void set_up_view_type(PyHeapTypeObject* heap_type);

/// The dtype with this name or typestr. Raises sharing_error in the name of `protocol` for others.
element_type parse_dtype(const std::string& text, const char* protocol);

/// The memory at an address, with the dtype by name or typestr.
void describe_pointer(std::uintptr_t address, const std::vector<std::int64_t>& shape, const std::string& type,
                      const std::optional<std::vector<std::int64_t>>& strides, device where, bool readonly,
                      imported& out);

/// What a refusal of `view` suggests where a copy would do.
inline constexpr const char* how_to_copy = "share a copy: numpy_bridge.view(numpy_bridge.to_numpy(x, copy=True))";

/// Whether `x` is a View, by its real type.
bool is_view(PyObject* x);

/// The last View in a chain of Views of each other.
py::handle end_of_chain(py::handle view_object);

/// To share memory of any elements, also of those that only NumPy's dtype describes.
inline constexpr engine::request to_share_any = engine::of_any_elements(engine::to_share);

/// A new View of the memory behind `x`. `stream` is what the caller names as `stream=`, or null.
py::object make_view(PyObject* x, const engine::request& wanted, bool readonly, PyObject* stream = nullptr);

/// Makes the stream that the caller of `function` names for imported memory the one that the memory is used on, if one
/// is named. It waits for pending work on the stream before, and the pin keeps the object that stands for it.
void use_named_stream(const char* function, PyObject* stream, imported& in);

/// Asks a View, for `imported::owners_stream`.
std::uintptr_t stream_of_view(PyObject* view_object, device where);

/// Views as a known library, for `add_library`.
extern const engine::library view_row;

/// An ndarray over everything that `x` shares, with a View as its base.
py::object array_of_view(const py::object& view_object);

} // namespace numpy_bridge
