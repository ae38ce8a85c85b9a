/// Conversions by a grid of threads: the work of one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "quick_casts.hpp"
#include "row_groups.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

/// Elements that are converted at once: 16 bytes of the wider type.
template <class To, class From>
inline constexpr std::uint32_t lanes_of_cast = std::min(items_per_vector<To>, items_per_vector<From>);

/// Groups of a thread. More would keep no more bytes in flight on a multiprocessor that is full of threads.
inline constexpr std::uint32_t turns_of_cast = 2;

/// The work of one thread of `blocks_for<turns_of_cast>(groups.items())` blocks.
template <class To, class From>
NUMPY_BRIDGE_HOST_DEVICE inline void cast_rows(position at, const row_groups& rows) noexcept {
    constexpr std::uint32_t lanes = lanes_of_cast<To, From>;
    using raw_source = raw_group<From, lanes>;
    using raw_target = raw_group<To, lanes>;
    const thread_groups<To, From, lanes, turns_of_cast> groups(at, rows);
    raw_source values[turns_of_cast];
    NUMPY_BRIDGE_UNROLLED
    for (std::uint32_t turn = 0; turn < turns_of_cast; ++turn)
        if (groups.whole[turn]) values[turn] = *reinterpret_cast<const raw_source*>(groups.at[turn].source);
    NUMPY_BRIDGE_UNROLLED
    for (std::uint32_t turn = 0; turn < turns_of_cast; ++turn) {
        if (!groups.whole[turn]) continue;
        const auto numbers = bits_as<pack<From, lanes>>(values[turn]);
        pack<To, lanes> results;
        NUMPY_BRIDGE_UNROLLED
        for (std::uint32_t lane = 0; lane < lanes; ++lane) results.items[lane] = cast<To>(numbers.items[lane]);
        *reinterpret_cast<raw_target*>(groups.at[turn].target) = bits_as<raw_target>(results);
    }
    groups.for_each_cut(at, rows, [](To* to, const From* from, std::uint32_t) { *to = cast<To>(*from); });
}

/// The work of one thread of `blocks_for(elements)` blocks. Converts aligned elements at any strides.
template <class To, class From>
NUMPY_BRIDGE_HOST_DEVICE inline void cast_strided(position at, const strided_walk& walk) noexcept {
    const element_places<turns_per_thread> places(at, walk);
    raw_group<From, 1> values[turns_per_thread];
    NUMPY_BRIDGE_UNROLLED
    for (std::uint32_t turn = 0; turn < turns_per_thread; ++turn)
        if (places.valid[turn])
            values[turn] = *reinterpret_cast<const raw_group<From, 1>*>(walk.source + places.at[turn].source);
    NUMPY_BRIDGE_UNROLLED
    for (std::uint32_t turn = 0; turn < turns_per_thread; ++turn)
        if (places.valid[turn])
            *reinterpret_cast<To*>(walk.target + places.at[turn].target) = cast<To>(bits_as<From>(values[turn]));
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

/// Of a complex number the real part, if T has no room for both.
template <class T> NUMPY_BRIDGE_HOST_DEVICE inline T narrow(const widest& x) noexcept {
    if constexpr (has_parts<T> || std::is_same_v<T, boolean>) {
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

/// Of an element in the first bytes of `bits`.
NUMPY_BRIDGE_HOST_DEVICE inline widest decode(element_codec from, const bits128& bits) noexcept {
    widest value{};
    with_number_or_float8(from.id, [&](auto typed) {
        auto x = typed;
        memcpy(&x, &bits, sizeof x);
        value = detail::widen(from.swapped ? detail::swapped_bytes(x) : x);
    });
    return value;
}

NUMPY_BRIDGE_HOST_DEVICE inline void encode(element_codec to, const widest& value, std::byte* target) noexcept {
    with_number_or_float8(to.id, [&](auto typed) {
        const auto x = detail::narrow<decltype(typed)>(value);
        *reinterpret_cast<decltype(typed)*>(target) = to.swapped ? detail::swapped_bytes(x) : x;
    });
}

/// The work of one thread of `blocks_for(elements)` blocks. Converts aligned elements at any strides and in either byte
/// order, between types known at run time; those of the source have `size` bytes. The code for all types is long, so
/// there is one copy of it: after the last load the elements are converted one after the other.
NUMPY_BRIDGE_HOST_DEVICE inline void cast_any(position at, const strided_walk& walk, element_codec to,
                                              element_codec from, std::int64_t size) noexcept {
    const element_places<turns_per_thread> places(at, walk);
    bits128 values[turns_per_thread];
    std::byte* targets[turns_per_thread];
    with_bits(size, [&](auto bits) {
        NUMPY_BRIDGE_UNROLLED
        for (std::uint32_t turn = 0; turn < turns_per_thread; ++turn)
            if (places.valid[turn]) {
                bits = *reinterpret_cast<const decltype(bits)*>(walk.source + places.at[turn].source);
                memcpy(&values[turn], &bits, sizeof bits);
            }
    });
    NUMPY_BRIDGE_UNROLLED
    for (std::uint32_t turn = 0; turn < turns_per_thread; ++turn)
        targets[turn] = places.valid[turn] ? walk.target + places.at[turn].target : nullptr;
    NUMPY_BRIDGE_ROLLED
    for (std::uint32_t turn = 0; turn < turns_per_thread; ++turn) {
        if (targets[0] == nullptr) return;
        encode(to, decode(from, values[0]), targets[0]);
        NUMPY_BRIDGE_UNROLLED
        for (std::uint32_t next = 1; next < turns_per_thread; ++next) { // else they would be indexed, in local memory
            values[next - 1] = values[next];
            targets[next - 1] = targets[next];
        }
    }
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
