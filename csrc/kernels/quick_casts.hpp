/// The conversions that have kernels of their own. All others share one, which decodes each element.
#pragma once

#include <cstdint>
#include <type_traits>

#include "cast.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

/// True for what masks, pictures, quantised numbers, indices and counts are made of.
constexpr bool is_common_integer(dtype id) noexcept {
    return id == dtype::boolean || id == dtype::uint8 || id == dtype::int8 || id == dtype::int32 || id == dtype::int64;
}

/// True if the pair has kernels. Kernels for all pairs would be the larger part of the wheel: these are every two
/// floats, common integers to floats, but only the long ones to float64, and the conversions to int32 and int64 that
/// indices and counts take.
constexpr bool has_kernels(cast_pair cast) noexcept {
    const cast_pair same = representative(cast);
    if (same.to != cast.to || same.from != cast.from || cast.to == cast.from) return false;
    if (is_floating(cast.to) && is_floating(cast.from)) return can_cast(cast.from, cast.to);
    const bool is_long = info(cast.from).itemsize >= 4;
    if (is_float8(cast.to) || (is_integer(cast.to) && cast.from == dtype::int8)) return false;
    if (cast.to == dtype::uint32 && cast.from == dtype::uint64) return true;
    const bool to_integer = cast.to == dtype::uint32 || cast.to == dtype::uint64;
    return is_common_integer(cast.from) &&
           (is_partner_of_float8(cast.to) || to_integer || (cast.to == dtype::float64 && is_long));
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
