/// Addition by a grid of threads: what each of them does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "add.hpp"
#include "grid.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

/// One value for all elements, 16 bytes of it: repeated, for complex numbers part by part.
struct constant {
    alignas(16) std::byte bytes[16];

    template <class T> NUMPY_BRIDGE_HOST_DEVICE T part(std::uint32_t element) const noexcept {
        T value;
        memcpy(&value, bytes + element % items_per_vector<T> * sizeof(T), sizeof value);
        return value;
    }
};

/// Lane by lane; integers of less than 32 bits, which GPUs add one by one, several in a word.
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

/// x and y side by side in memory, x aligned to its elements, and y to as many bytes as x or not there at all.
struct packed_addition {
    std::byte* x;
    const std::byte* y; ///< null: `value`
    vector_cut cut;
    constant value;
};

/// The elements that a thread of `blocks_for(max(vectors, singles))` blocks adds.
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

/// The elements that a thread of `blocks_for(elements)` blocks adds, wherever they lie. Without a source, `value`.
template <class T>
NUMPY_BRIDGE_HOST_DEVICE inline void add_strided(position at, const strided_walk& walk,
                                                 const constant& value) noexcept {
    for (std::uint32_t turn = 0; turn < turns_per_thread; ++turn) {
        const std::uint32_t i = item_of(at, turn);
        if (i >= walk.elements) return;
        const offsets place = walk.of(i);
        T& x = *reinterpret_cast<T*>(walk.target + place.target);
        x = sum(x, walk.source == nullptr ? value.part<T>(0) : *reinterpret_cast<const T*>(walk.source + place.source));
    }
}

/// Calls `body` with a value of the type to compute with; complex numbers part by part.
template <class Body> void with_part(arithmetic of, Body body) {
    switch (of) {
    case arithmetic::uint8:
        return body(std::uint8_t{});
    case arithmetic::uint16:
        return body(std::uint16_t{});
    case arithmetic::uint32:
        return body(std::uint32_t{});
    case arithmetic::uint64:
        return body(std::uint64_t{});
    case arithmetic::float16:
        return body(float16{});
    case arithmetic::bfloat16:
        return body(bfloat16{});
    case arithmetic::float32:
        return body(float{});
    case arithmetic::float64:
        return body(double{});
    }
}

template <class Body> void with_element(addition how, Body body) {
    with_part(how.of, [&](auto part) {
        using T = decltype(part);
        if constexpr (std::is_floating_point_v<T> || std::is_same_v<T, float16>)
            if (how.complex) return body(complex<T>{});
        body(part);
    });
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
