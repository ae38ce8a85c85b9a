/// Reads an argument's memory for the length of a call.
#pragma once

#include <algorithm>
#include <cstring>

#include <numpy_bridge/arguments/array_argument.hpp>
#include <numpy_bridge/arguments/mismatch.hpp>
#include <numpy_bridge/import.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// Numbers, text and containers have no memory to borrow. Overload resolution asks about such objects
/// all the time, so they are told apart without raising anything.
inline bool has_no_memory(PyObject* x) noexcept {
    return x == Py_None || PyLong_Check(x) != 0 || PyFloat_Check(x) != 0 || PyUnicode_Check(x) != 0 ||
           PyList_Check(x) != 0 || PyTuple_Check(x) != 0 || PyDict_Check(x) != 0 || PyComplex_Check(x) != 0;
}

/// Notices when memory that is borrowed but not held has been moved. While one argument of a call is
/// borrowed, converting the next one may run any Python code, which can resize the first.
class witness {
public:
    witness() = default; ///< of memory that is held

    static witness of_array(PyObject* x) noexcept { return {kind::array, x}; }
    static witness of_tensor(PyObject* x, const torch_library& torch) noexcept {
        witness seen(torch.layout.known() ? kind::storage : kind::producer, x);
        if (torch.layout.known()) seen.storage_ = torch.layout.storage_of(x);
        seen.api_ = torch.exchange_api();
        return seen;
    }
    static witness of_producer(PyObject* x, const dlpack::exchange_api* api) noexcept {
        witness seen(kind::producer, x);
        seen.api_ = api;
        return seen;
    }

    /// Whether the elements that were seen are still there.
    template <class T, int N, order Order> bool agrees(const strided_array<T, N, Order>& seen) const {
        switch (kind_) {
        case kind::array: {
            const auto& array = *reinterpret_cast<const numpy_abi::array*>(object_);
            const unsigned exponent = itemsize_exponent(seen.dtype());
            bool same = array.ndim == seen.ndim() && static_cast<const void*>(array.data) == seen.data();
            for (int i = 0; same && i < seen.ndim(); ++i)
                same = array.shape[i] == seen.shape()[i] && array.strides[i] >> exponent == seen.strides()[i];
            return same;
        }
        case kind::storage:
            return torch_library::loaded()->layout.storage_of(object_) == storage_;
        case kind::producer: {
            dlpack::tensor now{};
            if (api_->tensor_from_object(object_, &now) != 0) throw py::error_already_set();
            const auto* first = static_cast<const std::byte*>(now.data) + now.byte_offset;
            bool same = now.ndim == seen.ndim() && static_cast<const void*>(first) == seen.data();
            for (int i = 0; same && i < seen.ndim(); ++i) same = now.shape[i] == seen.shape()[i];
            return same;
        }
        case kind::held:
            break;
        }
        return true;
    }

private:
    enum class kind : std::uint8_t { held, array, storage, producer };

    witness(kind what, PyObject* object) noexcept : kind_(what), object_(object) {}

    kind kind_ = kind::held;
    PyObject* object_ = nullptr;
    storage_extent storage_{};
    const dlpack::exchange_api* api_ = nullptr;
};

constexpr tensor_use use_of(const requirements& r) noexcept {
    if (!r.checked) return tensor_use::as_it_is;
    return r.writable ? tensor_use::writing : tensor_use::reading;
}

/// Objects of Python's own that have a buffer, and speak nothing else.
inline bool is_builtin_buffer(PyObject* x) noexcept {
    return PyMemoryView_Check(x) != 0 || PyBytes_CheckExact(x) != 0 || PyByteArray_CheckExact(x) != 0;
}

/// Reads through the C function of the object's type. False where the type has none, or where it refuses;
/// the managed form then says why.
inline bool borrow_from_producer(PyObject* x, const requirements& r, imported& out, witness& seen) {
    const auto* api = is_builtin_buffer(x) ? nullptr : find_exchange_api(reinterpret_cast<PyObject*>(Py_TYPE(x)));
    if (api == nullptr || api->tensor_from_object == nullptr) return false;
    dlpack::tensor tensor{};
    if (api->tensor_from_object(x, &tensor) != 0) {
        PyErr_Clear();
        return false;
    }
    const bool readonly = r.writable && is_immutable(x); // a DLTensor cannot say so
    describe_dlpack(tensor, readonly, out);
    out.stream = work_stream(*api, out.description.device);
    seen = witness::of_producer(x, api);
    return true;
}

/// A tensor that requires grad may be read; only writes would escape autograd.
inline py::object readable(PyObject* x, const requirements& r) {
    const torch_library* torch = torch_library::loaded();
    const bool tracked = !r.writable && torch != nullptr && torch->is_tensor(x) && torch->tracks_grad(x);
    return tracked ? py::handle(x).attr("detach")() : py::reinterpret_borrow<py::object>(x);
}

/// `import_ndarray`, which also turns NumPy's scalars away: they are values, though they have a buffer.
inline bool import_array(PyObject* x, purpose why, imported& out) {
    if (import_ndarray(x, why, out)) return true;
    if (numpy_library::get().is_scalar(x)) throw py::type_error("a NumPy scalar is a value");
    return false;
}

/// torch, if `x` is a tensor of one that has the exchange API.
inline const torch_library* library_of_tensor(PyObject* x) {
    const torch_library* torch = torch_library::loaded();
    return torch != nullptr && torch->is_tensor(x) && torch->exchange_api() != nullptr ? torch : nullptr;
}

/// Describes the memory of `x` for a call. What must be held meanwhile is left in `out`. Raises
/// sharing_error, or TypeError for objects without memory.
inline witness import_for_call(PyObject* x, const requirements& r, imported& out) {
    if (import_array(x, purpose::locate, out)) return witness::of_array(x);
    if (const torch_library* torch = library_of_tensor(x)) {
        try {
            describe_tensor(*torch, x, use_of(r), out);
            return witness::of_tensor(x, *torch);
        } catch (py::error_already_set& error) {
            refuse_tensor(x, text_of_error(error));
        }
    }
    witness seen;
    if (!borrow_from_producer(x, r, out, seen)) import_object(readable(x, r).ptr(), purpose::share, out);
    return seen;
}

/// The same with the block pinned, so that nothing that happens meanwhile moves it.
inline void import_pinned(PyObject* x, const requirements& r, imported& out) {
    if (import_array(x, purpose::share, out)) return;
    const torch_library* torch = library_of_tensor(x);
    if (torch == nullptr) return import_object(readable(x, r).ptr(), purpose::share, out);
    try {
        out.pin = pinned_storage(*torch, x);
        describe_tensor(*torch, x, use_of(r), out);
    } catch (py::error_already_set& error) {
        refuse_tensor(x, text_of_error(error));
    }
}

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
