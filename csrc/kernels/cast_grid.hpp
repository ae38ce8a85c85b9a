/// Conversions by a grid of threads: what each of them does.
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

/// Rows side by side in memory, aligned to groups of elements.
struct packed_cast {
    std::byte* target;
    const std::byte* source;
    std::uint32_t elements;
};

/// Elements that are converted at once: what 16 bytes of the narrower type hold, but at most two vectors of the wider.
template <class To, class From>
inline constexpr std::uint32_t group_of = std::min(2 * std::min(items_per_vector<To>, items_per_vector<From>),
                                                   std::max(items_per_vector<To>, items_per_vector<From>));

/// The elements that a thread of `blocks_for_cast` blocks converts.
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
    const std::uint32_t element = groups * lanes + item_of(at, 0); // behind the last group
    if (element < p.elements && item_of(at, 0) < lanes)
        reinterpret_cast<To*>(p.target)[element] = cast<To>(reinterpret_cast<const From*>(p.source)[element]);
}

/// The conversions that have a kernel of their own. All others are told apart element by element.
using quick_casts =
    std::tuple<std::pair<float, double>, std::pair<double, float>, std::pair<float, float16>, std::pair<float16, float>,
               std::pair<float, bfloat16>, std::pair<bfloat16, float>, std::pair<float16, bfloat16>,
               std::pair<bfloat16, float16>, std::pair<std::int32_t, std::int64_t>,
               std::pair<std::int64_t, std::int32_t>, std::pair<float, std::uint8_t>, std::pair<float, std::int32_t>>;

template <class To, class From> std::uint32_t blocks_for_cast(std::uint32_t elements) noexcept {
    return blocks_for(std::max(elements / group_of<To, From>, 1U));
}

namespace detail {

template <class T> constexpr dtype id_of() noexcept {
    if constexpr (std::is_same_v<T, float16>) return dtype::float16;
    else if constexpr (std::is_same_v<T, bfloat16>) return dtype::bfloat16;
    else return *dtype_of<T>();
}

template <class Body, class... To, class... From>
bool try_casts(dtype to, dtype from, const Body& body, std::tuple<std::pair<To, From>...>) {
    const auto attempt = [&](auto target, auto source) {
        if (id_of<decltype(target)>() != to || id_of<decltype(source)>() != from) return false;
        body(target, source);
        return true;
    };
    return (attempt(To{}, From{}) || ...);
}

} // namespace detail

/// Calls `body` with a value of each type if the pair is one of `quick_casts`, else returns false.
template <class Body> bool with_quick_cast(dtype to, dtype from, const Body& body) {
    return detail::try_casts(to, from, body, quick_casts{});
}

/// A number in the widest type of its kind, which holds it exactly.
struct widest {
    enum class kind : std::uint8_t { unsigned_integer, signed_integer, real, complex } of;
    std::uint64_t integer; ///< also the bits of signed ones
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
    if constexpr (is_complex<T>::value) return {kind::complex, 0, cast<double>(x.real), cast<double>(x.imag)};
    else if constexpr (std::is_same_v<T, boolean>) return {kind::unsigned_integer, plain(x), 0, 0};
    else if constexpr (std::is_integral_v<T>)
        return {std::is_signed_v<T> ? kind::signed_integer : kind::unsigned_integer, static_cast<std::uint64_t>(x), 0,
                0};
    else return {kind::real, 0, cast<double>(x), 0};
}

template <class T> NUMPY_BRIDGE_HOST_DEVICE inline T narrow(const widest& x) noexcept {
    if constexpr (is_complex<T>::value) {
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

/// Calls `body` with a value of the type of `id`, which is a number.
template <class Body> NUMPY_BRIDGE_HOST_DEVICE inline void with_number(dtype id, Body body) {
    switch (id) {
    case dtype::boolean:
        return body(boolean{});
    case dtype::int8:
        return body(std::int8_t{});
    case dtype::int16:
        return body(std::int16_t{});
    case dtype::int32:
        return body(std::int32_t{});
    case dtype::int64:
        return body(std::int64_t{});
    case dtype::uint8:
        return body(std::uint8_t{});
    case dtype::uint16:
        return body(std::uint16_t{});
    case dtype::uint32:
        return body(std::uint32_t{});
    case dtype::uint64:
        return body(std::uint64_t{});
    case dtype::float16:
        return body(float16{});
    case dtype::float32:
        return body(float{});
    case dtype::float64:
        return body(double{});
    case dtype::complex32:
        return body(complex<float16>{});
    case dtype::complex64:
        return body(complex<float>{});
    case dtype::complex128:
        return body(complex<double>{});
    default:
        return body(bfloat16{});
    }
}

} // namespace detail

NUMPY_BRIDGE_HOST_DEVICE inline widest decode(element_codec from, const std::byte* source) noexcept {
    widest value{};
    detail::with_number(from.id, [&](auto typed) {
        auto x = *reinterpret_cast<const decltype(typed)*>(source);
        value = detail::widen(from.swapped ? detail::swapped_bytes(x) : x);
    });
    return value;
}

NUMPY_BRIDGE_HOST_DEVICE inline void encode(element_codec to, const widest& value, std::byte* target) noexcept {
    detail::with_number(to.id, [&](auto typed) {
        const auto x = detail::narrow<decltype(typed)>(value);
        *reinterpret_cast<decltype(typed)*>(target) = to.swapped ? detail::swapped_bytes(x) : x;
    });
}

/// Converts elements wherever they lie, aligned, in either byte order, between types known at run time.
NUMPY_BRIDGE_HOST_DEVICE inline void cast_strided(position at, const strided_walk& walk, element_codec to,
                                                  element_codec from) noexcept {
#if defined(__CUDACC__)
#pragma unroll 1 // the code for all types is long
#endif
    for (std::uint32_t turn = 0; turn < turns_per_thread; ++turn) {
        const std::uint32_t i = item_of(at, turn);
        if (i >= walk.elements) return;
        const offsets place = walk.of(i);
        encode(to, decode(from, walk.source + place.source), walk.target + place.target);
    }
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
