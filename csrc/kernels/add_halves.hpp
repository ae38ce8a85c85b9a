/// Addition of rows of 16-bit floats on the CPU.
#pragma once

#include <cstddef>

#include "add.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

/// x += y for a row of float16, bfloat16 or pairs of them.
void add_halves(addition how, const loop& row, std::byte* x, const std::byte* y) noexcept;

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
