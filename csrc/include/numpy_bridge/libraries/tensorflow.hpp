/// TensorFlow tensors whose DLPack export aborts the process.
#pragma once

#include <numpy_bridge/memory.hpp>
#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

/// `__dlpack__` of a tensor without numbers aborts the process (TensorFlow 2.21), so it is never called.
void refuse_tensorflow_handles(PyObject* x);

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/libraries/tensorflow.cpp"
#endif
