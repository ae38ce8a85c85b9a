/// What rows of elements go through on the CPU: moving and conversion.
#pragma once

#include <cstddef>
#include <cstdint>

#include <numpy_bridge/dtype.hpp>

#include "iteration.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

/// Moves a row of elements of `size` bytes, a power of two up to 16, whatever they mean. The operands share no byte.
void move_row(std::int64_t size, const loop& row, std::byte* target, const std::byte* source) noexcept;

/// Converts a row of elements at any addresses. The operands share no byte.
using cast_row = void (*)(loop row, std::byte* target, const std::byte* source);

/// The loop for two different types of numbers for which `can_cast` holds.
cast_row cast_row_of(dtype from, dtype to) noexcept;

/// Copies `n` elements that lie side by side with their bytes reversed; of complex numbers, those of each part. `to`
/// may be `from`.
void swap_row(dtype id, std::byte* to, const std::byte* from, std::int64_t n) noexcept;

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
