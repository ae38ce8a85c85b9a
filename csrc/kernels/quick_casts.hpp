/// The conversions that have kernels of their own.
#pragma once

#include <cstdint>
#include <type_traits>

#include "cast.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

/// A conversion.
struct cast_pair {
    dtype to, from;
};

/// The conversion that results in the same bits, and stands for several: integers keep their low bits, so that a sign
/// matters only where it is extended.
constexpr cast_pair representative(cast_pair cast) noexcept {
    const bool extends = info(cast.to).itemsize > info(cast.from).itemsize;
    const bool integers = is_integer(cast.to) && is_integer(cast.from);
    return {as_unsigned(cast.to), integers && !extends ? as_unsigned(cast.from) : cast.from};
}

/// True if the conversion moves bits, and does nothing to them.
constexpr bool is_move(cast_pair cast) noexcept {
    const cast_pair same = representative(cast);
    return same.to == same.from;
}

/// True if the pair has kernels: of real numbers that `can_cast`, whatever their signs, and its own representative.
constexpr bool has_kernels(cast_pair cast) noexcept {
    const cast_pair same = representative(cast);
    const bool integers = is_integer(cast.to) && is_integer(cast.from); // whose signs may be dropped here
    return same.to == cast.to && same.from == cast.from && cast.to != cast.from && !is_complex(cast.to) &&
           !is_complex(cast.from) && (integers || can_cast(cast.from, cast.to));
}

template <class To, class From>
inline constexpr bool is_quick_cast = has_kernels({dtype_of_number<To>, dtype_of_number<From>});

/// Calls `body` with a zero of each type of the pair that stands for this one. False if that has no kernels.
template <class Body> bool with_quick_cast(cast_pair cast, const Body& body) {
    const cast_pair same = representative(cast);
    bool found = false;
    with_number_or_float8(same.to, [&](auto to) {
        using To = decltype(to);
        with_number_or_float8(same.from, [&](auto from) {
            if constexpr (is_quick_cast<To, decltype(from)>) {
                body(To{}, from);
                found = true;
            }
        });
    });
    return found;
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
