/// What the tests of `overlaps` share.
#pragma once

#include <cstdint>
#include <ostream>

#include "support.hpp"
#include <numpy_bridge/overlap.hpp>

namespace numpy_bridge {

/// How GoogleTest prints an answer.
inline void PrintTo(overlap answer, std::ostream* out) {
    *out << (answer == overlap::yes ? "yes" : answer == overlap::no ? "no" : "too hard");
}

} // namespace numpy_bridge

namespace numpy_bridge_test {

/// The oracle: a walk through every pair of elements.
inline bool share_a_byte(const array& a, const array& b) {
    const auto size_a = itemsize(a.type), size_b = itemsize(b.type);
    const auto all_b = element_addresses(b);
    for (const std::uint64_t x : element_addresses(a))
        for (const std::uint64_t y : all_b)
            if (x < y + size_b && y < x + size_a) return true;
    return false;
}

} // namespace numpy_bridge_test
