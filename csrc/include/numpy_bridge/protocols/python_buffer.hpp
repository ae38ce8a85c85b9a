/// PEP 688 before Python 3.12: a `__buffer__` method written in Python, which the C API of these versions ignores.
#pragma once

#include <numpy_bridge/imported.hpp>
#include <numpy_bridge/protocols/buffer.hpp>
#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

/// An export of the memoryview that `__buffer__` returned. `producer` outlives it, as with every lease.
struct python_buffer {
    PyObject* producer;
    owner exported;
};

} // namespace engine

/// Imports the result of `x.__buffer__(flags)`, and calls `__release_buffer__` at the end. False if
/// `x` has no such method, or if Python itself turns it into a buffer.
bool import_python_buffer(PyObject* x, const engine::request&, imported& out);

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/protocols/python_buffer.cpp"
#endif
