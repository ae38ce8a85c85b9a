#include "bounded_sum.hpp"
#include <numpy_bridge/overlap.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

NUMPY_BRIDGE_INLINE bool gap_free(const memory& m) {
    return is_c_contiguous(layout_of(m)) || is_f_contiguous(layout_of(m));
}

/// Whether equal addresses mean equal memory. Host and CUDA device memory have separate addresses.
NUMPY_BRIDGE_INLINE bool same_address_space(device a, device b) {
    if (host_accessible(a) && host_accessible(b)) return true;
    if (a.type == b.type && a.index == b.index) return true;
    return is_cuda(a) && is_cuda(b) && a.type != b.type;
}

} // namespace detail

NUMPY_BRIDGE_INLINE address_range addresses_of(const memory& m) {
    const byte_bounds bounds = bounds_of(layout_of(m)).value_or(byte_bounds{});
    const auto base = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(m.data));
    return {base + static_cast<std::uint64_t>(bounds.low), base + static_cast<std::uint64_t>(bounds.high)};
}

NUMPY_BRIDGE_INLINE bool bounds_overlap(const memory& a, const memory& b) {
    if (!detail::same_address_space(a.device, b.device)) return false;
    const auto range_a = addresses_of(a), range_b = addresses_of(b);
    return !is_empty(a) && !is_empty(b) && range_a.low < range_b.high && range_b.low < range_a.high;
}

NUMPY_BRIDGE_INLINE overlap overlaps(const memory& a, const memory& b, std::int64_t max_work) {
    if (!bounds_overlap(a, b)) return overlap::no;
    const auto range_a = addresses_of(a), range_b = addresses_of(b);
    const auto holds_an_end = [](address_range block, address_range other) {
        return (other.low >= block.low && other.low < block.high) ||
               (other.high > block.low && other.high <= block.high);
    };
    const bool an_end_in_common = range_a.low == range_b.low || range_a.high == range_b.high;
    if (a.data == b.data || an_end_in_common) return overlap::yes; // there is an element at either end
    if (detail::gap_free(a) && holds_an_end(range_a, range_b)) return overlap::yes;
    if (detail::gap_free(b) && holds_an_end(range_b, range_a)) return overlap::yes;

    const std::uint64_t target = range_b.high - 1 - range_a.low;
    const auto slack = static_cast<std::uint64_t>(itemsize(a) + itemsize(b) - 2);
    detail::bounded_sum sum({target > slack ? target - slack : 0, target}, max_work);
    for (int i = 0; i < a.ndim; ++i) sum.add(detail::term_of(a, i));
    for (int i = 0; i < b.ndim; ++i) sum.add(detail::term_of(b, i));
    return sum.solve();
}

NUMPY_BRIDGE_NAMESPACE_END
