#include "bounded_sum.hpp"
#include <numpy_bridge/self_overlap.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// Whether every stride steps over all that the smaller ones reach: true for nearly all memory, and sufficient.
NUMPY_BRIDGE_INLINE bool strides_nest(const memory& m) {
    std::array<term, max_ndim> terms{};
    std::size_t count = 0;
    for (int i = 0; i < m.ndim; ++i)
        if (m.shape[i] > 1) terms[count++] = term_of(m, i);
    std::sort(terms.begin(), terms.begin() + static_cast<std::ptrdiff_t>(count),
              [](const term& a, const term& b) { return a.step < b.step; });
    auto reach = static_cast<std::uint64_t>(itemsize(m));
    for (std::size_t i = 0; i < count; ++i) {
        if (terms[i].step < reach) return false;
        reach += terms[i].reach();
    }
    return true;
}

/// Whether two elements that differ in dimension `differing` share a byte: whether |sum of stride_i * d_i| < itemsize
/// for differences d of indices, of which d_differing may be taken to be 1 or more. Counted from the least
/// difference, -(extent - 1), and from 1, all terms are positive.
NUMPY_BRIDGE_INLINE overlap elements_overlap(const memory& m, int differing, std::int64_t max_work) {
    const auto room = static_cast<std::uint64_t>(itemsize(m) - 1);
    std::uint64_t centre = 0; // where the sum of differences is 0
    for (int i = 0; i < m.ndim; ++i)
        if (i != differing) centre += term_of(m, i).reach();
    const std::uint64_t step = term_of(m, differing).step;
    if (step > centre + room) return overlap::no;
    const std::uint64_t high = centre + room - step;
    bounded_sum sum({high > 2 * room ? high - 2 * room : 0, high}, max_work);
    for (int i = 0; i < m.ndim; ++i) {
        const term t = term_of(m, i);
        sum.add({t.step, i == differing ? t.limit - 1 : 2 * t.limit});
    }
    return sum.solve();
}

} // namespace detail

NUMPY_BRIDGE_INLINE overlap overlaps_itself(const memory& m, std::int64_t max_work) {
    if (is_empty(m) || detail::strides_nest(m)) return overlap::no;
    overlap found = overlap::no;
    for (int i = 0; i < m.ndim && found != overlap::yes; ++i) {
        if (m.shape[i] == 1) continue;
        if (m.strides[i] == 0) return overlap::yes;
        const overlap here = detail::elements_overlap(m, i, max_work);
        if (here != overlap::no) found = here;
    }
    return found;
}

NUMPY_BRIDGE_NAMESPACE_END
