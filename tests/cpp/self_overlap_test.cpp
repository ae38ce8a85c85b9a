/// Whether elements overlap each other: random layouts against a walk through all elements.

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include <numpy_bridge/self_overlap.hpp>

#include "support.hpp"

using namespace numpy_bridge_test;
using numpy_bridge::dtype;
using numpy_bridge::overlap;
using numpy_bridge::overlaps_itself;

namespace {

bool walks_over_itself(const array& a) {
    std::vector<std::uint64_t> addresses = element_addresses(a);
    std::sort(addresses.begin(), addresses.end());
    const std::uint64_t size = numpy_bridge::itemsize(a.type);
    for (std::size_t i = 1; i < addresses.size(); ++i)
        if (addresses[i] - addresses[i - 1] < size) return true;
    return false;
}

TEST(SelfOverlap, MatchesAWalkThroughAllElements) {
    dice random(1);
    constexpr std::array<dtype, 4> types = {dtype::uint8, dtype::int16, dtype::float32, dtype::complex128};
    int overlapping = 0;
    for (int round = 0; round < 40'000; ++round) {
        array a{1 << 20, random.one_of(types), {}, {}};
        const std::int64_t longest = random.between(1, 60);
        for (auto axes = random.between(0, 4); axes > 0; --axes) {
            a.shape.push_back(random.once_in(40) ? 0 : random.between(1, 5));
            a.strides.push_back(random.between(-longest, longest));
        }
        const bool expected = walks_over_itself(a);
        overlapping += expected ? 1 : 0;
        ASSERT_EQ(overlaps_itself(a.memory()), expected ? overlap::yes : overlap::no) << a;
    }
    EXPECT_GT(overlapping, 10'000);
    EXPECT_LT(overlapping, 30'000);
}

TEST(SelfOverlap, SlidingWindowsAndBroadcasts) {
    EXPECT_EQ(overlaps_itself(array{64, dtype::float64, {3, 1 << 20}, {8, 8}}.memory()), overlap::yes);
    EXPECT_EQ(overlaps_itself(array{64, dtype::float64, {1 << 20, 4}, {8, 0}}.memory()), overlap::yes);
    EXPECT_EQ(overlaps_itself(array{64, dtype::float64, {1 << 20, 1}, {8, 0}}.memory()), overlap::no);
    EXPECT_EQ(overlaps_itself(array{64, dtype::float32, {8}, {3}}.memory()), overlap::yes);
}

TEST(SelfOverlap, GivesUpAfterBoundedWork) {
    const extents shape(12, 100), strides = {1'000'003, 1'000'033, 1'000'037, 1'000'039, 1'000'081, 1'000'099,
                                             1'000'117, 1'000'121, 1'000'133, 1'000'151, 1'000'159, 1'000'171};
    EXPECT_NE(overlaps_itself(array{std::uint64_t{1} << 40U, dtype::uint8, shape, strides}.memory(), 100), overlap::no);
}

} // namespace
