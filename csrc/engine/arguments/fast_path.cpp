#include <numpy_bridge/arguments/fast_path.hpp>

#include <numpy_bridge/arguments/load.hpp>
#include <numpy_bridge/import.hpp>
#include <numpy_bridge/libraries/torch_tensor.hpp>
#include <numpy_bridge/libraries/view.hpp>

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

NUMPY_BRIDGE_INLINE kept_for_call::of_import::~of_import() = default;

/// torch passes its integers of less than a byte off as whole ones, and has to be asked.
constexpr bool may_be_packed(dtype_set accepted) noexcept {
    return (accepted & (set_of(dtype::int8) | set_of(dtype::uint8))) != 0;
}

inline memory described_as(not_plain why) noexcept {
    memory m;
    m.ndim = why;
    return m;
}

/// What an exchange table has written, if it is plain.
NUMPY_BRIDGE_INLINE memory describe_plain_table(const dlpack::tensor& t, dims& strides) noexcept {
    const auto id = from_dlpack(t.dtype);
    if (!id || t.device.type != device_type::cpu || t.ndim < 1 || t.ndim > max_ndim || t.shape == nullptr ||
        t.strides == nullptr)
        return described_as(not_plain_at_all);
    for (int i = 0; i < t.ndim; ++i)
        if (overflows(t.strides[i], static_cast<std::int64_t>(itemsize(*id)), strides[static_cast<std::size_t>(i)]))
            return described_as(not_plain_at_all);
    const memory m =
        host_memory(dlpack::first_element(t), {*id, byte_order::native}, false, t.ndim, t.shape, strides.data());
    return t.data != nullptr && is_plainly_valid(m) ? m : described_as(not_plain_at_all);
}

/// `lies_inside` for memory that is plainly valid: it has elements, and no bound overflows.
inline bool plainly_lies_inside(const memory& m, storage_extent storage) noexcept {
    std::int64_t low = 0, high = itemsize(m);
    for (int i = 0; i < m.ndim; ++i) {
        const std::int64_t reach = m.strides[i] * (m.shape[i] - 1);
        (reach < 0 ? low : high) += reach;
    }
    return storage.size >= 0 && m.data + low >= storage.data && m.data + high <= storage.data + storage.size;
}

NUMPY_BRIDGE_INLINE memory describe_plain_tensor(const torch_library& torch, PyObject* x, const requirements& r,
                                                 dims& strides, engine::witness& seen) noexcept {
    if (!torch.layout.known() || (r.checked && may_be_packed(r.dtypes))) return described_as(not_plain_at_all);
    dlpack::tensor t; // filled in by torch
    t.byte_offset = 0;
    if (torch.exchange_api()->tensor_from_object(x, &t) != 0) {
        PyErr_Clear();
        return described_as(not_plain_at_all);
    }
    const memory m = describe_plain_table(t, strides);
    if (m.ndim < 0) return m;
    const torch_layout& layout = torch.layout;
    const storage_extent storage = layout.storage_of(x);
    seen = engine::witness_of_storage(x, storage);
    if (!r.checked) return m;
    const bool ordinary = // the fast form of `check_tensor`
        layout.is_ordinary(x) && plainly_lies_inside(m, storage) && (!r.writable || layout.is_untracked(x));
    return ordinary ? m : described_as(not_plain_at_all);
}

/// An ndarray of a subclass. Masks are left to `load_argument`.
NUMPY_BRIDGE_INLINE memory describe_plain_subclass(PyObject* x, const requirements& r, engine::witness& seen) {
    memory m;
    if (engine::is_masked_array(x) || !describe_plain_array(x, r.record, m)) return described_as(not_plain_at_all);
    seen.object = x;
    seen.still_there = engine::is_array_unmoved;
    return m;
}

/// A View keeps its memory in place, so there is nothing to compare later.
NUMPY_BRIDGE_INLINE memory describe_plain_view(const engine::view_functions& views, PyObject* x) noexcept {
    engine::view_memory seen; // filled in by the View
    if (!views.read(x, &seen)) return described_as(not_plain_at_all);
    const auto id = from_dlpack(seen.type);
    if (!id || seen.ndim < 0 || seen.ndim > max_ndim) return described_as(not_plain_at_all);
    const memory m =
        host_memory(seen.data, {*id, byte_order::native}, seen.readonly != 0, seen.ndim, seen.shape, seen.strides);
    return is_plainly_valid(m) ? m : described_as(not_plain_at_all);
}

/// An object with an exchange table that belongs to no known library.
NUMPY_BRIDGE_INLINE memory describe_by_table(PyObject* x, const requirements& r, dims& strides, engine::witness& seen) {
    const dlpack::exchange_api* api = engine::peek_exchange_api(Py_TYPE(x));
    const engine::view_functions* views = api != nullptr ? engine::find_functions_of(x) : nullptr;
    if (views != nullptr) return describe_plain_view(*views, x);
    const auto table = reinterpret_cast<std::uintptr_t>(api);
    const bool usable = api != nullptr && api->tensor_from_object != nullptr && !has_no_memory(x) &&
                        engine::has_own_class(x) && engine::find_library(x) == nullptr &&
                        (!r.writable || engine::is_of_mutable(table));
    if (!usable) return described_as(not_plain_at_all);
    dlpack::tensor t{};
    if (api->tensor_from_object(x, &t) != 0) {
        PyErr_Clear();
        return described_as(needs_hold);
    }
    if (t.byte_offset != 0) return described_as(not_plain_at_all);
    seen = {x, engine::is_unmoved_for_producer, {table, 0}};
    return describe_plain_table(t, strides);
}

NUMPY_BRIDGE_INLINE memory describe_plain_buffer(const Py_buffer& view) noexcept {
    if (view.ndim < 1 || view.ndim > max_ndim || view.shape == nullptr || view.strides == nullptr ||
        view.suboffsets != nullptr || view.itemsize <= 0)
        return described_as(not_plain_at_all);
    const auto type = from_format(view.format == nullptr ? "B" : view.format, static_cast<std::size_t>(view.itemsize));
    if (!type) return described_as(not_plain_at_all);
    const memory m =
        host_memory(view.buf, *type, view.readonly != 0, view.ndim, reinterpret_cast<const std::int64_t*>(view.shape),
                    reinterpret_cast<const std::int64_t*>(view.strides));
    return is_plainly_valid(m) && byte_count(m) == view.len ? m : described_as(not_plain_at_all);
}

/// Objects of Python's own that have a buffer and no other protocol.
NUMPY_BRIDGE_INLINE bool is_builtin_buffer(PyObject* x) noexcept {
    return PyMemoryView_Check(x) != 0 || PyBytes_CheckExact(x) != 0 || PyByteArray_CheckExact(x) != 0;
}

NUMPY_BRIDGE_INLINE memory describe_plain(PyObject* x, const requirements& r, scoped_buffer& buffer, dims& strides,
                                          engine::witness& seen) {
    if (const engine::view_functions* views = engine::known_functions_of(x)) return describe_plain_view(*views, x);
    if (is_builtin_buffer(x))
        return buffer.take(x) ? describe_plain_buffer(buffer.view()) : described_as(not_plain_at_all);
    const torch_library* torch = torch_library::known();
    if (torch != nullptr && torch->is_exact_tensor(x))
        return torch->exchange_api() != nullptr ? describe_plain_tensor(*torch, x, r, strides, seen)
                                                : described_as(not_plain_at_all);
    if (engine::is_array(x)) return describe_plain_subclass(x, r, seen);
    return describe_by_table(x, r, strides, seen);
}

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
