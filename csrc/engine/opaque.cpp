#include <numpy_bridge/opaque.hpp>

#include <cstring>
#include <utility>

#include <numpy_bridge/dtype_reasons.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

NUMPY_BRIDGE_INLINE py::handle dtype_of(const memory& m) noexcept { return static_cast<PyObject*>(m.opaque.dtype); }

NUMPY_BRIDGE_INLINE bool is_opaque(py::handle dtype) {
    constexpr int long_double = 13, complex_long_double = 16, first = 18, last = 22; // bytes, text, void, times
    const auto number = to_integer(dtype.attr("num"));
    if (number != long_double && number != complex_long_double && (number < first || number > last)) return false;
    if (!dtype.attr("subdtype").is_none()) return false; // NumPy makes axes of it
    return dtype.attr("hasobject").ptr() != Py_True && to_integer(dtype.attr("itemsize")) > 0;
}

NUMPY_BRIDGE_INLINE void set_opaque(py::object dtype, imported& out) {
    out.description.type = {dtype::opaque, byte_order::native};
    out.description.opaque = {to_integer(dtype.attr("itemsize")), dtype.ptr()};
    out.elements = std::move(dtype);
}

NUMPY_BRIDGE_INLINE bool has_dtype(const memory& m, PyObject* dtype) noexcept {
    const int equal = PyObject_RichCompareBool(dtype_of(m).ptr(), dtype, Py_EQ);
    if (equal < 0) PyErr_Clear();
    return equal == 1;
}

NUMPY_BRIDGE_INLINE py::object opaque_dtype(const py::object& description) {
    try {
        py::object dtype = import_module("numpy.lib.format").attr("descr_to_dtype")(description);
        return is_opaque(dtype) ? dtype : py::object();
    } catch (py::error_already_set& error) {
        text_of_error(error); // raises errors that are not about the description
        return {};
    }
}

/// By the function with which NumPy itself reads them. A buffer of a false format would do, but NumPy 2.4 ends the
/// process on one without an exporter.
NUMPY_BRIDGE_INLINE std::optional<formatted_element> read_format(const char* format, std::int64_t itemsize) {
    constexpr std::size_t longest = 2048; // NumPy takes quadratic time for fields without names
    const std::size_t length = std::strlen(format);
    if (length > longest) return std::nullopt;
    const py::object core = imported_module("numpy._core._internal");
    try {
        const py::object read = (core ? core : import_module("numpy.core._internal")).attr("_dtype_from_pep3118");
        py::object dtype = read(stolen(PyUnicode_DecodeUTF8(format, static_cast<Py_ssize_t>(length), nullptr)));
        if (to_integer(dtype.attr("itemsize")) != itemsize) return std::nullopt;
        const py::tuple extents = to_tuple(dtype.attr("shape"));
        py::object element = dtype.attr("base");
        const py::object names = element.attr("names");
        if (!names.is_none() && py::len(names) == 0) // nothing but padding
            element = import_module("numpy").attr("dtype")(("V" + std::to_string(itemsize)).c_str());
        return formatted_element{std::move(element), extents};
    } catch (py::error_already_set& error) {
        text_of_error(error); // raises errors that are not about the format
        return std::nullopt;
    }
}

NUMPY_BRIDGE_INLINE std::string hint_for_opaque(const memory& m) {
    const std::string kind = to_text(dtype_of(m).attr("kind"));
    const py::object names = dtype_of(m).attr("names");
    if (names.is_none() || py::len(names) == 0) return detail::hint_for_described(kind[0], true);
    return "share one field at a time: numpy_bridge.fields(x)[" + to_text(py::repr(names[py::int_(0)])) + "]";
}

} // namespace engine

NUMPY_BRIDGE_INLINE std::string name_of(const memory& m) {
    return m.type.id == dtype::opaque ? engine::to_text(engine::dtype_of(m)) : name_of(m.type);
}

NUMPY_BRIDGE_NAMESPACE_END
