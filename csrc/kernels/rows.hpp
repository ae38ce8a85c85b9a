/// Rows of elements on the CPU: moved, converted, byte-swapped.
#pragma once

#include <cstddef>
#include <cstdint>

#include <numpy_bridge/dtype.hpp>

#include "cast.hpp"
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

/// The dtype that a conversion goes through on the CPU; that of the source if it takes one step. Conversions that are
/// seldom asked for take two, with the same result: loops for them would make the wheel larger.
constexpr dtype dtype_between(cast_pair cast) noexcept {
    if (is_floating(cast.from) && (is_integer(cast.to) || cast.to == dtype::boolean)) return dtype::float64;
    const dtype other = is_float8(cast.to) ? cast.from : cast.to;
    const bool has_float8 = is_float8(cast.to) || is_float8(cast.from);
    return has_float8 && !is_partner_of_float8(other) && other != dtype::float64 ? dtype::float32 : cast.from;
}

/// The loop for a pair that is its own `representative`, no move, and takes one step. Both are convertible.
cast_row cast_row_of(cast_pair cast) noexcept;

/// Copies `n` packed elements with reversed bytes; complex numbers part by part. `to` may be `from`.
void swap_row(dtype id, std::byte* to, const std::byte* from, std::int64_t n) noexcept;

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
