/// Structs and long doubles as elements. Optional: including it needs NumPy's support in pybind11.
///
///     struct point { float x, y; };
///     PYBIND11_NUMPY_DTYPE(point, x, y);  // in PYBIND11_MODULE
///     m.def("shift", [](borrowed<point> points, float by) { for (...) points(i).x += by; });
///
/// An array fits if NumPy calls its dtype equal to the registered one: names, types, offsets and size of all fields.
/// `allow_copy` accepts other byte orders and paddings, too.
#pragma once

#include <complex>
#include <stdexcept>
#include <type_traits>

#include <pybind11/gil_safe_call_once.h>
#include <pybind11/numpy.h>

#include <numpy_bridge/arguments/constraints.hpp>
#include <numpy_bridge/opaque.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

template <class T>
inline constexpr bool is_record = py::detail::is_pod_struct<T>::value || std::is_same_v<T, long double> ||
                                  std::is_same_v<T, std::complex<long double>>;

/// What was registered for T; pybind11 keeps it alive. Raises RuntimeError if nothing was.
template <class T> void* dtype_of_record() {
    PYBIND11_CONSTINIT static py::gil_safe_call_once_and_store<void*> dtype;
    const auto registered = []() -> void* {
        try {
            return py::dtype::of<T>().release().ptr();
        } catch (const std::runtime_error&) {
            throw std::runtime_error(py::type_id<T>() + " has no dtype: register its fields in the module with " +
                                     "PYBIND11_NUMPY_DTYPE(" + py::type_id<T>() + ", ...)");
        }
    };
    return dtype.call_once_and_store_result(registered).get_stored();
}

template <class T> bool describes_record(const memory& found) {
    return engine::has_dtype(found, static_cast<PyObject*>(dtype_of_record<T>()));
}

} // namespace detail

template <class T> struct element<T, std::enable_if_t<detail::is_record<T> && !dtype_of<T>()>> {
    static constexpr dtype id = dtype::opaque;
    static constexpr detail::record_type record{sizeof(T), &detail::dtype_of_record<T>, &detail::describes_record<T>};
};

NUMPY_BRIDGE_NAMESPACE_END
