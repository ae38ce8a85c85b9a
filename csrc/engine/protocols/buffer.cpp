#include <numpy_bridge/protocols/buffer.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <numpy_bridge/dtype_reasons.hpp>
#include <numpy_bridge/opaque.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

NUMPY_BRIDGE_INLINE void release_buffer(void* context) {
    const release_scope scope;
    if (!scope.usable()) return;
    const std::unique_ptr<Py_buffer> view(static_cast<Py_buffer*>(context));
    const auto exporter = py::reinterpret_borrow<py::object>(view->obj); // keeps the lock inside it alive
    const py::scoped_critical_section one_at_a_time(exporter);
    PyBuffer_Release(view.get());
}

NUMPY_BRIDGE_INLINE owner hold_buffer(PyObject* x, int flags) {
    auto view = std::make_unique<Py_buffer>();
    const py::scoped_critical_section one_at_a_time{py::handle(x)};
    if (call_or_wait([&] { return PyObject_GetBuffer(x, view.get(), flags); }) != 0) return {};
    return {view.release(), release_buffer};
}

/// Appends the axes of elements that are arrays themselves, in C order.
NUMPY_BRIDGE_INLINE void append_axes(const py::tuple& extents, std::int64_t itemsize, imported& out) {
    memory& m = out.description;
    const int count = static_cast<int>(extents.size()), outer = m.ndim;
    validate_ndim(outer + count, "buffer");
    std::int64_t* inner = out.shape.data() + outer;
    for (int i = 0; i < count; ++i) inner[i] = to_integer(extents[static_cast<std::size_t>(i)]);
    fill_c_strides(count, inner, itemsize, out.strides.data() + outer);
    m.ndim += count;
}

NUMPY_BRIDGE_INLINE void describe_buffer(const Py_buffer& view, const request& wanted, imported& out) {
    constexpr const char* protocol = "buffer";
    validate_ndim(view.ndim, protocol);
    if (view.itemsize <= 0)
        refuse(protocol, "itemsize", "an itemsize of 1 byte or more", std::to_string(view.itemsize));
    const std::string_view format = view.format == nullptr ? "B" : view.format;
    auto type = from_format(format, static_cast<std::size_t>(view.itemsize));
    std::optional<formatted_element> other;
    if (!type && wanted.opaque && view.format != nullptr) other = read_format(view.format, view.itemsize);
    if (other) type = from_typestr(to_text(other->dtype.attr("str"))); // of an array of numbers
    const bool opaque = !type && other && is_opaque(other->dtype);
    if (!type && !opaque)
        refuse(protocol, "format", "a plain number per element",
               "format " + quoted(format) + ", " + std::to_string(view.itemsize) + " bytes", hint_for_format(format));
    if (view.suboffsets != nullptr)
        for (int i = 0; i < view.ndim; ++i)
            if (view.suboffsets[i] >= 0)
                refuse(protocol, "suboffsets", "one block of memory", "rows behind pointers",
                       "copy it first: memoryview(x).tobytes()");
    if (view.ndim > 0 && view.shape == nullptr && view.ndim != 1)
        refuse(protocol, "shape", std::to_string(view.ndim) + " extents", "NULL");

    for (int i = 0; i < view.ndim; ++i)
        out.shape[static_cast<std::size_t>(i)] = view.shape == nullptr ? view.len / view.itemsize : view.shape[i];
    if (view.strides == nullptr) fill_c_strides(view.ndim, out.shape.data(), view.itemsize, out.strides.data());
    else std::copy_n(view.strides, view.ndim, out.strides.begin());

    constexpr element_type unknown{dtype::opaque, byte_order::native};
    out.description = host_memory(view.buf, type.value_or(unknown), view.readonly != 0, view.ndim, out.shape.data(),
                                  out.strides.data());
    if (opaque) set_opaque(std::move(other->dtype), out);
    if (other) append_axes(other->extents, itemsize(out.description), out);
    validate(out.description, protocol);
    if (view.len != byte_count(out.description))
        refuse(protocol, "len",
               std::to_string(byte_count(out.description)) + " bytes for shape " + text_of(out.shape.data(), view.ndim),
               std::to_string(view.len));
}

} // namespace engine

NUMPY_BRIDGE_INLINE bool import_buffer(PyObject* x, const engine::request& wanted, imported& out) {
    if (PyObject_CheckBuffer(x) == 0) return false;
    out.lease = engine::hold_buffer(x);
    if (!out.lease) engine::refuse("buffer", "export", "a buffer", engine::text_of_pending_error());
    engine::describe_buffer(*static_cast<const Py_buffer*>(out.lease.context()), wanted, out);
    return true;
}

NUMPY_BRIDGE_INLINE bool import_plain_bytes(PyObject* x, const engine::request&, imported& out) {
    if (PyObject_CheckBuffer(x) == 0 || engine::hold_buffer(x)) return false;
    engine::text_of_pending_error(); // import_buffer has reported it
    out.lease = engine::hold_buffer(x, PyBUF_SIMPLE);
    if (!out.lease) {
        engine::text_of_pending_error();
        return false;
    }
    const auto& bytes = *static_cast<const Py_buffer*>(out.lease.context());
    out.shape[0] = bytes.len;
    out.strides[0] = 1;
    out.description = host_memory(bytes.buf, {dtype::uint8, byte_order::native}, bytes.readonly != 0, 1,
                                  out.shape.data(), out.strides.data());
    validate(out.description, "buffer");
    return true;
}

namespace engine {

/// The flags that `m` cannot meet, as text; null if it can. CPython's own rules: without
/// PyBUF_STRIDES the consumer assumes C order, without PyBUF_ND one run of bytes.
NUMPY_BRIDGE_INLINE const char* unmet_buffer_request(const memory& m, int flags) {
    const auto asked = [flags](int bits) { return (flags & bits) == bits; };
    const bool c_order = is_c_contiguous(layout_of(m)), f_order = is_f_contiguous(layout_of(m));
    if (!host_accessible(m.device)) return "memory on the host";
    if (asked(PyBUF_WRITABLE) && m.readonly) return "writable memory";
    if (asked(PyBUF_C_CONTIGUOUS) && !c_order) return "C-contiguous memory";
    if (asked(PyBUF_F_CONTIGUOUS) && !f_order) return "Fortran-contiguous memory";
    if (asked(PyBUF_ANY_CONTIGUOUS) && !c_order && !f_order) return "contiguous memory";
    if (!asked(PyBUF_STRIDES) && !c_order) return "C-contiguous memory";
    if (asked(PyBUF_FORMAT) && !asked(PyBUF_ND)) return "PyBUF_ND together with PyBUF_FORMAT";
    if (asked(PyBUF_FORMAT) && format_of(m.type) == nullptr) return "a dtype that PEP 3118 has a format for";
    return nullptr;
}

} // namespace engine

NUMPY_BRIDGE_INLINE void export_buffer(PyObject* exporter, const memory& m, Py_buffer* view, int flags) {
    view->obj = nullptr;
    if (const char* expected = engine::unmet_buffer_request(m, flags)) {
        const std::string got = name_of(m) + " " + text_of(m.shape, m.ndim) + ", strides " +
                                text_of(m.strides, m.ndim) + (m.readonly ? ", read-only, on " : ", on ") +
                                name_of(m.device);
        engine::refuse("buffer", "request", expected, got);
    }
    const bool with_shape = (flags & PyBUF_ND) == PyBUF_ND;
    const bool with_strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES;
    view->buf = m.data;
    view->len = byte_count(m);
    view->itemsize = itemsize(m);
    view->readonly = m.readonly ? 1 : 0;
    view->ndim = with_shape ? m.ndim : 1;
    view->format = (flags & PyBUF_FORMAT) != 0 ? const_cast<char*>(format_of(m.type)) : nullptr;
    view->shape = with_shape ? const_cast<Py_ssize_t*>(reinterpret_cast<const Py_ssize_t*>(m.shape)) : nullptr;
    view->strides = with_strides ? const_cast<Py_ssize_t*>(reinterpret_cast<const Py_ssize_t*>(m.strides)) : nullptr;
    view->suboffsets = nullptr;
    view->internal = nullptr;
    Py_INCREF(exporter);
    view->obj = exporter;
}

NUMPY_BRIDGE_NAMESPACE_END
