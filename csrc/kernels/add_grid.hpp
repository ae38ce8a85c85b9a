/// Addition by a grid of threads: the work of one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "grid.hpp"
#include "sum.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

/// One element, repeated to fill 16 bytes. Complex numbers are read part by part.
struct constant {
    alignas(16) std::byte bytes[16];

    template <class T> NUMPY_BRIDGE_HOST_DEVICE T part(std::uint32_t element) const noexcept {
        T value;
        memcpy(&value, bytes + element % items_per_vector<T> * sizeof(T), sizeof value);
        return value;
    }
};

/// Lane by lane. GPUs add words of 32 bits, so shorter integers are added several at a time.
template <class T, std::uint32_t N>
NUMPY_BRIDGE_HOST_DEVICE inline pack<T, N> sum(const pack<T, N>& a, const pack<T, N>& b) noexcept {
    pack<T, N> result;
    if constexpr (std::is_integral_v<T> && sizeof(T) < 4) {
        constexpr std::uint32_t top_bits = sizeof(T) == 1 ? 0x80808080U : 0x80008000U;
        for (std::uint32_t i = 0; i < N; i += 4 / sizeof(T)) {
            std::uint32_t x, y;
            memcpy(&x, a.items + i, sizeof x);
            memcpy(&y, b.items + i, sizeof y);
            x = ((x & ~top_bits) + (y & ~top_bits)) ^ ((x ^ y) & top_bits); // no carry leaves its lane
            memcpy(result.items + i, &x, sizeof x);
        }
    } else {
        for (std::uint32_t i = 0; i < N; ++i) result.items[i] = sum(a.items[i], b.items[i]);
    }
    return result;
}

/// Packed operands. x is aligned to its elements, and y, if there is one, has the same address modulo 16.
struct packed_addition {
    std::byte* x;
    const std::byte* y; ///< if null, `value` is added
    vector_cut cut;
    constant value;
};

/// The work of one thread of `blocks_for(max(vectors, singles))` blocks. T is the type of a part.
template <class T> NUMPY_BRIDGE_HOST_DEVICE inline void add_packed(position at, const packed_addition& p) noexcept {
    constexpr std::uint32_t lanes = items_per_vector<T>;
    using vector = pack<T, lanes>;
    auto* x = reinterpret_cast<T*>(p.x);
    const auto* y = reinterpret_cast<const T*>(p.y);
    auto* x_vectors = reinterpret_cast<vector*>(x + p.cut.head);
    const auto* y_vectors = reinterpret_cast<const vector*>(y == nullptr ? nullptr : y + p.cut.head);
    const std::uint32_t vectors = p.cut.vectors(lanes);

    vector constant_vector;
    for (std::uint32_t i = 0; i < lanes; ++i) constant_vector.items[i] = p.value.part<T>(p.cut.head + i);
    vector sums[turns_per_thread], others[turns_per_thread];
    for (std::uint32_t turn = 0; turn < turns_per_thread; ++turn) {
        const std::uint32_t i = item_of(at, turn);
        if (i >= vectors) break;
        sums[turn] = x_vectors[i];
        others[turn] = y == nullptr ? constant_vector : y_vectors[i];
    }
    for (std::uint32_t turn = 0; turn < turns_per_thread; ++turn) {
        const std::uint32_t i = item_of(at, turn);
        if (i >= vectors) break;
        x_vectors[i] = sum(sums[turn], others[turn]);
    }
    if (const std::uint32_t i = item_of(at, 0); i < p.cut.single(lanes)) {
        const std::uint32_t element = p.cut.single_at(i, lanes);
        x[element] = sum(x[element], y == nullptr ? p.value.part<T>(element) : y[element]);
    }
}

/// The work of one thread of `blocks_for(elements)` blocks, at any strides. Without a source, `value` is added.
template <class T>
NUMPY_BRIDGE_HOST_DEVICE inline void add_strided(position at, const strided_walk& walk,
                                                 const constant& value) noexcept {
    for (std::uint32_t turn = 0; turn < turns_per_thread; ++turn) {
        const std::uint32_t i = item_of(at, turn);
        if (i >= walk.elements) return;
        const offsets offset = walk.of(i);
        T& x = *reinterpret_cast<T*>(walk.target + offset.target);
        x = sum(x,
                walk.source == nullptr ? value.part<T>(0) : *reinterpret_cast<const T*>(walk.source + offset.source));
    }
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
