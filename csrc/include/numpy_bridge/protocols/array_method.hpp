/// NumPy's `__array__` method, import: the last word of wrappers around an array, such as pandas'.
#pragma once

#include <utility>

#include <numpy_bridge/imported.hpp>
#include <numpy_bridge/libraries/numpy.hpp>
#include <numpy_bridge/protocols/negotiate.hpp>
#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// What `method` answers to a request for no copy; for `purpose::copy` whatever it gives.
inline py::object call_array(const py::object& method, purpose why) {
    py::object array;
    try {
        array = why == purpose::copy ? method() : call_with_accepted(method, {{"copy", py::bool_(false)}}).result;
    } catch (py::error_already_set& error) {
        refuse("__array__", "call", "an array without a copy", text_of_error(error),
               "pass copy=None or copy=True to accept a copy");
    }
    if (!numpy_library::get().is_array(array.ptr()))
        refuse("__array__", "call", "an ndarray", "an object of type " + type_name(array));
    return array;
}

} // namespace detail

/// Imports the array that `x.__array__()` returns. False if `x` has no such method. `copy=False` is a
/// keyword that many do not know and others ignore, so the method is called twice: two different
/// blocks are copies.
inline bool import_array_method(PyObject* x, purpose why, imported& out) {
    const py::object method = detail::protocol_attribute(x, "__array__");
    if (!method) return false;
    py::object array = detail::call_array(method, why);
    import_ndarray(array.ptr(), why, out);
    out.own_extents();
    if (why != purpose::copy) {
        const py::object second = detail::call_array(method, why);
        imported again;
        import_ndarray(second.ptr(), purpose::locate, again);
        if (!detail::same_memory(out.description, again.description)) detail::refuse_copy("__array__");
    }
    out.pin = py::make_tuple(std::move(array), out.pin ? out.pin : py::none());
    return true;
}

NUMPY_BRIDGE_NAMESPACE_END
