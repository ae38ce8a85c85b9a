#include <numpy_bridge/arguments/fast_path.hpp>

#include <numpy_bridge/libraries/torch_tensor.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// Keeps an exception that is being raised.
NUMPY_BRIDGE_INLINE void scoped_buffer::release() noexcept {
    if (PyErr_Occurred() == nullptr) return PyBuffer_Release(&view_);
    PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
    PyErr_Fetch(&type, &value, &traceback);
    PyBuffer_Release(&view_);
    PyErr_Restore(type, value, traceback);
}

/// A tensor on the CPU.
NUMPY_BRIDGE_INLINE bool describe_plain_tensor(const torch_library& torch, PyObject* x, dims& strides,
                                               memory& out) noexcept {
    dlpack::tensor t; // filled in by torch
    if (torch.exchange_api()->tensor_from_object(x, &t) != 0) {
        PyErr_Clear();
        return false;
    }
    const auto id = from_dlpack(t.dtype);
    if (!id || t.device.type != device_type::cpu || t.ndim < 1 || t.ndim > max_ndim || t.strides == nullptr)
        return false;
    for (int i = 0; i < t.ndim; ++i)
        if (overflows(t.strides[i], static_cast<std::int64_t>(itemsize(*id)), strides[static_cast<std::size_t>(i)]))
            return false;
    out = {static_cast<std::byte*>(t.data) + t.byte_offset,
           {*id, byte_order::native},
           t.device,
           false,
           t.ndim,
           t.shape,
           strides.data()};
    return t.data != nullptr && is_plainly_valid(out);
}

/// torch exports sub-byte integers as 8-bit integers, so torch must be asked.
constexpr bool may_be_packed(dtype_set accepted) noexcept {
    return (accepted & (set_of(dtype::int8) | set_of(dtype::uint8))) != 0;
}

NUMPY_BRIDGE_INLINE bool describe_plain_buffer(const Py_buffer& view, memory& out) noexcept {
    if (view.ndim < 1 || view.ndim > max_ndim || view.shape == nullptr || view.strides == nullptr ||
        view.suboffsets != nullptr || view.itemsize <= 0)
        return false;
    const auto type = from_format(view.format == nullptr ? "B" : view.format, static_cast<std::size_t>(view.itemsize));
    if (!type) return false;
    out = {static_cast<std::byte*>(view.buf),
           *type,
           cpu_device,
           view.readonly != 0,
           view.ndim,
           reinterpret_cast<const std::int64_t*>(view.shape),
           reinterpret_cast<const std::int64_t*>(view.strides)};
    return is_plainly_valid(out) && byte_count(out) == view.len;
}

/// Python's built-in types with a buffer and no other protocol.
NUMPY_BRIDGE_INLINE bool is_builtin_buffer(PyObject* x) noexcept {
    return PyMemoryView_Check(x) != 0 || PyBytes_CheckExact(x) != 0 || PyByteArray_CheckExact(x) != 0;
}

NUMPY_BRIDGE_INLINE bool describe_plain(PyObject* x, const requirements& r, scoped_buffer& buffer,
                                        plain_memory& out) noexcept {
    const torch_library* torch = torch_library::known();
    if (torch != nullptr && torch->is_exact_tensor(x)) {
        if (torch->exchange_api() == nullptr || (r.checked && may_be_packed(r.dtypes))) return false;
        const torch_layout& layout = torch->layout;
        if (!layout.known() || !describe_plain_tensor(*torch, x, out.strides, out.m)) return false;
        const storage_extent storage = layout.storage_of(x);
        out.seen = engine::witness_of_storage(x, storage);
        if (!r.checked) return true; // else what `check_tensor` finds out, at a glance
        return layout.is_ordinary(x) && engine::lies_inside(out.m, storage) && (!r.writable || layout.is_untracked(x));
    }
    if (!is_builtin_buffer(x) || !buffer.take(x)) return false;
    if (describe_plain_buffer(buffer.view(), out.m)) return true;
    buffer.reset();
    return false;
}

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
