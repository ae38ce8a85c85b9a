/// Conversions by a grid of threads: the work of one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

#include "cast.hpp"
#include "grid.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

/// Packed rows, aligned to groups of elements.
struct packed_cast {
    std::byte* target;
    const std::byte* source;
    std::uint32_t elements;
};

/// Elements that are converted at once: 16 bytes of the narrower type, but at most two vectors of the wider.
template <class To, class From>
inline constexpr std::uint32_t group_of = std::min(2 * std::min(items_per_vector<To>, items_per_vector<From>),
                                                   std::max(items_per_vector<To>, items_per_vector<From>));

/// The work of one thread of `blocks_for_cast` blocks.
template <class To, class From>
NUMPY_BRIDGE_HOST_DEVICE inline void cast_packed(position at, const packed_cast& p) noexcept {
    constexpr std::uint32_t lanes = group_of<To, From>;
    const std::uint32_t groups = p.elements / lanes;
    pack<From, lanes> values[turns_per_thread];
    for (std::uint32_t turn = 0; turn < turns_per_thread; ++turn) {
        const std::uint32_t i = item_of(at, turn);
        if (i < groups) values[turn] = reinterpret_cast<const pack<From, lanes>*>(p.source)[i];
    }
    for (std::uint32_t turn = 0; turn < turns_per_thread; ++turn) {
        const std::uint32_t i = item_of(at, turn);
        if (i < groups) {
            pack<To, lanes> results;
            for (std::uint32_t lane = 0; lane < lanes; ++lane) results.items[lane] = cast<To>(values[turn].items[lane]);
            reinterpret_cast<pack<To, lanes>*>(p.target)[i] = results;
        }
    }
    const std::uint32_t element = groups * lanes + item_of(at, 0); // after the last group
    if (element < p.elements && item_of(at, 0) < lanes)
        reinterpret_cast<To*>(p.target)[element] = cast<To>(reinterpret_cast<const From*>(p.source)[element]);
}

/// The conversions that have a kernel of their own. All others share `cast_strided`.
using quick_casts =
    std::tuple<std::pair<float, double>, std::pair<double, float>, std::pair<float, float16>, std::pair<float16, float>,
               std::pair<float, bfloat16>, std::pair<bfloat16, float>, std::pair<float16, bfloat16>,
               std::pair<bfloat16, float16>, std::pair<std::int32_t, std::int64_t>,
               std::pair<std::int64_t, std::int32_t>, std::pair<float, std::uint8_t>, std::pair<float, std::int32_t>>;

template <class To, class From> std::uint32_t blocks_for_cast(std::uint32_t elements) noexcept {
    return blocks_for(std::max(elements / group_of<To, From>, 1U));
}

namespace detail {

template <class Body, class... To, class... From>
bool with_quick_cast(dtype to, dtype from, const Body& body, const std::tuple<std::pair<To, From>...>*) {
    return ((to == dtype_of_number<To> && from == dtype_of_number<From> && (body(To{}, From{}), true)) || ...);
}

} // namespace detail

/// Calls `body` with a zero of each type if the pair is one of `quick_casts`; otherwise returns false.
template <class Body> bool with_quick_cast(dtype to, dtype from, const Body& body) {
    return detail::with_quick_cast(to, from, body, static_cast<const quick_casts*>(nullptr));
}

/// A number in the widest type of its kind, which holds it exactly.
struct widest {
    enum class kind : std::uint8_t { unsigned_integer, signed_integer, real, complex } of;
    std::uint64_t integer; ///< two's complement if signed
    double real, imag;
};

/// An element of a type known at run time, in either byte order.
struct element_codec {
    dtype id;
    bool swapped;
};

namespace detail {

template <class T> NUMPY_BRIDGE_HOST_DEVICE inline T swapped_bytes(T value) noexcept {
    if constexpr (sizeof(T) > 1) {
        unsigned char bytes[sizeof(T)];
        memcpy(bytes, &value, sizeof value);
        for (std::size_t i = 0; i < sizeof(T) / 2; ++i) {
            const unsigned char byte = bytes[i];
            bytes[i] = bytes[sizeof(T) - 1 - i];
            bytes[sizeof(T) - 1 - i] = byte;
        }
        memcpy(&value, bytes, sizeof value);
    }
    return value;
}
template <class T> NUMPY_BRIDGE_HOST_DEVICE inline complex<T> swapped_bytes(complex<T> value) noexcept {
    return {swapped_bytes(value.real), swapped_bytes(value.imag)};
}

template <class T> NUMPY_BRIDGE_HOST_DEVICE inline widest widen(T x) noexcept {
    using kind = widest::kind;
    if constexpr (has_parts<T>) return {kind::complex, 0, cast<double>(x.real), cast<double>(x.imag)};
    else if constexpr (std::is_same_v<T, boolean>) return {kind::unsigned_integer, plain(x), 0, 0};
    else if constexpr (std::is_integral_v<T>)
        return {std::is_signed_v<T> ? kind::signed_integer : kind::unsigned_integer, static_cast<std::uint64_t>(x), 0,
                0};
    else return {kind::real, 0, cast<double>(x), 0};
}

template <class T> NUMPY_BRIDGE_HOST_DEVICE inline T narrow(const widest& x) noexcept {
    if constexpr (has_parts<T>) {
        if (x.of == widest::kind::complex) return cast<T>(complex<double>{x.real, x.imag});
    }
    switch (x.of) {
    case widest::kind::unsigned_integer:
        return cast<T>(x.integer);
    case widest::kind::signed_integer:
        return cast<T>(static_cast<std::int64_t>(x.integer));
    default:
        return cast<T>(x.real);
    }
}

} // namespace detail

NUMPY_BRIDGE_HOST_DEVICE inline widest decode(element_codec from, const std::byte* source) noexcept {
    widest value{};
    with_number(from.id, [&](auto typed) {
        auto x = *reinterpret_cast<const decltype(typed)*>(source);
        value = detail::widen(from.swapped ? detail::swapped_bytes(x) : x);
    });
    return value;
}

NUMPY_BRIDGE_HOST_DEVICE inline void encode(element_codec to, const widest& value, std::byte* target) noexcept {
    with_number(to.id, [&](auto typed) {
        const auto x = detail::narrow<decltype(typed)>(value);
        *reinterpret_cast<decltype(typed)*>(target) = to.swapped ? detail::swapped_bytes(x) : x;
    });
}

/// Converts aligned elements at any strides and in either byte order, between types known at run time.
NUMPY_BRIDGE_HOST_DEVICE inline void cast_strided(position at, const strided_walk& walk, element_codec to,
                                                  element_codec from) noexcept {
#if defined(__CUDACC__)
#pragma unroll 1 // the code for all types is long
#endif
    for (std::uint32_t turn = 0; turn < turns_per_thread; ++turn) {
        const std::uint32_t i = item_of(at, turn);
        if (i >= walk.elements) return;
        const offsets offset = walk.of(i);
        encode(to, decode(from, walk.source + offset.source), walk.target + offset.target);
    }
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
