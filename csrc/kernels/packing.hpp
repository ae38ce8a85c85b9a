/// Iterations through a packed block that holds the elements in the order of the loops.
#pragma once

#include "iteration.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

/// The same loops, with the steps of one operand replaced by those of a packed block.
inline iteration with_packed(iteration it, std::int64_t size, std::int64_t loop::* step) noexcept {
    for (int i = 0; i < it.count; ++i) {
        loop& l = it.loops[static_cast<std::size_t>(i)];
        l.*step = size;
        size *= l.extent;
    }
    return it;
}
/// The iteration with a block as its target, or as its source.
inline iteration into_block(const iteration& it, std::byte* block, std::int64_t size) noexcept {
    iteration result = with_packed(it, size, &loop::target);
    result.target = block;
    return result;
}
inline iteration out_of_block(const iteration& it, const std::byte* block, std::int64_t size) noexcept {
    iteration result = with_packed(it, size, &loop::source);
    result.source = block;
    return result;
}

/// True if the operand is such a block.
inline bool is_packed(const iteration& it, std::int64_t size, std::int64_t loop::* step) noexcept {
    std::int64_t expected = size;
    for (int i = 0; i < it.count; ++i) {
        const loop& l = it.loops[static_cast<std::size_t>(i)];
        if (l.*step != expected) return false;
        expected *= l.extent;
    }
    return true;
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
