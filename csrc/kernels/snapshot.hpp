/// A packed copy of an operand that would be overwritten while it is read.
#pragma once

#include <cstddef>

#include <numpy_bridge/memory.hpp>

#include "iteration.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

/// The elements of `source` in C order, in a block of `byte_count(source)` bytes. The caller allocates and copies.
class snapshot {
public:
    snapshot(const memory& source, std::byte* block) noexcept : source_(source), copy_(source) {
        copy_.data = block;
        copy_.strides = strides_.data();
        fill_c_strides(source.ndim, source.shape, itemsize(source), strides_.data());
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
    const memory& source_;
    dims strides_;
    memory copy_;
};

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
