/// Which numbers have the values of which others: NumPy's casting rules for the dtypes of all libraries.
#pragma once

#include <cstdint>

#include <numpy_bridge/dtype.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// What numbers a dtype has. Kinds are in the order in which each has the values of the ones before.
struct number_range {
    enum class kind : std::uint8_t { boolean, natural, integer, floating, complex, other };
    kind what;
    int digits;   ///< binary digits of an integer without its sign, or of a significand
    int exponent; ///< bits
};

constexpr number_range range_of(dtype id) noexcept {
    using kind = number_range::kind;
    const int bits = 8 * info(id).itemsize;
    switch (id) {
    case dtype::boolean:
        return {kind::boolean, 1, 0};
    case dtype::uint8:
    case dtype::uint16:
    case dtype::uint32:
    case dtype::uint64:
        return {kind::natural, bits, 0};
    case dtype::int8:
    case dtype::int16:
    case dtype::int32:
    case dtype::int64:
        return {kind::integer, bits - 1, 0};
    case dtype::float16:
        return {kind::floating, 11, 5};
    case dtype::bfloat16:
        return {kind::floating, 8, 8};
    case dtype::float32:
        return {kind::floating, 24, 8};
    case dtype::float64:
        return {kind::floating, 53, 11};
    case dtype::complex32:
        return {kind::complex, 11, 5};
    case dtype::complex64:
        return {kind::complex, 24, 8};
    case dtype::complex128:
        return {kind::complex, 53, 11};
    case dtype::float8_e4m3:
    case dtype::float8_e4m3fn:
        return {kind::floating, 4, 4};
    case dtype::float8_e5m2:
        return {kind::floating, 3, 5};
    default: // their zeros, infinities and ranges differ from the others'
        return {kind::other, 0, 0};
    }
}

constexpr number_range::kind kind_of(dtype id) noexcept { return range_of(id).what; }

} // namespace detail

/// NumPy's casting="same_kind": to a number's own or a wider kind. Fractions, imaginary parts and signs are never
/// dropped, but large values may wrap around or become infinite.
constexpr bool is_same_kind(dtype from, dtype to) noexcept {
    using detail::kind_of;
    return kind_of(from) <= kind_of(to) && kind_of(to) != detail::number_range::kind::other;
}

/// NumPy's casting="safe", which takes the integers of 64 bits for values of float64.
constexpr bool keeps_values(dtype from, dtype to) noexcept {
    using kind = detail::number_range::kind;
    const detail::number_range f = detail::range_of(from), t = detail::range_of(to);
    if (!is_same_kind(from, to)) return false;
    if (f.what == kind::floating && info(to).itemsize == 1) return false; // each has other infinities
    if (f.what == kind::boolean) return true;
    if (f.what == kind::floating || f.what == kind::complex) return f.digits <= t.digits && f.exponent <= t.exponent;
    const bool to_fractions = t.what == kind::floating || t.what == kind::complex;
    return f.digits <= t.digits || (to_fractions && t.digits == 53);
}

NUMPY_BRIDGE_NAMESPACE_END
