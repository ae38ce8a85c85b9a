/// Copies of bytes by a grid of threads: the work of one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "elements.hpp"
#include "grid.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

/// Moves elements of T's size, at addresses and strides that are multiples of it.
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

/// A square of elements that a block reads along one loop and writes along another, both in whole memory transactions.
/// Narrow elements need a wider square to fill them.
template <class T> struct tile {
    static constexpr std::uint32_t side = sizeof(T) <= 2 ? 64 : 32;
    static constexpr std::uint32_t turns = side * side / threads_per_block;
    T elements[side][side + 1]; ///< one more column, so that a column lies in different banks
};

/// Two loops that are exchanged: the target is packed along the first, the source along the second.
struct transposition {
    strided_walk rest; ///< the other loops: the first element of each plane
    loop along_target, along_source;
    divider tiles_along_target, tiles_along_source; ///< by the number of tiles

    static std::uint32_t tiles(std::int64_t extent, std::uint32_t side) noexcept {
        return static_cast<std::uint32_t>((extent + side - 1) / side);
    }

    /// Exchanges the first two loops of `it`.
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

/// The first element of a block's tile.
struct tile_origin {
    std::byte* target;
    const std::byte* source;
    std::uint32_t first_along_target, first_along_source;
};

NUMPY_BRIDGE_HOST_DEVICE inline tile_origin origin_of_tile(std::uint32_t block, const transposition& t,
                                                           std::uint32_t side) noexcept {
    const std::uint32_t rows = t.tiles_along_target.quotient(block);
    const std::uint32_t rest = t.tiles_along_source.quotient(rows);
    const std::uint32_t along_target = (block - rows * t.tiles_along_target.divisor) * side;
    const std::uint32_t along_source = (rows - rest * t.tiles_along_source.divisor) * side;
    const offsets start = t.rest.of(rest);
    return {t.rest.target + start.target, t.rest.source + start.source, along_target, along_source};
}

/// First half. Every thread of the block must finish it before any thread starts the second half.
template <class T>
NUMPY_BRIDGE_HOST_DEVICE inline void load_tile(position at, const transposition& t, tile<T>& square) noexcept {
    constexpr std::uint32_t side = tile<T>::side;
    const tile_origin origin = origin_of_tile(at.block, t, side);
    for (std::uint32_t turn = 0; turn < tile<T>::turns; ++turn) {
        const std::uint32_t item = turn * threads_per_block + at.thread;
        const std::uint32_t row = item / side, column = item % side; // neighbours read along the source
        const std::int64_t i = origin.first_along_target + row, j = origin.first_along_source + column;
        if (i < t.along_target.extent && j < t.along_source.extent)
            square.elements[row][column] =
                *reinterpret_cast<const T*>(origin.source + i * t.along_target.source + j * t.along_source.source);
    }
}

template <class T>
NUMPY_BRIDGE_HOST_DEVICE inline void store_tile(position at, const transposition& t, const tile<T>& square) noexcept {
    constexpr std::uint32_t side = tile<T>::side;
    const tile_origin origin = origin_of_tile(at.block, t, side);
    for (std::uint32_t turn = 0; turn < tile<T>::turns; ++turn) {
        const std::uint32_t item = turn * threads_per_block + at.thread;
        const std::uint32_t row = item % side, column = item / side; // neighbours write along the target
        const std::int64_t i = origin.first_along_target + row, j = origin.first_along_source + column;
        if (i < t.along_target.extent && j < t.along_source.extent)
            *reinterpret_cast<T*>(origin.target + i * t.along_target.target + j * t.along_source.target) =
                square.elements[row][column];
    }
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
