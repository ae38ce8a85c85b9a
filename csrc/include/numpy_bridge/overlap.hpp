/// Decides exactly, with bounded work, whether two strided memories share a byte.
#pragma once

#include <cstdint>

#include <numpy_bridge/memory.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

/// The most search nodes that `overlaps` visits; about a tenth of a second.
inline constexpr std::int64_t default_overlap_work = std::int64_t{1} << 16U;

enum class overlap { no, yes, too_hard };

/// Addresses [low, high).
struct address_range {
    std::uint64_t low;
    std::uint64_t high;
};

/// The addresses between the first and the last byte of validated memory.
address_range addresses_of(const memory& m);

/// Whether the address ranges of two validated memories intersect. Cheap. True does not imply that
/// they share an element.
bool bounds_overlap(const memory& a, const memory& b);

/// Whether two validated memories share at least one byte.
///
/// Constant time when both start or end at the same address, when either is gap-free and holds the
/// other's first or last byte, or when both have the same nested strides (each at least the reach of the
/// smaller ones), as slices of one array have. `too_hard` only after `max_work` search nodes.
overlap overlaps(const memory& a, const memory& b, std::int64_t max_work = default_overlap_work);

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../engine/overlap.cpp"
#endif
