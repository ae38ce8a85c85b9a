/// A packed copy of an operand that would be overwritten while it is read.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>

#include <numpy_bridge/memory.hpp>

#include "iteration.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

/// The elements of `source`, packed in the order of its own strides, in a block of `byte_count(source)` bytes. The
/// caller allocates and copies.
class snapshot {
public:
    snapshot(const memory& source, std::byte* block) noexcept : source_(source), copy_(source) {
        copy_.data = block;
        copy_.strides = strides_.data();
        fill_strides();
    }
    snapshot(const snapshot&) = delete;
    snapshot& operator=(const snapshot&) = delete;

    /// From the source to the block.
    iteration from_source() const noexcept { return iterate(copy_, source_.data, source_.strides); }

    /// From the block to a target to which the source can be broadcast.
    iteration to(const memory& target) const noexcept {
        dims strides;
        broadcast_strides(copy_, target.ndim, target.shape, strides);
        return iterate(target, copy_.data, strides.data());
    }

private:
    void fill_strides() noexcept {
        std::array<int, max_ndim> order; // of the axes, from the smallest step
        std::iota(order.begin(), order.begin() + source_.ndim, 0);
        std::sort(order.begin(), order.begin() + source_.ndim, [this](int a, int b) {
            const std::int64_t one = detail::magnitude(source_.strides[a]),
                               other = detail::magnitude(source_.strides[b]);
            return one != other ? one < other : a > b;
        });
        std::int64_t step = itemsize(source_);
        for (int i = 0; i < source_.ndim; ++i) {
            const int axis = order[static_cast<std::size_t>(i)];
            strides_[static_cast<std::size_t>(axis)] = step;
            step *= source_.shape[axis];
        }
    }

    const memory& source_;
    dims strides_;
    memory copy_;
};

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
