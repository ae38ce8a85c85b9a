/// Decides exactly, with bounded work, whether two elements of one strided memory share a byte. See `overlap.hpp`.
#pragma once

#include <cstdint>

#include <numpy_bridge/overlap.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

/// Whether two elements of validated memory share at least one byte, as those of broadcast arrays and sliding windows
/// do. The result of writing to such memory is ambiguous. Constant time where strides nest; `too_hard` only after
/// `max_work` search nodes a dimension.
overlap overlaps_itself(const memory& m, std::int64_t max_work = default_overlap_work);

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../engine/self_overlap.cpp"
#endif
