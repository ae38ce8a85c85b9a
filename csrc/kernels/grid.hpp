/// Grids of threads: the elements of each thread, in 32-bit arithmetic. Runs on the device, and on the host in tests.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "host_device.hpp"
#include "iteration.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

inline constexpr std::uint32_t threads_per_block = 256;
inline constexpr std::uint32_t turns_per_thread = 4; ///< enough vectors in flight to saturate memory

/// Turns of a thread that works on single elements. Narrow ones need more loads in flight. More than eight turns would
/// take the registers of other threads.
template <class T> inline constexpr std::uint32_t turns_of_elements = sizeof(T) < 4 ? 8 : turns_per_thread;

/// A thread: its block, and its number in the block.
struct position {
    std::uint32_t block;
    std::uint32_t thread;

#if defined(__CUDACC__)
    /// Of the calling thread.
    __device__ static position here() { return {blockIdx.x, threadIdx.x}; }
#endif
};

/// The item of a thread at its `turn`. Neighbouring threads get neighbouring items.
template <std::uint32_t Turns = turns_per_thread>
NUMPY_BRIDGE_HOST_DEVICE inline std::uint32_t item_of(position at, std::uint32_t turn) noexcept {
    return at.block * (Turns * threads_per_block) + turn * threads_per_block + at.thread;
}

template <std::uint32_t Turns = turns_per_thread> std::uint32_t blocks_for(std::uint32_t items) noexcept {
    constexpr std::uint32_t items_per_block = Turns * threads_per_block;
    return items / items_per_block + (items % items_per_block != 0 ? 1 : 0);
}

/// Divides numbers below 2**31 by a constant, with a multiplication and a shift: Granlund and Montgomery, "Division by
/// invariant integers using multiplication" (1994).
struct divider {
    std::uint32_t divisor;
    std::uint32_t multiplier;
    std::uint32_t shift;

    /// For a divisor from 1 to 2**31 - 1.
    static divider by(std::uint32_t divisor) noexcept {
        std::uint32_t shift = 0;
        while ((std::uint64_t{1} << shift) < divisor) ++shift;
        const std::uint64_t multiplier = ((((std::uint64_t{1} << shift) - divisor) << 32U) / divisor) + 1;
        return {divisor, static_cast<std::uint32_t>(multiplier), shift};
    }

    NUMPY_BRIDGE_HOST_DEVICE std::uint32_t quotient(std::uint32_t n) const noexcept {
#if defined(__CUDA_ARCH__)
        return (__umulhi(n, multiplier) + n) >> shift;
#else
        return (static_cast<std::uint32_t>(static_cast<std::uint64_t>(n) * multiplier >> 32U) + n) >> shift;
#endif
    }
};

/// The distance of an element from the first, in bytes.
struct offsets {
    std::int32_t target;
    std::int32_t source;
};

/// An iteration that fits 31 bits, in the form that kernels take: it maps the number of an element to its offsets. Each
/// loop has at least two turns, so there are at most 30. A single element is a loop of one turn.
struct strided_walk {
    static constexpr int max_loops = 30;

    std::byte* target;
    const std::byte* source;
    std::uint32_t elements;
    std::int32_t count;
    divider extents[max_loops];
    std::int32_t target_steps[max_loops];
    std::int32_t source_steps[max_loops];

    static strided_walk of(const iteration& it) noexcept {
        strided_walk walk;
        walk.target = it.target;
        walk.source = it.source;
        walk.elements = static_cast<std::uint32_t>(it.elements());
        walk.count = std::max(it.count, 1);
        for (int i = 0; i < walk.count; ++i) {
            const loop l = i < it.count ? it.loops[static_cast<std::size_t>(i)] : loop{1, 0, 0};
            walk.extents[i] = divider::by(static_cast<std::uint32_t>(l.extent));
            walk.target_steps[i] = static_cast<std::int32_t>(l.target);
            walk.source_steps[i] = static_cast<std::int32_t>(l.source);
        }
        return walk;
    }

    /// The offsets of N elements. Each loop's numbers are fetched once for all of them.
    template <std::uint32_t N>
    NUMPY_BRIDGE_HOST_DEVICE void find(std::uint32_t (&numbers)[N], offsets (&found)[N]) const noexcept {
        NUMPY_BRIDGE_UNROLLED
        for (std::uint32_t n = 0; n < N; ++n) found[n] = {0, 0};
        const std::int32_t outermost = count - 1; // needs no division
        NUMPY_BRIDGE_ROLLED
        for (std::int32_t i = 0; i < outermost; ++i) {
            NUMPY_BRIDGE_UNROLLED
            for (std::uint32_t n = 0; n < N; ++n) {
                const std::uint32_t rest = extents[i].quotient(numbers[n]);
                const auto turn = static_cast<std::int32_t>(numbers[n] - rest * extents[i].divisor);
                found[n].target += turn * target_steps[i];
                found[n].source += turn * source_steps[i];
                numbers[n] = rest;
            }
        }
        NUMPY_BRIDGE_UNROLLED
        for (std::uint32_t n = 0; n < N; ++n) {
            found[n].target += static_cast<std::int32_t>(numbers[n]) * target_steps[outermost];
            found[n].source += static_cast<std::int32_t>(numbers[n]) * source_steps[outermost];
        }
    }

    /// The offsets of one.
    NUMPY_BRIDGE_HOST_DEVICE offsets of(std::uint32_t element) const noexcept {
        std::uint32_t numbers[1] = {element};
        offsets found[1];
        find(numbers, found);
        return found[0];
    }
};

/// Single elements of a thread, at its turns. After the last element come repetitions of it, which are not `valid`.
template <std::uint32_t Turns> struct element_places {
    offsets at[Turns];
    bool valid[Turns];

    NUMPY_BRIDGE_HOST_DEVICE element_places(position where, const strided_walk& walk) noexcept {
        std::uint32_t numbers[Turns];
        NUMPY_BRIDGE_UNROLLED
        for (std::uint32_t turn = 0; turn < Turns; ++turn) {
            const std::uint32_t item = item_of<Turns>(where, turn);
            valid[turn] = item < walk.elements;
            numbers[turn] = valid[turn] ? item : walk.elements - 1;
        }
        walk.find(numbers, at);
    }
};

/// N elements that are loaded and stored at once, at most 16 bytes at a time.
template <class T, std::uint32_t N> struct alignas(sizeof(T) * N <= 16 ? sizeof(T) * N : 16) pack {
    T items[N];
};

template <class T> inline constexpr std::uint32_t items_per_vector = 16 / sizeof(T);

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
