#include <array>
#include <tuple>
#include <utility>

#include "cast.hpp"
#include "rows.hpp"
#include "unaligned.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

namespace {

template <class To, class From> void cast_packed(std::byte* to, const std::byte* from, std::int64_t n) {
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i)
        store(to + i * static_cast<std::int64_t>(sizeof(To)),
              cast<To>(load<From>(from + i * static_cast<std::int64_t>(sizeof(From)))));
}

template <std::size_t From, std::size_t To> constexpr cast_row row_of() noexcept {
    if constexpr (From != To && can_cast(static_cast<dtype>(From), static_cast<dtype>(To)))
        return cast_packed<std::tuple_element_t<To, number_types>, std::tuple_element_t<From, number_types>>;
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

} // namespace

cast_row cast_row_of(dtype from, dtype to) noexcept {
    return rows[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)];
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
