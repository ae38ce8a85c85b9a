/// multiprocessing.Array and Value with a lock: wrappers around a ctypes object in shared memory.
#pragma once

#include <numpy_bridge/imported.hpp>
#include <numpy_bridge/protocols/buffer.hpp>
#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

/// Imports the ctypes object inside, without taking the lock: aliases outlive any lock. False if `x` is no
/// such wrapper.
bool import_synchronized(PyObject* x, const engine::request& wanted, imported& out);

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/libraries/multiprocessing.cpp"
#endif
