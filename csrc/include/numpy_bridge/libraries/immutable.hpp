/// Libraries whose arrays must never be written, whatever their protocols say of them.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>

#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

/// jax and TensorFlow arrays are values, and so are pyarrow's arrays; pyarrow.Tensor and pyarrow.Buffer say
/// themselves whether they may be written.
bool is_immutable(PyObject* x);

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/libraries/immutable.cpp"
#endif
