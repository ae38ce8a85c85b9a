/// The copies that `numpy_bridge.copying` makes.
#pragma once

#include <numpy_bridge/python.hpp>

namespace numpy_bridge {

/// What the function of that module makes of `x`.
inline py::object copied(const char* function, py::handle x) {
    return detail::called(py::module_::import("numpy_bridge.copying").attr(function), py::make_tuple(x));
}

} // namespace numpy_bridge
