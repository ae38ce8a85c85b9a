/// NumPy's `__array__` method, import: the last word of wrappers around an array, such as pandas'.
#pragma once

#include <utility>

#include <numpy_bridge/imported.hpp>
#include <numpy_bridge/libraries/numpy.hpp>
#include <numpy_bridge/protocols/keywords.hpp>
#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

/// Imports the array that `x.__array__()` returns. False if `x` has no such method. `copy=False` is a
/// keyword that many do not know and others ignore, so the method is called twice: two different
/// blocks are copies.
bool import_array_method(PyObject* x, const request& wanted, imported& out);

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/libraries/array_method.cpp"
#endif
