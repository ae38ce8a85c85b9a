/// Copies of bytes by a grid of threads: the work of one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "elements.hpp"
#include "grid.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

/// The work of one thread of `blocks_for<turns_of_elements<T>>(elements)` blocks. Moves elements of T's size, at
/// addresses and strides that are multiples of it.
template <class T> NUMPY_BRIDGE_HOST_DEVICE inline void move_strided(position at, const strided_walk& walk) noexcept {
    constexpr std::uint32_t turns = turns_of_elements<T>;
    const element_places<turns> places(at, walk);
    T values[turns];
    NUMPY_BRIDGE_UNROLLED
    for (std::uint32_t turn = 0; turn < turns; ++turn)
        if (places.valid[turn]) values[turn] = *reinterpret_cast<const T*>(walk.source + places.at[turn].source);
    NUMPY_BRIDGE_UNROLLED
    for (std::uint32_t turn = 0; turn < turns; ++turn)
        if (places.valid[turn]) *reinterpret_cast<T*>(walk.target + places.at[turn].target) = values[turn];
}

/// A square that a block reads along one loop and writes along another, both in whole memory transactions. It consists
/// of words of W, each of which holds N elements. A thread exchanges rows and columns of N by N elements in registers,
/// so that it reads words along one loop and writes words along the other. Words of 1 and 2 bytes are for memory that
/// is not aligned to more; they need a wider square to fill transactions.
template <class W, std::uint32_t N> struct tile {
    using word = W;
    static constexpr std::uint32_t elements = N;                     ///< in a word
    static constexpr std::uint32_t words = sizeof(W) <= 2 ? 64 : 32; ///< in a row
    static constexpr std::uint32_t side = words * N;                 ///< in elements
    static constexpr std::uint32_t step = threads_per_block / words; ///< rows of words that a block reads at once
    static constexpr std::uint32_t turns = words / step;
    static constexpr std::uint32_t gap =
        sizeof(W) < 4 ? 4 / sizeof(W) : 1; ///< so that a column lies in different banks

    W rows[N][words][words + gap]; ///< row i of the target is rows[i % N][i / N]
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

/// The part of a tile that one thread handles at its first turn, in 32-bit arithmetic: offsets within a part of an
/// iteration fit 31 bits. Offsets outside both extents wrap around, and are not used.
struct tile_part {
    std::byte* target;
    const std::byte* source;
    std::uint32_t first_along_target, first_along_source;

    /// For the tile of a block.
    NUMPY_BRIDGE_HOST_DEVICE static tile_part of(std::uint32_t block, const transposition& t,
                                                 std::uint32_t side) noexcept {
        const std::uint32_t rows = t.tiles_along_target.quotient(block);
        const std::uint32_t rest = t.tiles_along_source.quotient(rows);
        const offsets start = t.rest.of(rest);
        return {t.rest.target + start.target, t.rest.source + start.source,
                (block - rows * t.tiles_along_target.divisor) * side,
                (rows - rest * t.tiles_along_source.divisor) * side};
    }
};

namespace detail {

NUMPY_BRIDGE_HOST_DEVICE inline std::int32_t offset_of(std::uint32_t i, std::int64_t step_of_i, std::uint32_t j,
                                                       std::int64_t step_of_j) noexcept {
    return static_cast<std::int32_t>(i * static_cast<std::uint32_t>(step_of_i) +
                                     j * static_cast<std::uint32_t>(step_of_j));
}

/// Exchanges rows and columns of N by N elements, a row in each word.
template <std::uint32_t N, class W> NUMPY_BRIDGE_HOST_DEVICE inline void exchange(W (&rows)[N]) noexcept {
    if constexpr (N == 2) {
        const W low = (rows[0] & 0xffffU) | rows[1] << 16U, high = rows[0] >> 16U | (rows[1] & 0xffff0000U);
        rows[0] = low;
        rows[1] = high;
    } else if constexpr (N == 4) {
        const auto even = [](W a, W b) { return (a & 0x00ff00ffU) | (b & 0x00ff00ffU) << 8U; };
        const auto odd = [](W a, W b) { return (a >> 8U & 0x00ff00ffU) | (b & 0xff00ff00U); };
        W low[2] = {even(rows[0], rows[1]), even(rows[2], rows[3])}; // columns 0 and 2 of two rows
        W high[2] = {odd(rows[0], rows[1]), odd(rows[2], rows[3])};  // columns 1 and 3
        rows[0] = (low[0] & 0xffffU) | low[1] << 16U;
        rows[1] = (high[0] & 0xffffU) | high[1] << 16U;
        rows[2] = low[0] >> 16U | (low[1] & 0xffff0000U);
        rows[3] = high[0] >> 16U | (high[1] & 0xffff0000U);
    }
}

} // namespace detail

/// First half. Every thread of the block must finish it before any thread starts the second half.
template <class Tile>
NUMPY_BRIDGE_HOST_DEVICE inline void load_tile(position at, const transposition& t, const tile_part& part,
                                               Tile& square) noexcept {
    using word = typename Tile::word;
    constexpr std::uint32_t n = Tile::elements, step = Tile::step;
    const std::uint32_t row = at.thread / Tile::words, column = at.thread % Tile::words; // neighbours read side by side
    const std::uint32_t i = part.first_along_target + row * n, j = part.first_along_source + column * n;
    const auto rows = static_cast<std::uint32_t>(t.along_target.extent);
    if (j >= static_cast<std::uint32_t>(t.along_source.extent)) return;
    const std::byte* from = part.source + detail::offset_of(i, t.along_target.source, j, t.along_source.source);
    const auto next = static_cast<std::int32_t>(t.along_target.source); // from row to row
    word words[Tile::turns][n];
    NUMPY_BRIDGE_UNROLLED
    for (std::uint32_t turn = 0; turn < Tile::turns; ++turn) {
        if (i + turn * step * n >= rows) continue;
        NUMPY_BRIDGE_UNROLLED
        for (std::uint32_t k = 0; k < n; ++k)
            words[turn][k] = *reinterpret_cast<const word*>(from + std::int64_t{next} * (turn * step * n + k));
    }
    NUMPY_BRIDGE_UNROLLED
    for (std::uint32_t turn = 0; turn < Tile::turns; ++turn) {
        if (i + turn * step * n >= rows) continue;
        detail::exchange<n>(words[turn]);
        NUMPY_BRIDGE_UNROLLED
        for (std::uint32_t k = 0; k < n; ++k) square.rows[k][column][row + turn * step] = words[turn][k];
    }
}

template <class Tile>
NUMPY_BRIDGE_HOST_DEVICE inline void store_tile(position at, const transposition& t, const tile_part& part,
                                                const Tile& square) noexcept {
    using word = typename Tile::word;
    constexpr std::uint32_t n = Tile::elements, step = Tile::step;
    const std::uint32_t row = at.thread / Tile::words,
                        column = at.thread % Tile::words; // neighbours write side by side
    const std::uint32_t i = part.first_along_target + column * n, j = part.first_along_source + row * n;
    const auto columns = static_cast<std::uint32_t>(t.along_source.extent);
    if (i >= static_cast<std::uint32_t>(t.along_target.extent)) return;
    std::byte* to = part.target + detail::offset_of(i, t.along_target.target, j, t.along_source.target);
    const auto next = static_cast<std::int32_t>(t.along_source.target); // from row to row
    NUMPY_BRIDGE_UNROLLED
    for (std::uint32_t turn = 0; turn < Tile::turns; ++turn) {
        if (j + turn * step * n >= columns) continue;
        NUMPY_BRIDGE_UNROLLED
        for (std::uint32_t k = 0; k < n; ++k)
            *reinterpret_cast<word*>(to + std::int64_t{next} * (turn * step * n + k)) =
                square.rows[k][row + turn * step][column];
    }
}

/// A type as a value.
template <class T> struct tag {
    using type = T;
};

/// Calls `body` with the tag of the tile by which elements of `size` bytes are transposed. Narrow elements are moved
/// four bytes at a time if both loops and all addresses are multiples of that, and the wider square would be at least
/// half full.
template <class Body> void with_tile(std::int64_t size, const iteration& it, const Body& body) {
    const std::int64_t n = std::max<std::int64_t>(4 / size, 1);
    const loop &along_target = it.loops[0], &along_source = it.loops[1];
    auto together = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(it.target) |
                                               reinterpret_cast<std::uintptr_t>(it.source));
    together |= static_cast<std::uint64_t>(along_target.source | along_source.target);
    for (int i = 2; i < it.count; ++i)
        together |= static_cast<std::uint64_t>(it.loops[static_cast<std::size_t>(i)].target |
                                               it.loops[static_cast<std::size_t>(i)].source);
    const std::int64_t shortest = std::min(along_target.extent, along_source.extent);
    const bool in_words = size < 4 && together % 4 == 0 && along_source.source == size &&
                          along_target.extent % n == 0 && along_source.extent % n == 0 && shortest >= 16 * n;
    if (in_words && n == 4) return body(tag<tile<std::uint32_t, 4>>{});
    if (in_words) return body(tag<tile<std::uint32_t, 2>>{});
    with_bits(size, [&](auto bits) { body(tag<tile<decltype(bits), 1>>{}); });
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
