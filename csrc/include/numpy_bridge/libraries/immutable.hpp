/// Libraries whose arrays must never be written, even if their protocols allow it.
#pragma once

#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

/// Whether the type of `x`, or one that it inherits from, is immutable, or computes the values that it lends: a write
/// would change its cache only. Types that report themselves whether they are read-only are not in the list.
bool is_immutable(PyObject* x);

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/libraries/immutable.cpp"
#endif
