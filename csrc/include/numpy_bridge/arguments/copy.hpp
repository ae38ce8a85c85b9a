/// Copies of arguments that allow them.
#pragma once

#include <numpy_bridge/arguments/constraints.hpp>
#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// A new tensor for a tensor, else a new ndarray, with the values of `x` as `r` requires: in its own dtype if that is
/// accepted, else in the widest accepted one. Raises TypeError or sharing_error for values that cannot be converted
/// by NumPy's rule "same_kind".
py::object converted(PyObject* x, const requirements& r);

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/arguments/copy.cpp"
#endif
