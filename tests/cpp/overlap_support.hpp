/// What the tests of `overlaps` share.
#pragma once

#include <ostream>

#include "support.hpp"
#include <numpy_bridge/overlap.hpp>

namespace numpy_bridge {

/// How GoogleTest prints an answer.
inline void PrintTo(overlap answer, std::ostream* out) {
    *out << (answer == overlap::yes ? "yes" : answer == overlap::no ? "no" : "too hard");
}

} // namespace numpy_bridge
