/// Decides exactly, with bounded work, whether two elements of one strided memory share a byte. See `overlap.hpp`.
#pragma once

#include <cstdint>

#include <numpy_bridge/overlap.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

/// Whether two elements of validated memory share at least one byte, as those of broadcast arrays and sliding windows
/// do. The result of writing to such memory is ambiguous. Constant time where strides nest; `too_hard` only after
/// `max_work` search nodes a dimension.
overlap overlaps_itself(const memory& m, std::int64_t max_work = default_overlap_work);

namespace detail {

/// Whether each stride steps over the dimensions behind it, or before it: sufficient, and true for C or Fortran order.
inline bool strides_nest_in_order(const memory& m, bool last_is_smallest) noexcept {
    std::int64_t reach = itemsize(m);
    for (int k = 0; k < m.ndim; ++k) {
        const int i = last_is_smallest ? m.ndim - 1 - k : k;
        if (m.shape[i] <= 1) continue;
        const std::int64_t step = m.strides[i] < 0 ? -m.strides[i] : m.strides[i];
        if (step < reach) return false;
        reach = step * m.shape[i];
    }
    return true;
}

} // namespace detail

/// Whether no two elements share a byte, so that all can be written. Takes a few nanoseconds in C and Fortran order.
inline bool elements_are_apart(const memory& m) {
    return detail::strides_nest_in_order(m, true) || detail::strides_nest_in_order(m, false) ||
           overlaps_itself(m) == overlap::no;
}

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../engine/self_overlap.cpp"
#endif
