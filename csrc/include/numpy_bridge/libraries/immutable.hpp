/// Libraries whose arrays must never be written, even if their protocols allow it.
#pragma once

#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

/// jax and TensorFlow arrays are values, and so are pyarrow's arrays; pyarrow.Tensor and pyarrow.Buffer report
/// themselves whether they are read-only.
bool is_immutable(PyObject* x);

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/libraries/immutable.cpp"
#endif
