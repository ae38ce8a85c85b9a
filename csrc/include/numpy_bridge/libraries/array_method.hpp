/// NumPy's `__array__` method, import: for wrappers around an array, such as those of pandas.
#pragma once

#include <numpy_bridge/imported.hpp>
#include <numpy_bridge/libraries/numpy.hpp>
#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

/// Imports the array that `x.__array__()` returns. False if `x` has no such method. Many methods lack the
/// keyword `copy` or ignore it, so the method is called twice. Two different blocks mean
/// that it copies.
bool import_array_method(PyObject* x, const engine::request& wanted, imported& out);

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/libraries/array_method.cpp"
#endif
