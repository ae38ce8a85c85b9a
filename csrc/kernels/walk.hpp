/// The rows of an iteration on the CPU, in an order that suits the caches.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "iteration.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

namespace detail {

constexpr std::int64_t cache_line = 64;

/// The cache lines of so many elements, wherever they are, stay in the cache until the next rows use the rest of them.
constexpr std::int64_t stretch = 256;

/// The loop whose turns become the rows: the innermost. If that has few turns, the longest one whose rows share cache
/// lines. Packed rows of eight elements are fast, gathered ones are not.
inline int loop_of_rows(const iteration& it) noexcept {
    const loop& inner = it.loops[0];
    if (inner.extent > (inner.target == magnitude(inner.source) ? 7 : 8)) return 0;
    int longest = 0;
    std::int64_t most = 2 * inner.extent;
    for (int i = 1; i < it.count; ++i) {
        const loop& l = it.loops[static_cast<std::size_t>(i)];
        if (l.extent <= most || l.target >= cache_line || magnitude(l.source) >= cache_line) continue;
        longest = i;
        most = l.extent;
    }
    return longest;
}

/// Calls `body` for every turn of the loops around the innermost one.
template <class Body> void walk_rows(const iteration& it, const Body& body) {
    for_each_turn(it, 1, [&](std::byte* target, const std::byte* source) { body(it.loops[0], target, source); });
}

/// The same, stretch by stretch of the innermost loop.
template <class Body> void walk_stretches(iteration it, const Body& body) {
    const iteration whole = it;
    const loop& row = whole.loops[0];
    for (std::int64_t done = 0; done < row.extent; done += stretch) {
        it.loops[0].extent = std::min(stretch, row.extent - done);
        it.target = whole.target + done * row.target;
        it.source = whole.source + done * row.source;
        walk_rows(it, body);
    }
}

/// Walks two loops. A cache line of the source holds elements of several rows, so these rows are read together.
template <class Body>
void walk_transposed(const loop& inner, const loop& outer, std::byte* target, const std::byte* source,
                     const Body& body) {
    const std::int64_t rows = std::clamp<std::int64_t>(cache_line / magnitude(outer.source), 4, 64);
    for (std::int64_t i = 0; i < outer.extent; i += rows)
        for (std::int64_t j = 0; j < inner.extent; j += stretch) {
            const loop row{std::min(stretch, inner.extent - j), inner.target, inner.source};
            for (std::int64_t k = i; k < std::min(i + rows, outer.extent); ++k)
                body(row, target + k * outer.target + j * inner.target, source + k * outer.source + j * inner.source);
        }
}

} // namespace detail

/// Calls `body(row, target, source)` for rows that together make up the iteration: a loop, and where it begins. A
/// single element is a row of one.
template <class Body> void for_each_row(iteration it, const Body& body) {
    if (it.count == 0) return body(loop{1, 0, 0}, it.target, it.source);
    if (const int row = detail::loop_of_rows(it); row != 0) {
        std::rotate(it.loops.begin(), it.loops.begin() + row, it.loops.begin() + row + 1);
        return detail::walk_stretches(it, body);
    }
    const int transposing = transposing_loop(it);
    if (transposing == 0) return detail::walk_rows(it, body);
    std::swap(it.loops[1], it.loops[static_cast<std::size_t>(transposing)]);
    for_each_turn(it, 2, [&](std::byte* target, const std::byte* source) {
        detail::walk_transposed(it.loops[0], it.loops[1], target, source, body);
    });
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
