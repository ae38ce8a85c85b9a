/// Copies of arguments that allow them.
#pragma once

#include <optional>

#include <numpy_bridge/arguments/constraints.hpp>
#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// The accepted dtype to convert to: the same; else the narrowest that keeps every value (NumPy's rule "safe", for all
/// libraries); else, if `may_narrow`, the widest of the nearest kind ("same_kind"). Nothing if there is none.
std::optional<dtype> best_dtype(dtype_set accepted, dtype found, bool may_narrow) noexcept;

/// The first accepted dtype.
inline dtype first_of(dtype_set accepted) noexcept {
    for (const dtype_info& row : dtype_table)
        if ((accepted & set_of(row.id)) != 0) return row.id;
    return dtype::float64;
}

/// NumPy's dtype that `r.record` names. Raises RuntimeError if it is not registered.
inline py::object record_dtype(const requirements& r) {
    return py::reinterpret_borrow<py::object>(static_cast<PyObject*>(r.record.dtype()));
}

/// Whether two of NumPy's dtypes have fields of the same names, in the same order, or neither has any. NumPy assigns
/// fields by their position, whatever their names are.
bool has_same_fields(const py::object& found, const py::object& wanted);

/// A new ndarray of the numbers that `numpy.asarray(x)` has; see `array_like`. Raises TypeError if they do not fit,
/// and what NumPy raises.
py::object array_of_values(PyObject* x, const requirements& r);

/// A new tensor for a tensor, else a new ndarray, with the values of `x` as `r` requires. Raises TypeError or
/// sharing_error for values that cannot be converted.
py::object converted(PyObject* x, const requirements& r);

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/arguments/copy.cpp"
#endif
