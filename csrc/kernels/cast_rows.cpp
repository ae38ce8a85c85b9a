#include <array>
#include <tuple>
#include <utility>

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

template <std::size_t From, std::size_t To> constexpr cast_row row_of() noexcept {
    if constexpr (From != To && can_cast(static_cast<dtype>(From), static_cast<dtype>(To)))
        return cast_elements<std::tuple_element_t<To, number_types>, std::tuple_element_t<From, number_types>>;
    else return nullptr;
}

using rows_to_all = std::array<cast_row, number_type_count>;

template <std::size_t From, std::size_t... To> constexpr rows_to_all rows_from(std::index_sequence<To...>) noexcept {
    return {row_of<From, To>()...};
}

template <std::size_t... From>
constexpr std::array<rows_to_all, number_type_count> all_rows(std::index_sequence<From...>) noexcept {
    return {rows_from<From>(std::make_index_sequence<number_type_count>{})...};
}

constexpr auto rows = all_rows(std::make_index_sequence<number_type_count>{});

/// The loop for a pair of which one is a float8.
template <class Short> cast_row float8_row(dtype from, dtype to) noexcept {
    cast_row found = nullptr;
    const auto look = [&](auto partner) {
        using Long = decltype(partner);
        if (from == dtype_of_number<Long> && to == dtype_of_number<Short>) found = cast_elements<Short, Long>;
        if (from == dtype_of_number<Short> && to == dtype_of_number<Long>) found = cast_elements<Long, Short>;
    };
    look(float16{});
    look(bfloat16{});
    look(float{});
    return found;
}

} // namespace

cast_row cast_row_of(dtype from, dtype to) noexcept {
    const dtype narrow = is_float8(from) ? from : to;
    if (narrow == dtype::float8_e4m3fn) return float8_row<float8_e4m3fn>(from, to);
    if (narrow == dtype::float8_e5m2) return float8_row<float8_e5m2>(from, to);
    return rows[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)];
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
