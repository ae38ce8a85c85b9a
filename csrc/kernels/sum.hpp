/// Which dtypes can be added, and the sum of two elements.
#pragma once

#include <type_traits>

#include <numpy_bridge/dtype.hpp>

#include "elements.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

/// Integers wrap around; floats are rounded once.
template <class T> NUMPY_BRIDGE_HOST_DEVICE inline T sum(T a, T b) noexcept { return static_cast<T>(a + b); }
NUMPY_BRIDGE_HOST_DEVICE inline float16 sum(float16 a, float16 b) noexcept {
    return to_float16(to_float(a) + to_float(b));
}
NUMPY_BRIDGE_HOST_DEVICE inline bfloat16 sum(bfloat16 a, bfloat16 b) noexcept {
    return to_bfloat16(to_float(a) + to_float(b));
}
template <class T> NUMPY_BRIDGE_HOST_DEVICE inline complex<T> sum(complex<T> a, complex<T> b) noexcept {
    return {sum(a.real, b.real), sum(a.imag, b.imag)};
}

/// False for bool, and for floats of a byte or less: libraries disagree on their sums.
constexpr bool has_sum(dtype id) noexcept { return is_number(id) && id != dtype::boolean; }

/// The floats that processors convert but rarely add, and pairs of them.
template <class T>
inline constexpr bool is_half = std::is_same_v<part_of<T>, float16> || std::is_same_v<part_of<T>, bfloat16>;

/// Calls `body` with a zero of the type in which elements of `id` are added: signed integers as unsigned ones, whose
/// sums have the same bits. Needs `has_sum(id)`.
template <class Body> NUMPY_BRIDGE_EVERYWHERE inline void with_summand(dtype id, const Body& body) {
    with_number(as_unsigned(id), [&](auto zero) NUMPY_BRIDGE_EVERYWHERE {
        using T = decltype(zero);
        if constexpr (!std::is_same_v<T, boolean> && !(std::is_integral_v<T> && std::is_signed_v<T>)) body(zero);
    });
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
