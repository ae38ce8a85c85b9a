#pragma once

#include <numpy_bridge/memory.hpp>

/// The sum of float64 elements without gaps.
double total(const numpy_bridge::memory& values);
