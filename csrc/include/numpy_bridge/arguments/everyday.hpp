/// The quick way for the arguments that nearly every call has: plain ndarrays, tensors and buffers.
///
/// Whatever is accepted here would be accepted by `import_for_call`, with the same result. What is not
/// plain, or does not fit, is left to that: nothing here raises, so nothing here explains.
#pragma once

#include <cstdint>
#include <utility>

#include <numpy_bridge/arguments/borrow.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// `meets_all` with requirements known at compile time, which takes a quarter of the time.
template <const requirements& Wanted, mismatch... All>
bool meets_every(std::integer_sequence<mismatch, All...>, const memory& m) noexcept {
    return (meets<All>(Wanted, m) && ...);
}
template <const requirements& Wanted> bool meets_every(const memory& m) noexcept {
    return meets_every<Wanted>(all_mismatches{}, m);
}

/// A buffer export for the length of a call.
class scoped_buffer {
public:
    scoped_buffer() noexcept { view_.obj = nullptr; } // the other fields are never read then
    scoped_buffer(const scoped_buffer&) = delete;
    scoped_buffer& operator=(const scoped_buffer&) = delete;
    ~scoped_buffer() {
        if (view_.obj != nullptr) release();
    }

    /// False where `x` refuses; no exception is left.
    bool take(PyObject* x) noexcept {
        if (PyObject_GetBuffer(x, &view_, PyBUF_FULL_RO) == 0) return true;
        PyErr_Clear();
        view_.obj = nullptr;
        return false;
    }

    /// Leaves an exception that is on its way to the caller alone.
    void release() noexcept {
        if (PyErr_Occurred() == nullptr) return PyBuffer_Release(&view_);
        PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
        PyErr_Fetch(&type, &value, &traceback);
        PyBuffer_Release(&view_);
        PyErr_Restore(type, value, traceback);
    }

    const Py_buffer& view() const noexcept { return view_; }

private:
    Py_buffer view_;
};

inline bool describe_plain_array(PyObject* x, memory& out) noexcept {
    const auto& array = *reinterpret_cast<const numpy_abi::array*>(x);
    const auto id = from_numpy_number(array.descr->number);
    if (!id || !numpy_abi::is_native(*array.descr)) return false;
    out = {reinterpret_cast<std::byte*>(array.data),
           {*id, byte_order::native},
           cpu_device,
           (array.flags & numpy_abi::flag_writeable) == 0,
           array.ndim,
           reinterpret_cast<const std::int64_t*>(array.shape),
           reinterpret_cast<const std::int64_t*>(array.strides)};
    return is_plainly_valid(out);
}

/// A tensor on the CPU; `strides` gives room for what `out` refers to.
inline bool describe_plain_tensor(const torch_library& torch, PyObject* x, dims& strides, memory& out) noexcept {
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

/// torch passes its integers of less than a byte off as whole ones, and has to be asked.
constexpr bool may_be_packed(dtype_set accepted) noexcept {
    return (accepted & (set_of(dtype::int8) | set_of(dtype::uint8))) != 0;
}

/// What `check_tensor` finds out, at a glance.
inline bool is_plain_tensor(const torch_layout& layout, PyObject* x, const memory& m, bool writes) noexcept {
    return layout.known() && layout.is_ordinary(x) && lies_inside(m, layout.storage_of(x)) &&
           (!writes || layout.is_untracked(x));
}

inline bool describe_plain_buffer(const Py_buffer& view, memory& out) noexcept {
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

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
