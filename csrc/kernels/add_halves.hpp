/// Addition of rows of 16-bit floats on the CPU.
#pragma once

#include <cstddef>

#include <numpy_bridge/dtype.hpp>

#include "iteration.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

/// x += y for a row of float16, bfloat16 or complex32.
void add_halves(dtype id, const loop& row, std::byte* x, const std::byte* y) noexcept;

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
