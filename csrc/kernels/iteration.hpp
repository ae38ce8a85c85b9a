/// Two operands walked together: the number of loops, their order, and the size of the parts.
///
/// Independent of dtypes; reads no element. On the CPU the loops run as they are. On a GPU `strided_walk` in `grid.hpp`
/// maps the number of an element to its offsets.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>

#include <numpy_bridge/layout.hpp>
#include <numpy_bridge/memory.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

/// One loop: the number of turns, and the bytes by which each operand advances at each turn.
struct loop {
    std::int64_t extent;
    std::int64_t target;
    std::int64_t source;
};

/// Nested loops, the innermost first, over a target that is written and a source that is read. The target's strides
/// increase from loop to loop: where they nest, its elements are visited in the order of their addresses.
struct iteration {
    std::byte* target = nullptr;
    const std::byte* source = nullptr;
    int count = 0; ///< of loops; none for a single element
    std::array<loop, max_ndim> loops;

    std::int64_t elements() const noexcept {
        return std::accumulate(loops.begin(), loops.begin() + count, std::int64_t{1},
                               [](std::int64_t product, const loop& l) { return product * l.extent; });
    }
};

namespace detail {

constexpr std::int64_t magnitude(std::int64_t stride) noexcept { return stride < 0 ? -stride : stride; }

/// Whether `inner` comes before `outer`: by the target's steps, and by the source's where those are equal.
inline bool runs_inside(const loop& inner, const loop& outer) noexcept {
    if (inner.target != outer.target) return inner.target < outer.target;
    return magnitude(inner.source) < magnitude(outer.source);
}

/// Drops loops of one turn, and reverses loops along which the target's addresses decrease.
inline void take_loops(const memory& target, const std::int64_t* source_strides, iteration& out) noexcept {
    for (int i = 0; i < target.ndim; ++i) {
        loop l{target.shape[i], target.strides[i], source_strides[i]};
        if (l.extent == 1) continue;
        if (l.target < 0) {
            out.target += (l.extent - 1) * l.target;
            out.source += (l.extent - 1) * l.source;
            l.target = -l.target;
            l.source = -l.source;
        }
        out.loops[static_cast<std::size_t>(out.count++)] = l;
    }
}

/// Merges two loops where the outer one continues where the inner one ends.
inline void merge_loops(iteration& it) noexcept {
    int kept = 0;
    for (int i = 0; i < it.count; ++i) {
        const loop& next = it.loops[static_cast<std::size_t>(i)];
        if (kept > 0) {
            loop& last = it.loops[static_cast<std::size_t>(kept - 1)];
            if (next.target == last.extent * last.target && next.source == last.extent * last.source) {
                last.extent *= next.extent;
                continue;
            }
        }
        it.loops[static_cast<std::size_t>(kept++)] = next;
    }
    it.count = kept;
}

} // namespace detail

/// The fewest loops over `target`, which is not empty, and a source. There is a source stride for each dimension of the
/// target, 0 where the source is broadcast.
inline iteration iterate(const memory& target, const std::byte* source, const std::int64_t* source_strides) noexcept {
    iteration it;
    it.target = target.data;
    it.source = source;
    detail::take_loops(target, source_strides, it);
    std::sort(it.loops.begin(), it.loops.begin() + it.count, detail::runs_inside);
    detail::merge_loops(it);
    return it;
}

/// Writes the source's strides for a target of this shape: 0 where the source is broadcast. False if the source cannot
/// be broadcast to the target by NumPy's rules.
inline bool broadcast_strides(const memory& source, int ndim, const std::int64_t* shape, dims& out) noexcept {
    const int missing = ndim - source.ndim;
    if (missing < 0) return false;
    for (int i = 0; i < ndim; ++i) {
        const std::int64_t extent = i < missing ? 1 : source.shape[i - missing];
        if (extent != 1 && extent != shape[i]) return false;
        out[static_cast<std::size_t>(i)] = extent == 1 ? 0 : source.strides[i - missing];
    }
    return true;
}

/// Of the loops around the innermost, the one along which the source is read in the smallest steps, if they are smaller
/// than those of the innermost loop; else 0.
inline int transposing_loop(const iteration& it) noexcept {
    int best = 0;
    for (int i = 1; i < it.count; ++i) {
        const auto step = [&](int at) { return detail::magnitude(it.loops[static_cast<std::size_t>(at)].source); };
        if (step(i) != 0 && step(i) < step(best)) best = i;
    }
    return best;
}

/// Calls `body(target, source)` with the addresses at every turn of the loops from `first` on.
template <class Body> void for_each_turn(const iteration& it, int first, Body&& body) {
    std::array<std::int64_t, max_ndim> turn{};
    std::byte* target = it.target;
    const std::byte* source = it.source;
    while (true) {
        body(target, source);
        int i = first;
        for (; i < it.count; ++i) {
            const loop& l = it.loops[static_cast<std::size_t>(i)];
            target += l.target;
            source += l.source;
            if (++turn[static_cast<std::size_t>(i)] < l.extent) break;
            target -= l.extent * l.target;
            source -= l.extent * l.source;
            turn[static_cast<std::size_t>(i)] = 0;
        }
        if (i == it.count) return;
    }
}

/// True if the number of every element, and its distance from the first in bytes, fit 31 bits.
inline bool fits_31_bits(const iteration& it) noexcept {
    constexpr std::int64_t most = std::int64_t{1} << 31U;
    std::int64_t target = 0, source = 0, elements = 1;
    for (int i = 0; i < it.count; ++i) {
        const loop& l = it.loops[static_cast<std::size_t>(i)];
        if (l.extent >= most || numpy_bridge::detail::overflows(elements, l.extent, elements) || elements >= most)
            return false;
        target += (l.extent - 1) * detail::magnitude(l.target);
        source += (l.extent - 1) * detail::magnitude(l.source);
        if (target >= most || source >= most) return false;
    }
    return true;
}

/// The largest aligned unit, a power of two up to 16 bytes, in which elements of `size` bytes can be moved. If it is
/// less than an element, or if packed rows allow more, `it` is changed to count in these units.
inline std::int64_t regroup(iteration& it, std::int64_t size) noexcept {
    auto common = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(it.target) |
                                             reinterpret_cast<std::uintptr_t>(it.source) | 16U);
    const bool packed = it.count > 0 && it.loops[0].target == size && it.loops[0].source == size;
    for (int i = packed ? 1 : 0; i < it.count; ++i)
        common |= static_cast<std::uint64_t>(it.loops[static_cast<std::size_t>(i)].target |
                                             it.loops[static_cast<std::size_t>(i)].source);
    const std::int64_t row = packed ? it.loops[0].extent * size : size; // bytes side by side
    common |= static_cast<std::uint64_t>(row);
    const auto unit = static_cast<std::int64_t>(common & (~common + 1));
    if (unit == size) return size;
    if (!packed) { // units within an element become the innermost loop
        std::copy_backward(it.loops.begin(), it.loops.begin() + it.count, it.loops.begin() + it.count + 1);
        ++it.count;
    }
    it.loops[0] = {row / unit, unit, unit};
    if (it.loops[0].extent == 1) std::copy(it.loops.begin() + 1, it.loops.begin() + it.count--, it.loops.begin());
    return unit;
}

namespace detail {

/// The loop that spans the most bytes.
inline int longest_loop(const iteration& it) noexcept {
    const auto reach = [&](int i) {
        const loop& l = it.loops[static_cast<std::size_t>(i)];
        return (l.extent - 1) * std::max(magnitude(l.target), magnitude(l.source));
    };
    int longest = 0;
    for (int i = 1; i < it.count; ++i)
        if (reach(i) > reach(longest)) longest = i;
    return longest;
}

/// The turns from `first` up to `end` of one loop. A loop of one turn is dropped.
inline iteration with_turns(iteration it, int which, std::int64_t first, std::int64_t end) noexcept {
    const auto at = it.loops.begin() + which;
    it.target += first * at->target;
    it.source += first * at->source;
    at->extent = end - first;
    if (at->extent == 1) std::copy(at + 1, it.loops.begin() + it.count--, at);
    return it;
}

} // namespace detail

/// Calls `body(part)` with parts that fit 31 bits and together make up `it`. The loop that spans the most bytes is
/// halved until they fit. Kernels then index with 32 bits, which takes half the registers. A part of a row begins at a
/// multiple of 64 elements, so it is aligned for vectors as the row is.
template <class Body> void for_each_part(const iteration& it, const Body& body) {
    if (fits_31_bits(it)) return body(it);
    const int longest = detail::longest_loop(it);
    const std::int64_t extent = it.loops[static_cast<std::size_t>(longest)].extent;
    const std::int64_t middle = extent < 128 ? extent / 2 : extent / 128 * 64;
    for_each_part(detail::with_turns(it, longest, 0, middle), body);
    for_each_part(detail::with_turns(it, longest, middle, extent), body);
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
