/// Rows of elements on the CPU: moved, converted, byte-swapped.
#pragma once

#include <cstddef>
#include <cstdint>

#include <numpy_bridge/dtype.hpp>

#include "iteration.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

/// Works on a row. The operands share no byte.
using row_function = void (*)(const loop& row, std::byte* target, const std::byte* source);

/// Moves elements of `size` bytes, a power of two up to 16.
row_function move_row_of(std::int64_t size) noexcept;
inline void move_row(std::int64_t size, const loop& row, std::byte* target, const std::byte* source) noexcept {
    move_row_of(size)(row, target, source);
}

/// Converts a row of elements at any addresses. The operands share no byte.
using cast_row = void (*)(loop row, std::byte* target, const std::byte* source);

/// The loop for two different types of numbers for which `can_cast` holds.
cast_row cast_row_of(dtype from, dtype to) noexcept;

/// Copies `n` packed elements with reversed bytes; complex numbers part by part. `to` may be `from`.
void swap_row(dtype id, std::byte* to, const std::byte* from, std::int64_t n) noexcept;

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
