/// Refusals as Python exceptions, in extensions that know nothing of numpy_bridge's own.
#pragma once

#include <exception>
#include <utility>

#include <pybind11/gil_safe_call_once.h>

#include <numpy_bridge/error.hpp>
#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// From now on a sharing_error that leaves a function of this extension is a BufferError, as SharingError is.
void translate_refusals();

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/arguments/translate.cpp"
#endif
