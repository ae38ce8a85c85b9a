/// Grids of threads: the elements of each thread, in 32-bit arithmetic. Runs on the device, and on the host in tests.
#pragma once

#include <cstddef>
#include <cstdint>

#include "host_device.hpp"
#include "iteration.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

inline constexpr std::uint32_t threads_per_block = 256;
inline constexpr std::uint32_t turns_per_thread = 4; ///< enough loads in flight to saturate memory
inline constexpr std::uint32_t items_per_block = threads_per_block * turns_per_thread;

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
NUMPY_BRIDGE_HOST_DEVICE inline std::uint32_t item_of(position at, std::uint32_t turn) noexcept {
    return at.block * items_per_block + turn * threads_per_block + at.thread;
}

inline std::uint32_t blocks_for(std::uint32_t items) noexcept {
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
/// loop has at least two turns, so there are at most 30.
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
        walk.count = it.count;
        for (int i = 0; i < it.count; ++i) {
            const loop& l = it.loops[static_cast<std::size_t>(i)];
            walk.extents[i] = divider::by(static_cast<std::uint32_t>(l.extent));
            walk.target_steps[i] = static_cast<std::int32_t>(l.target);
            walk.source_steps[i] = static_cast<std::int32_t>(l.source);
        }
        return walk;
    }

    NUMPY_BRIDGE_HOST_DEVICE offsets of(std::uint32_t element) const noexcept {
        offsets at{0, 0};
        for (std::int32_t i = 0; i < count; ++i) {
            const std::uint32_t rest = extents[i].quotient(element);
            const auto turn = static_cast<std::int32_t>(element - rest * extents[i].divisor);
            at.target += turn * target_steps[i];
            at.source += turn * source_steps[i];
            element = rest;
        }
        return at;
    }
};

/// N elements that are loaded and stored at once, at most 16 bytes at a time.
template <class T, std::uint32_t N> struct alignas(sizeof(T) * N <= 16 ? sizeof(T) * N : 16) pack {
    T items[N];
};

template <class T> inline constexpr std::uint32_t items_per_vector = 16 / sizeof(T);

/// A packed row cut into vectors of 16 bytes: `head` elements before the first aligned one, then vectors, then a tail.
struct vector_cut {
    std::uint32_t elements;
    std::uint32_t head;

    /// For `elements` of `size` bytes, aligned to their size.
    static vector_cut of(const void* first, std::uint32_t elements, std::uint32_t size) noexcept {
        const auto misaligned = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(first) % 16);
        const std::uint32_t head = misaligned == 0 ? 0 : (16 - misaligned) / size;
        return {elements, head < elements ? head : elements};
    }

    NUMPY_BRIDGE_HOST_DEVICE std::uint32_t vectors(std::uint32_t lanes) const noexcept {
        return (elements - head) / lanes;
    }

    /// The number of elements outside vectors; fewer than two vectors hold.
    NUMPY_BRIDGE_HOST_DEVICE std::uint32_t single(std::uint32_t lanes) const noexcept {
        return elements - vectors(lanes) * lanes;
    }

    /// The index of the i-th of them in the row.
    NUMPY_BRIDGE_HOST_DEVICE std::uint32_t single_at(std::uint32_t i, std::uint32_t lanes) const noexcept {
        return i < head ? i : i + vectors(lanes) * lanes;
    }
};

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
