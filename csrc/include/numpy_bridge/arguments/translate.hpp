/// Refusals as Python exceptions, in extensions that do not import numpy_bridge.
#pragma once

#include <atomic>

#include <numpy_bridge/error.hpp>
#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// Whether a translator of sharing_error is registered with pybind11 or nanobind.
inline std::atomic<bool> refusals_are_translated{false};

void start_translating_refusals();

/// Registers sharing_error as a BufferError for this extension. SharingError is a BufferError, too.
inline void translate_refusals() {
    if (!refusals_are_translated.load(std::memory_order_acquire)) start_translating_refusals();
}

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/arguments/translate.cpp"
#endif
