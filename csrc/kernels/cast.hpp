/// Conversion of one number to another type, and the conversions that are allowed.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

#include <numpy_bridge/casting.hpp>

#include "elements.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

/// True for the floats that are converted to and from a float8.
constexpr bool is_partner_of_float8(dtype id) noexcept {
    return id == dtype::float16 || id == dtype::bfloat16 || id == dtype::float32;
}

constexpr bool is_floating(dtype id) noexcept {
    return is_float8(id) || is_partner_of_float8(id) || id == dtype::float64;
}

/// NumPy's casting="same_kind". Of float8 only to and from the floats of 16 and 32 bits.
constexpr bool can_cast(dtype from, dtype to) noexcept {
    if (from == to) return true;
    if (is_float8(from)) return is_partner_of_float8(to);
    if (is_float8(to)) return is_partner_of_float8(from);
    return is_number(from) && is_number(to) && is_same_kind(from, to);
}

/// What a conversion may lose, in NumPy's words. Each allows all that the ones before it allow.
enum class casting : std::uint8_t { no, equiv, safe, same_kind, unsafe };

/// True for elements that are converted. All others are moved only.
constexpr bool is_convertible(dtype id) noexcept { return is_number(id) || is_float8(id); }

constexpr bool can_cast(element_type from, element_type to, casting rule) noexcept {
    const bool same = from.id == to.id;
    switch (rule) {
    case casting::no:
        return same && (from.order == to.order || info(to.id).itemsize == 1);
    case casting::equiv:
        return same;
    case casting::safe:
        return same || (can_cast(from.id, to.id) && keeps_values(from.id, to.id));
    case casting::same_kind:
        return can_cast(from.id, to.id);
    default:
        return same || (is_convertible(from.id) && is_convertible(to.id));
    }
}

/// A conversion.
struct cast_pair {
    dtype to, from;
};

/// The type of the parts of a complex number.
constexpr dtype part_of_complex(dtype id) noexcept {
    return id == dtype::complex32 ? dtype::float16 : id == dtype::complex64 ? dtype::float32 : dtype::float64;
}

/// The conversion that results in the same bits at the same addresses, and stands for several. Integers keep their low
/// bits, so that a sign matters only where it is extended. The real part of a complex number comes first.
constexpr cast_pair representative(cast_pair cast) noexcept {
    if (is_complex(cast.from) && !is_complex(cast.to) && cast.to != dtype::boolean)
        cast.from = part_of_complex(cast.from);
    const bool extends = info(cast.to).itemsize > info(cast.from).itemsize;
    const bool to_integer = is_integer(cast.to) || cast.to == dtype::boolean;
    const bool from_integer = is_integer(cast.from) || cast.from == dtype::boolean;
    return {from_integer ? as_unsigned(cast.to) : cast.to, to_integer && !extends ? as_unsigned(cast.from) : cast.from};
}

/// True if the conversion moves bits, and does nothing to them.
constexpr bool is_move(cast_pair cast) noexcept {
    const cast_pair same = representative(cast);
    return same.to == same.from;
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

// Constants, as device code cannot call the functions that give them.
template <class T> inline constexpr T lowest_of = std::numeric_limits<T>::min();
template <class T> inline constexpr T highest_of = std::numeric_limits<T>::max();

/// Truncates towards zero. NaN becomes 0, and a number out of range the nearest limit. C++ defines neither, and
/// processors differ.
template <class To, class From> NUMPY_BRIDGE_HOST_DEVICE inline To truncated(From x) noexcept {
    constexpr To lowest = lowest_of<To>, highest = highest_of<To>;
    constexpr From least = static_cast<From>(lowest);
    constexpr To half_way = static_cast<To>(highest / 2 + 1);
    constexpr From beyond = static_cast<From>(half_way) * 2; // a power of two, which is exact
    const From inside = x > least && x < beyond ? x : From{0};
    const To whole = static_cast<To>(inside);
    return x <= least ? lowest : x >= beyond ? highest : whole;
}

/// Between built-in types.
template <class To, class From> NUMPY_BRIDGE_HOST_DEVICE inline To built_in_cast(From x) noexcept {
    if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) return truncated<To>(x);
    else return static_cast<To>(x);
}

} // namespace detail

/// Rounds once, to nearest and ties to even. Integers keep their low bits. Complex numbers become complex numbers or
/// truth values only: `representative` says what stands for the others.
template <class To, class From> NUMPY_BRIDGE_HOST_DEVICE inline To cast(From x) noexcept {
    if constexpr (std::is_same_v<To, From>) {
        return x;
    } else if constexpr (has_parts<To>) {
        using part = part_of<To>;
        if constexpr (has_parts<From>) return {cast<part>(x.real), cast<part>(x.imag)};
        else return {cast<part>(x), cast<part>(boolean{0})};
    } else if constexpr (std::is_same_v<To, boolean>) {
        if constexpr (has_parts<From>) return {detail::plain(x.real) != 0 || detail::plain(x.imag) != 0};
        else return {detail::plain(x) != 0};
    } else if constexpr (std::is_same_v<To, float16>) {
        return to_float16(detail::float_for_half(detail::plain(x)));
    } else if constexpr (std::is_same_v<To, bfloat16>) {
        return to_bfloat16(detail::float_for_half(detail::plain(x)));
    } else if constexpr (std::is_same_v<To, float8_e4m3fn>) {
        return to_float8_e4m3fn(detail::float_for_half(detail::plain(x)));
    } else if constexpr (std::is_same_v<To, float8_e5m2>) {
        return to_float8_e5m2(detail::float_for_half(detail::plain(x)));
    } else {
        return detail::built_in_cast<To>(detail::plain(x));
    }
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
