#include <type_traits>

#include "cast.hpp"
#include "rows.hpp"
#include "simd.hpp"
#include "unaligned.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

namespace {

/// Complex numbers are stored part by part: compilers do not vectorise the store of a struct.
template <class To, class From> NUMPY_BRIDGE_EVERYWHERE inline void store_cast(std::byte* to, From value) noexcept {
    if constexpr (has_parts<To>) {
        const To number = cast<To>(value);
        store(to, number.real);
        store(to + sizeof number.real, number.imag);
    } else {
        store(to, cast<To>(value));
    }
}

template <class To, class From>
NUMPY_BRIDGE_EVERYWHERE inline void cast_each(std::byte* target, const std::byte* source, std::int64_t n) {
    constexpr auto to_size = static_cast<std::int64_t>(sizeof(To)), from_size = static_cast<std::int64_t>(sizeof(From));
    NUMPY_BRIDGE_INDEPENDENT
    for (std::int64_t i = 0; i < n; ++i) store_cast<To>(target + i * to_size, load<From>(source + i * from_size));
}

// The one conversion that wider vectors speed up. The others are limited by memory.
NUMPY_BRIDGE_DISPATCH(cast_double_to_float, (cast_each<float, double>),
                      (std::byte * target, const std::byte* source, std::int64_t n), (target, source, n))

template <class To, class From> void cast_packed(std::byte* target, const std::byte* source, std::int64_t n) noexcept {
    if constexpr (std::is_same_v<To, float> && std::is_same_v<From, double>) cast_double_to_float(target, source, n);
    else cast_each<To, From>(target, source, n);
}

template <class To, class From> void cast_elements(loop row, std::byte* target, const std::byte* source) noexcept {
    if (row.target == std::int64_t{sizeof(To)} && row.source == std::int64_t{sizeof(From)})
        return cast_packed<To, From>(target, source, row.extent);
    std::int64_t left = row.extent;
    for (; left >= 2; left -= 2, target += 2 * row.target, source += 2 * row.source) {
        const To first = cast<To>(load<From>(source)), second = cast<To>(load<From>(source + row.source));
        store(target, first);
        store(target + row.target, second);
    }
    if (left > 0) store(target, cast<To>(load<From>(source)));
}

constexpr bool has_row(cast_pair cast) noexcept {
    const cast_pair same = representative(cast);
    const bool represents = same.to == cast.to && same.from == cast.from;
    return represents && cast.to != cast.from && dtype_between(cast) == cast.from;
}

} // namespace

cast_row cast_row_of(cast_pair cast) noexcept {
    cast_row found = nullptr;
    with_number_or_float8(cast.to, [&](auto to) {
        using To = decltype(to);
        with_number_or_float8(cast.from, [&](auto from) {
            using From = decltype(from);
            if constexpr (has_row({dtype_of_number<To>, dtype_of_number<From>})) found = cast_elements<To, From>;
        });
    });
    return found;
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
