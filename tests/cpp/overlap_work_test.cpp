/// How much work `overlaps` takes: little for nested slices in any number of dimensions, bounded where
/// the problem is hard, and never a guess.

#include <algorithm>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "overlap_support.hpp"

using namespace numpy_bridge_test;
using numpy_bridge::dtype;
using numpy_bridge::overlap;
using numpy_bridge::overlaps;

namespace {

overlap answer(const array& a, const array& b, std::int64_t max_work) {
    const overlap found = overlaps(a.memory(), b.memory(), max_work);
    EXPECT_EQ(overlaps(b.memory(), a.memory(), max_work), found);
    return found;
}

array every_second(array a, std::int64_t start) {
    for (std::size_t axis = 0; axis < a.shape.size(); ++axis) a = a.sliced(axis, start, a.shape[axis], 2);
    return a;
}

class grid : public ::testing::TestWithParam<std::size_t> {
protected:
    std::size_t axes() const { return GetParam(); }
    std::int64_t small_bound() const { return 4 * static_cast<std::int64_t>(axes()); }
    array whole() const { return c_order(4096, dtype::float64, extents(axes(), axes() < 6 ? 10 : 4)); }
};

TEST_P(grid, of_every_second_element_is_apart_from_the_odd_ones_after_little_work) {
    EXPECT_EQ(answer(every_second(whole(), 0), every_second(whole(), 1), small_bound()), overlap::no);
}

TEST_P(grid, of_every_second_element_meets_itself_shifted_by_two_after_little_work) {
    EXPECT_EQ(answer(every_second(whole(), 0), every_second(whole(), 2), small_bound()), overlap::yes);
}

TEST_P(grid, is_apart_from_one_shifted_by_a_single_step_on_one_axis_after_little_work) {
    for (std::size_t axis = 0; axis < axes(); ++axis) {
        array shifted = every_second(whole(), 0);
        shifted.address += static_cast<std::uint64_t>(whole().strides[axis]);
        EXPECT_EQ(answer(every_second(whole(), 0), shifted, small_bound()), overlap::no) << "axis " << axis;
    }
}

TEST_P(grid, holds_its_first_and_last_byte_without_any_work) {
    const array a = every_second(whole(), 0);
    array last = a;
    for (std::size_t axis = 0; axis < axes(); ++axis) last = last.sliced(axis, a.shape[axis] - 1, a.shape[axis]);
    EXPECT_EQ(answer(a, c_order(a.address, dtype::float64, {}), 0), overlap::yes);
    EXPECT_EQ(answer(a, last, 0), overlap::yes);
    EXPECT_EQ(answer(a, c_order(a.address - 3, dtype::uint8, {4}), 0), overlap::yes);
    EXPECT_EQ(answer(a, c_order(last.address + 7, dtype::uint8, {4}), 0), overlap::yes);
}

TEST_P(grid, meets_what_starts_or_ends_where_it_does_without_any_work) {
    const array a = every_second(whole(), 0);
    const std::int64_t extent = a.shape[0];
    const array lower = a.sliced(0, 0, extent - 1), upper = a.sliced(0, 1, extent);
    EXPECT_EQ(answer(a, a, 0), overlap::yes);
    EXPECT_EQ(answer(a, lower.reversed(0), 0), overlap::yes); // the same first byte
    EXPECT_EQ(answer(a, upper.reversed(0), 0), overlap::yes); // the same last byte
    const array from_there_down = a.sliced(0, extent / 2, -1, -1), from_there_up = a.sliced(0, extent / 2, extent);
    EXPECT_EQ(answer(from_there_down, from_there_up, 0), overlap::yes); // the same first element
}

TEST_P(grid, has_a_gap_before_its_last_element) {
    array before_last = every_second(whole(), 0);
    for (std::size_t axis = 0; axis < axes(); ++axis)
        before_last = before_last.sliced(axis, before_last.shape[axis] - 1, before_last.shape[axis]);
    before_last.address -= 8;
    EXPECT_EQ(answer(every_second(whole(), 0), before_last, small_bound()), overlap::no);
}

INSTANTIATE_TEST_SUITE_P(of_dimensions, grid, ::testing::Values(1, 2, 3, 4, 5, 8, 12, 28),
                         [](const auto& p) { return std::to_string(p.param); });

/// A subset sum problem: `count` strides of about 2**40 without a pattern, two steps of each.
array coins(std::size_t count) {
    dice random(40);
    array a = {4096, dtype::uint8, extents(count, 2), {}};
    for (std::size_t i = 0; i < count; ++i)
        a.strides.push_back(random.between(std::int64_t{1} << 40, std::int64_t{1} << 41));
    return a;
}

constexpr std::int64_t small_work = 100;

TEST(hard_problem, is_given_up_after_the_allowed_work_and_solved_with_more) {
    const array a = coins(16);
    std::vector<std::uint64_t> sums = element_addresses(a);
    std::sort(sums.begin(), sums.end());
    for (const std::size_t rank : {20'000u, 33'000u, 45'000u}) {
        ASSERT_GT(sums[rank + 1] - sums[rank], 2u);
        const array hit = c_order(sums[rank], dtype::uint8, {}), miss = c_order(sums[rank] + 1, dtype::uint8, {});
        EXPECT_EQ(answer(a, miss, small_work), overlap::too_hard);
        EXPECT_EQ(answer(a, hit, numpy_bridge::default_overlap_work), overlap::yes);
        EXPECT_EQ(answer(a, miss, numpy_bridge::default_overlap_work), overlap::no);
    }
}

TEST(hard_problem, never_becomes_a_wrong_answer_with_less_work) {
    const array a = coins(12);
    const auto sums = element_addresses(a);
    for (const std::size_t i : {std::size_t{1000}, std::size_t{2000}, std::size_t{3000}})
        for (std::int64_t work = 0; work < 5000; work = work * 2 + 1) {
            const array hit = c_order(sums[i], dtype::uint8, {}), miss = c_order(sums[i] + 1, dtype::uint8, {});
            EXPECT_NE(overlaps(a.memory(), hit.memory(), work), overlap::no) << work;
            EXPECT_NE(overlaps(hit.memory(), a.memory(), work), overlap::no) << work;
            EXPECT_NE(overlaps(a.memory(), miss.memory(), work), overlap::yes) << work;
            EXPECT_NE(overlaps(miss.memory(), a.memory(), work), overlap::yes) << work;
        }
}

TEST(hard_problem, is_easy_once_a_common_factor_rules_every_answer_out) {
    array a = coins(40);
    for (std::int64_t& stride : a.strides) stride &= ~std::int64_t{15};
    EXPECT_EQ(answer(a, c_order(a.address + (std::uint64_t{1} << 43) + 8, dtype::uint8, {8}), 0), overlap::no);
}

TEST(hard_problem, is_searched_once_however_many_ways_lead_to_the_same_rest) {
    array a = {4096, dtype::uint8, extents(28, 4), {5}}; // 4**28 ways; 5 or a multiple of 8 each
    while (a.strides.size() < 28) a.strides.push_back(std::int64_t{4} << a.strides.size());
    for (std::uint64_t rest = 0; rest < 8; ++rest) {
        const bool hit = rest == 0 || rest == 5 || rest == 2 || rest == 7; // 0, 1, 2 or 3 times 5
        const array byte = c_order(a.address + 1'000'000 + rest, dtype::uint8, {});
        EXPECT_EQ(answer(a, byte, 10 * small_work), hit ? overlap::yes : overlap::no) << rest;
    }
}

TEST(hard_problem, of_64_dimensions_ends_at_the_allowed_work) {
    const array a = coins(64), middle = c_order(a.address + (std::uint64_t{1} << 46) + 1, dtype::uint8, {});
    EXPECT_EQ(answer(a, middle, numpy_bridge::default_overlap_work / 16), overlap::too_hard);
}

} // namespace
