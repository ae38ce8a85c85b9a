/// Conversion of rows on the CPU: one loop for every pair of types.
#pragma once

#include <cstddef>
#include <cstdint>

#include <numpy_bridge/dtype.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

/// Converts `n` elements that lie side by side, at any address.
using cast_row = void (*)(std::byte* to, const std::byte* from, std::int64_t n);

/// The loop for two different types of numbers for which `can_cast` holds.
cast_row cast_row_of(dtype from, dtype to) noexcept;

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
