#include "total.hpp"

#include <numeric>

double total(const numpy_bridge::memory& values) {
    const auto* first = reinterpret_cast<const double*>(values.data);
    return std::accumulate(first, first + numpy_bridge::element_count(values), 0.0);
}
