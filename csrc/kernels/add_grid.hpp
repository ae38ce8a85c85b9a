/// Addition by a grid of threads: the work of one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "row_groups.hpp"
#include "sum.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

/// One element, repeated to fill 16 bytes. Complex numbers are read part by part.
struct constant {
    alignas(16) std::byte bytes[16];

    template <class T> NUMPY_BRIDGE_HOST_DEVICE T part(std::uint32_t lane) const noexcept {
        T value;
        memcpy(&value, bytes + lane * sizeof(T), sizeof value);
        return value;
    }
};

/// Adds elements of T in a vector of 16 bytes. GPUs add words of 32 bits, so shorter integers are added several at a
/// time.
template <class T>
NUMPY_BRIDGE_HOST_DEVICE inline raw_group<T, items_per_vector<T>> sum_of(raw_group<T, items_per_vector<T>> a,
                                                                         raw_group<T, items_per_vector<T>> b) noexcept {
    if constexpr (std::is_integral_v<T> && sizeof(T) < 4) {
        constexpr std::uint32_t top_bits = sizeof(T) == 1 ? 0x80808080U : 0x80008000U;
        for (int i = 0; i < 4; ++i) {
            const std::uint32_t x = a.items[i], y = b.items[i];
            a.items[i] = ((x & ~top_bits) + (y & ~top_bits)) ^ ((x ^ y) & top_bits); // no carry leaves its lane
        }
        return a;
    } else {
        using numbers = pack<T, items_per_vector<T>>;
        auto x = bits_as<numbers>(a);
        const auto y = bits_as<numbers>(b);
        for (std::uint32_t i = 0; i < items_per_vector<T>; ++i) x.items[i] = sum(x.items[i], y.items[i]);
        return bits_as<raw_group<T, items_per_vector<T>>>(x);
    }
}

/// The operands, in groups of 16 bytes.
struct row_addition {
    row_groups groups;
    bool reads;     ///< whether there is a source
    constant value; ///< what is added to a whole group if there is none
};

/// The work of one thread of `blocks_for(groups.items())` blocks. T is the type of a part.
template <class T> NUMPY_BRIDGE_HOST_DEVICE inline void add_rows(position at, const row_addition& a) noexcept {
    constexpr std::uint32_t lanes = items_per_vector<T>;
    using raw = raw_group<T, lanes>;
    const thread_groups<T, T, lanes, turns_per_thread> groups(at, a.groups);
    const raw value = *reinterpret_cast<const raw*>(a.value.bytes);
    raw xs[turns_per_thread], ys[turns_per_thread];
    NUMPY_BRIDGE_UNROLLED
    for (std::uint32_t turn = 0; turn < turns_per_thread; ++turn) {
        if (!groups.whole[turn]) continue;
        xs[turn] = *reinterpret_cast<const raw*>(groups.at[turn].target);
        ys[turn] = a.reads ? *reinterpret_cast<const raw*>(groups.at[turn].source) : value;
    }
    NUMPY_BRIDGE_UNROLLED
    for (std::uint32_t turn = 0; turn < turns_per_thread; ++turn)
        if (groups.whole[turn]) *reinterpret_cast<raw*>(groups.at[turn].target) = sum_of<T>(xs[turn], ys[turn]);
    groups.for_each_cut(at, a.groups, [&](T* x, const T* y, std::uint32_t lane) {
        *x = sum(*x, a.reads ? *y : a.value.part<T>(lane));
    });
}

/// The work of one thread of `blocks_for<turns_of_elements<T>>(elements)` blocks, at any strides. Without a source,
/// `value` is added.
template <class T>
NUMPY_BRIDGE_HOST_DEVICE inline void add_strided(position at, const strided_walk& walk,
                                                 const constant& value) noexcept {
    constexpr std::uint32_t turns = turns_of_elements<T>;
    // Complex numbers are aligned to their parts only.
    using raw = std::conditional_t<has_parts<T>, T, raw_group<T, 1>>;
    const element_places<turns> places(at, walk);
    raw xs[turns], ys[turns];
    NUMPY_BRIDGE_UNROLLED
    for (std::uint32_t turn = 0; turn < turns; ++turn) {
        if (places.valid[turn]) xs[turn] = *reinterpret_cast<const raw*>(walk.target + places.at[turn].target);
        ys[turn] = bits_as<raw>(value.part<T>(0));
    }
    if (walk.source != nullptr) {
        NUMPY_BRIDGE_UNROLLED
        for (std::uint32_t turn = 0; turn < turns; ++turn)
            if (places.valid[turn]) ys[turn] = *reinterpret_cast<const raw*>(walk.source + places.at[turn].source);
    }
    NUMPY_BRIDGE_UNROLLED
    for (std::uint32_t turn = 0; turn < turns; ++turn)
        if (places.valid[turn])
            *reinterpret_cast<T*>(walk.target + places.at[turn].target) =
                sum(bits_as<T>(xs[turn]), bits_as<T>(ys[turn]));
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
