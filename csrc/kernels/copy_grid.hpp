/// Copies of bytes by a grid of threads: what each of them does.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "grid.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

struct alignas(16) bits128 {
    std::uint64_t low, high;
};

/// Moves elements as wide as T, wherever they lie, at multiples of their size.
template <class T> NUMPY_BRIDGE_HOST_DEVICE inline void move_strided(position at, const strided_walk& walk) noexcept {
    T values[turns_per_thread];
    for (std::uint32_t turn = 0; turn < turns_per_thread; ++turn) {
        const std::uint32_t i = item_of(at, turn);
        if (i < walk.elements) values[turn] = *reinterpret_cast<const T*>(walk.source + walk.of(i).source);
    }
    for (std::uint32_t turn = 0; turn < turns_per_thread; ++turn) {
        const std::uint32_t i = item_of(at, turn);
        if (i < walk.elements) *reinterpret_cast<T*>(walk.target + walk.of(i).target) = values[turn];
    }
}

/// Squares of elements that a block reads along one loop and writes along another, so that it does both in whole
/// memory transactions. Wide enough for the narrowest elements to fill some.
template <class T> struct tile {
    static constexpr std::uint32_t side = sizeof(T) <= 2 ? 64 : 32;
    static constexpr std::uint32_t turns = side * side / threads_per_block;
    T elements[side][side + 1]; ///< one more, so that columns lie in different banks
};

/// Two loops, along the first of which the target is packed and along the second the source; the walk is over the rest.
struct transposition {
    strided_walk rest; ///< its places are those of the two loops' first elements
    loop along_target, along_source;
    divider tiles_along_target, tiles_along_source; ///< how many

    static std::uint32_t tiles(std::int64_t extent, std::uint32_t side) noexcept {
        return static_cast<std::uint32_t>((extent + side - 1) / side);
    }

    /// Of an iteration whose first two loops they are.
    static transposition of(const iteration& it, std::uint32_t side) noexcept {
        iteration rest = it;
        rest.count = it.count - 2;
        std::copy(it.loops.begin() + 2, it.loops.begin() + it.count, rest.loops.begin());
        return {strided_walk::of(rest), it.loops[0], it.loops[1], divider::by(tiles(it.loops[0].extent, side)),
                divider::by(tiles(it.loops[1].extent, side))};
    }

    std::uint32_t blocks() const noexcept {
        return tiles_along_target.divisor * tiles_along_source.divisor * rest.elements;
    }
};

/// Where a block's tile begins.
struct tile_place {
    std::byte* target;
    const std::byte* source;
    std::uint32_t first_along_target, first_along_source;
};

NUMPY_BRIDGE_HOST_DEVICE inline tile_place place_of_tile(std::uint32_t block, const transposition& t,
                                                         std::uint32_t side) noexcept {
    const std::uint32_t rows = t.tiles_along_target.quotient(block);
    const std::uint32_t rest = t.tiles_along_source.quotient(rows);
    const std::uint32_t along_target = (block - rows * t.tiles_along_target.divisor) * side;
    const std::uint32_t along_source = (rows - rest * t.tiles_along_source.divisor) * side;
    const offsets start = t.rest.of(rest);
    return {t.rest.target + start.target, t.rest.source + start.source, along_target, along_source};
}

/// First half; all threads of the block must be through before any begins the second.
template <class T>
NUMPY_BRIDGE_HOST_DEVICE inline void load_tile(position at, const transposition& t, tile<T>& square) noexcept {
    constexpr std::uint32_t side = tile<T>::side;
    const tile_place place = place_of_tile(at.block, t, side);
    for (std::uint32_t turn = 0; turn < tile<T>::turns; ++turn) {
        const std::uint32_t item = turn * threads_per_block + at.thread;
        const std::uint32_t row = item / side, column = item % side; // neighbours read along the source
        const std::int64_t i = place.first_along_target + row, j = place.first_along_source + column;
        if (i < t.along_target.extent && j < t.along_source.extent)
            square.elements[row][column] =
                *reinterpret_cast<const T*>(place.source + i * t.along_target.source + j * t.along_source.source);
    }
}

template <class T>
NUMPY_BRIDGE_HOST_DEVICE inline void store_tile(position at, const transposition& t, const tile<T>& square) noexcept {
    constexpr std::uint32_t side = tile<T>::side;
    const tile_place place = place_of_tile(at.block, t, side);
    for (std::uint32_t turn = 0; turn < tile<T>::turns; ++turn) {
        const std::uint32_t item = turn * threads_per_block + at.thread;
        const std::uint32_t row = item % side, column = item / side; // neighbours write along the target
        const std::int64_t i = place.first_along_target + row, j = place.first_along_source + column;
        if (i < t.along_target.extent && j < t.along_source.extent)
            *reinterpret_cast<T*>(place.target + i * t.along_target.target + j * t.along_source.target) =
                square.elements[row][column];
    }
}

/// Calls `body` with a value of an unsigned type of this size.
template <class Body> void with_bits(std::int64_t size, Body body) {
    switch (size) {
    case 1:
        return body(std::uint8_t{});
    case 2:
        return body(std::uint16_t{});
    case 4:
        return body(std::uint32_t{});
    case 8:
        return body(std::uint64_t{});
    default:
        return body(bits128{});
    }
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
