/// Tensors of TensorFlow that must not be asked for their memory.
#pragma once

#include <string>

#include <numpy_bridge/memory.hpp>
#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

/// `__dlpack__` of a tensor whose elements are no numbers ends the process (TensorFlow 2.21): it is refused unasked.
void refuse_tensorflow_handles(PyObject* x);

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/libraries/tensorflow.cpp"
#endif
