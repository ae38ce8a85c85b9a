/// Conversion of one number to another type, and the conversions that are allowed.
#pragma once

#include <cstdint>
#include <type_traits>

#include <numpy_bridge/casting.hpp>

#include "elements.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

/// True for the floats that are converted to and from a float8.
constexpr bool is_partner_of_float8(dtype id) noexcept {
    return id == dtype::float16 || id == dtype::bfloat16 || id == dtype::float32;
}

/// Whether a kernel converts between these: NumPy's casting="same_kind". Of float8 only to and from the floats of 16
/// and 32 bits.
constexpr bool can_cast(dtype from, dtype to) noexcept {
    if (from == to) return true;
    if (is_float8(from)) return is_partner_of_float8(to);
    if (is_float8(to)) return is_partner_of_float8(from);
    return is_number(from) && is_number(to) && is_same_kind(from, to);
}

namespace detail {

/// A real number as a built-in type; exact.
template <class T> NUMPY_BRIDGE_HOST_DEVICE inline T plain(T x) noexcept { return x; }
NUMPY_BRIDGE_HOST_DEVICE inline std::uint8_t plain(boolean x) noexcept { return x.bits != 0 ? 1 : 0; }
NUMPY_BRIDGE_HOST_DEVICE inline float plain(float16 x) noexcept { return to_float(x); }
NUMPY_BRIDGE_HOST_DEVICE inline float plain(bfloat16 x) noexcept { return to_float(x); }
NUMPY_BRIDGE_HOST_DEVICE inline float plain(float8_e4m3fn x) noexcept { return to_float(x); }
NUMPY_BRIDGE_HOST_DEVICE inline float plain(float8_e5m2 x) noexcept { return to_float(x); }

/// A float that rounds to a format of 16 or 8 bits as `x` does. Integers go through float, as in NumPy and torch.
template <class T> NUMPY_BRIDGE_HOST_DEVICE inline float float_for_half(T x) noexcept { return static_cast<float>(x); }
NUMPY_BRIDGE_HOST_DEVICE inline float float_for_half(double x) noexcept { return rounded_to_odd(x); }

} // namespace detail

/// Rounds once, to nearest and ties to even. Integers keep their low bits.
template <class To, class From> NUMPY_BRIDGE_HOST_DEVICE inline To cast(From x) noexcept {
    if constexpr (std::is_same_v<To, From>) {
        return x;
    } else if constexpr (has_parts<To>) {
        using part = part_of<To>;
        if constexpr (has_parts<From>) return {cast<part>(x.real), cast<part>(x.imag)};
        else return {cast<part>(x), cast<part>(boolean{0})};
    } else if constexpr (std::is_same_v<To, boolean>) {
        return {detail::plain(x) != 0};
    } else if constexpr (std::is_same_v<To, float16>) {
        return to_float16(detail::float_for_half(detail::plain(x)));
    } else if constexpr (std::is_same_v<To, bfloat16>) {
        return to_bfloat16(detail::float_for_half(detail::plain(x)));
    } else if constexpr (std::is_same_v<To, float8_e4m3fn>) {
        return to_float8_e4m3fn(detail::float_for_half(detail::plain(x)));
    } else if constexpr (std::is_same_v<To, float8_e5m2>) {
        return to_float8_e5m2(detail::float_for_half(detail::plain(x)));
    } else {
        return static_cast<To>(detail::plain(x));
    }
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
