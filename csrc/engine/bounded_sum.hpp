/// The arithmetic behind `overlaps` and `overlaps_itself`.
///
/// An element of `a` at index x and one of `b` at index y share a byte when
///     a.low + sum(stride_i * x_i) + p  ==  b.low + sum(stride_j * y_j) + q
/// for byte offsets p, q inside an element. Measured from the low ends with |stride|, and with y and
/// q counted from the high end, this becomes: can a sum of terms `step * z`, 0 <= z <= limit, land in
/// an interval of targets? That is a bounded Diophantine problem, NP-hard in general. Terms whose
/// sums leave no gaps fold into the interval, one or two terms are solved in closed form, and only
/// what is left is searched, at most `max_work` nodes of it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include <numpy_bridge/overlap.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// The smallest t >= 0 with low <= (step * t) mod modulus <= high, for 0 < low <= high < modulus.
/// Nothing if there is none, or none with step * t below 2**64. Euclid's algorithm on (step, modulus).
inline std::optional<std::uint64_t> first_multiple_in(std::uint64_t step, std::uint64_t modulus, std::uint64_t low,
                                                      std::uint64_t high) {
    step %= modulus;
    if (step == 0) return std::nullopt;
    if (step > modulus - step) { // walk the other way round: keeps the recursion logarithmic
        step = modulus - step;
        std::swap(low, high);
        low = modulus - low;
        high = modulus - high;
    }
    const std::uint64_t t = (low - 1) / step + 1;
    if (high / step >= t) return t;
    // No multiple before the first wrap. After `wraps` of them we need a multiple of step in
    // [low + wraps * modulus, high + wraps * modulus]: the same question modulo step.
    const auto wraps = first_multiple_in(step - modulus % step, step, low % step, high % step);
    if (!wraps || *wraps > (UINT64_MAX - low) / modulus) return std::nullopt;
    return (low + *wraps * modulus - 1) / step + 1;
}

/// One summand `step * z`, 0 <= z <= limit.
struct term {
    std::uint64_t step;
    std::uint64_t limit;

    std::uint64_t reach() const noexcept { return step * limit; }
};

/// Targets [low, high], both included.
struct interval {
    std::uint64_t low;
    std::uint64_t high;
};

/// The values of z for which target - step * z can still be met by terms that reach `rest` at most.
inline std::optional<interval> candidates(const term& t, interval target, std::uint64_t rest) {
    const std::uint64_t least = target.low > rest ? (target.low - rest - 1) / t.step + 1 : 0;
    const std::uint64_t most = (std::min)(t.limit, target.high / t.step);
    if (least > most) return std::nullopt;
    return interval{least, most};
}

/// What is left of the target once `sum` has been added up.
inline interval after(interval target, std::uint64_t sum) {
    return {target.low > sum ? target.low - sum : 0, target.high - sum};
}

inline bool one_term_meets(const term& t, interval target) { return candidates(t, target, 0).has_value(); }

/// Two terms, large.step >= small.step.
inline bool two_terms_meet(const term& large, const term& small, interval target) {
    const auto range = candidates(large, target, small.reach());
    if (!range) return false;
    const std::uint64_t width = target.high - target.low; // one less than the number of targets
    if (width >= small.step - 1) return true;             // the small steps cannot jump over it
    // Walk large's multiples from the first candidate; what remains modulo small.step must be <= width.
    const std::uint64_t start = (target.high - large.step * range->low) % small.step;
    if (start <= width) return true;
    const std::uint64_t backwards = small.step - large.step % small.step;
    const auto walk = first_multiple_in(backwards, small.step, small.step - start, small.step - start + width);
    return walk && *walk <= range->high - range->low;
}

/// The problem as sorted terms, largest step first, and a target.
class bounded_sum {
public:
    bounded_sum(interval target, std::int64_t max_work) : target_(target), work_left_(max_work) {}

    /// Terms that cannot move anything (extent 1 or stride 0) are left out.
    void add(const term& t) {
        if (t.step != 0 && t.limit != 0) terms_[count_++] = t;
    }

    overlap solve() {
        merge_equal_steps();
        fold_gap_free_terms();
        std::uint64_t rest = 0, divisor = 0;
        for (std::size_t i = count_; i-- > 0;) {
            rest_[i] = rest;
            rest += terms_[i].reach();
            divisor_[i] = divisor = std::gcd(divisor, terms_[i].step);
        }
        return search(0, target_);
    }

private:
    static constexpr std::size_t max_terms = std::size_t{2} * max_ndim;

    void merge_equal_steps() {
        std::sort(terms_.begin(), terms_.begin() + static_cast<std::ptrdiff_t>(count_),
                  [](const term& a, const term& b) { return a.step > b.step; });
        std::size_t kept = 0;
        for (std::size_t i = 0; i < count_; ++i) {
            if (kept > 0 && terms_[kept - 1].step == terms_[i].step) terms_[kept - 1].limit += terms_[i].limit;
            else terms_[kept++] = terms_[i];
        }
        count_ = kept;
    }

    /// A term whose step is no longer than the interval leaves no gap: the interval just grows.
    void fold_gap_free_terms() {
        while (count_ > 0 && terms_[count_ - 1].step - 1 <= target_.high - target_.low) {
            const std::uint64_t reach = terms_[--count_].reach();
            target_.low = target_.low > reach ? target_.low - reach : 0;
        }
    }

    overlap search(std::size_t first, interval target) {
        const std::size_t left = count_ - first;
        if (left == 0) return target.low == 0 ? overlap::yes : overlap::no;
        if (left == 1) return one_term_meets(terms_[first], target) ? overlap::yes : overlap::no;
        if (left == 2) return two_terms_meet(terms_[first], terms_[first + 1], target) ? overlap::yes : overlap::no;
        const bool has_multiple = target.high - target.high % divisor_[first] >= target.low;
        const auto range = candidates(terms_[first], target, rest_[first]);
        if (!has_multiple || !range) return overlap::no;
        if (!failed_.insert({first, target.low, target.high}).second) return overlap::no;
        for (std::uint64_t z = range->high + 1; z-- > range->low;) {
            if (--work_left_ < 0) return overlap::too_hard;
            const overlap found = search(first + 1, after(target, terms_[first].step * z));
            if (found != overlap::no) return found;
        }
        return overlap::no;
    }

    std::array<term, max_terms> terms_{};
    std::array<std::uint64_t, max_terms> rest_{};    ///< reach of all smaller terms
    std::array<std::uint64_t, max_terms> divisor_{}; ///< of this and all smaller steps
    std::set<std::tuple<std::size_t, std::uint64_t, std::uint64_t>> failed_;
    std::size_t count_ = 0;
    interval target_;
    std::int64_t work_left_;
};

/// The part of an address that a dimension contributes: |stride| bytes, up to extent - 1 times.
inline term term_of(const memory& m, int dimension) noexcept {
    const auto stride = static_cast<std::uint64_t>(m.strides[dimension]);
    return {m.strides[dimension] < 0 ? 0 - stride : stride, static_cast<std::uint64_t>(m.shape[dimension] - 1)};
}

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
