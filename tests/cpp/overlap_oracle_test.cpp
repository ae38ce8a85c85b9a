/// Hundreds of thousands of random pairs against a walk through all their elements.

#include <algorithm>
#include <array>
#include <bitset>
#include <cstdint>
#include <cstdlib>
#include <ostream>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "overlap_support.hpp"

using namespace numpy_bridge_test;
using numpy_bridge::dtype;
using numpy_bridge::overlap;
using numpy_bridge::overlaps;

namespace {

constexpr std::int64_t most_elements = 36;
constexpr std::array<dtype, 5> types = {dtype::uint8, dtype::int16, dtype::float32, dtype::float64, dtype::complex128};

extents random_shape(dice& random) {
    extents shape;
    std::int64_t room = most_elements;
    for (auto axes = random.between(0, 5); axes > 0; --axes) {
        const std::int64_t extent = random.once_in(60) ? 0 : random.between(1, std::min<std::int64_t>(room, 6));
        shape.push_back(extent);
        room /= std::max<std::int64_t>(extent, 1);
    }
    return shape;
}

struct pair {
    array a, b;
};

/// The address of one of the elements, if there is any.
std::uint64_t any_address(dice& random, const array& a) {
    std::uint64_t address = a.address;
    for (std::size_t axis = 0; axis < a.shape.size(); ++axis)
        if (a.shape[axis] > 0)
            address += static_cast<std::uint64_t>(random.between(0, a.shape[axis] - 1) * a.strides[axis]);
    return address;
}

/// Moves b so that one of its elements lies within `distance` bytes of one of a's.
pair brought_together(dice& random, array a, array b, std::int64_t distance) {
    const std::uint64_t in_a = any_address(random, a), in_b = any_address(random, b);
    b.address += in_a - in_b + static_cast<std::uint64_t>(random.between(-distance, distance));
    return {std::move(a), std::move(b)};
}

/// Strides of any number of bytes: elements overlap each other, cross each other and leave gaps.
pair of_any_strides(dice& random) {
    const std::int64_t longest = random.between(1, 400);
    array pair_of[2];
    for (array& a : pair_of) {
        a = {1 << 20, random.one_of(types), random_shape(random), {}};
        for (std::size_t axis = 0; axis < a.shape.size(); ++axis)
            a.strides.push_back(random.between(-longest, longest));
    }
    return brought_together(random, std::move(pair_of[0]), std::move(pair_of[1]), 40);
}

/// Strides of whole elements of one size, often with a common factor.
pair of_whole_elements(dice& random) {
    const dtype type = random.one_of(types);
    const std::int64_t unit = static_cast<std::int64_t>(itemsize(type)) * random.between(1, 3);
    array pair_of[2];
    for (array& a : pair_of) {
        a = {1 << 20, type, random_shape(random), {}};
        for (std::size_t axis = 0; axis < a.shape.size(); ++axis) a.strides.push_back(unit * random.between(-30, 30));
    }
    return brought_together(random, std::move(pair_of[0]), std::move(pair_of[1]), unit);
}

/// Two slices of one row-major array, forwards and backwards, axes in any order, at times read as
/// single bytes.
pair of_slices(dice& random) {
    extents shape;
    for (auto axes = random.between(1, 5); axes > 0; --axes) shape.push_back(random.between(3, 12));
    array pair_of[2];
    for (array& a : pair_of) {
        a = c_order(1 << 20, dtype::float64, shape);
        std::int64_t room = most_elements;
        for (std::size_t axis = 0; axis < shape.size(); ++axis) {
            const std::int64_t start = random.between(0, 2), step = random.between(1, 3);
            const std::int64_t length =
                random.once_in(60) ? 0 : random.between(1, std::min<std::int64_t>(room, 6) * step);
            a = a.sliced(axis, start, std::min(start + length, shape[axis]), step);
            room /= std::max<std::int64_t>(a.shape[axis], 1);
            if (a.shape[axis] > 0 && random.once_in(3)) a = a.reversed(axis);
        }
        if (random.once_in(4)) a = a.transposed();
        if (random.once_in(4)) a.type = dtype::uint8, a.address += static_cast<std::uint64_t>(random.between(0, 7));
    }
    return {pair_of[0], pair_of[1]};
}

/// Few elements, far apart: strides of every magnitude up to 2**60.
pair of_huge_strides(dice& random) {
    array pair_of[2];
    for (array& a : pair_of) {
        a = {std::uint64_t{1} << 63, random.one_of(types), {}, {}};
        for (auto axes = random.between(0, 4); axes > 0; --axes) {
            const std::int64_t longest = std::int64_t{1} << random.between(0, 58);
            a.shape.push_back(random.between(1, 3));
            a.strides.push_back(random.between(-longest, longest));
        }
        if (&a != pair_of && random.once_in(2)) a.strides = pair_of[0].strides, a.shape.assign(a.strides.size(), 2);
    }
    return brought_together(random, std::move(pair_of[0]), std::move(pair_of[1]), 20);
}

struct sample {
    const char* name;
    pair (*draw)(dice&);
    int searched; ///< per mille of all pairs that at least need a search, or the sample is too easy
    friend std::ostream& operator<<(std::ostream& out, const sample& x) { return out << x.name; }
};
class random_pairs : public ::testing::TestWithParam<sample> {};

TEST_P(random_pairs, overlap_where_a_walk_through_their_elements_says_so) {
    constexpr int count = 80'000;
    dice random(20260101);
    int apart = 0, together = 0, searched = 0;
    for (int i = 0; i < count; ++i) {
        const auto [a, b] = GetParam().draw(random);
        const overlap expected = share_a_byte(a, b) ? overlap::yes : overlap::no;
        ASSERT_EQ(overlaps(a.memory(), b.memory()), expected) << a << " and " << b;
        ASSERT_EQ(overlaps(b.memory(), a.memory()), expected) << b << " and " << a;
        const overlap quick = overlaps(a.memory(), b.memory(), 0);
        ASSERT_TRUE(quick == expected || quick == overlap::too_hard) << a << " and " << b;
        ++(expected == overlap::yes ? together : apart);
        searched += quick == overlap::too_hard ? 1 : 0;
    }
    EXPECT_GT(apart, count / 5) << "too few pairs without overlap";
    EXPECT_GT(together, count / 5) << "too few pairs with overlap";
    EXPECT_GT(searched, count / 1000 * GetParam().searched) << "too few pairs that need a search";
}

INSTANTIATE_TEST_SUITE_P(of, random_pairs,
                         ::testing::Values(sample{"any_strides", of_any_strides, 400},
                                           sample{"whole_elements", of_whole_elements, 400},
                                           sample{"slices_of_one_array", of_slices, 150},
                                           sample{"huge_strides", of_huge_strides, 300}),
                         [](const auto& p) { return p.param.name; });

/// The bytes of an array in 64 dimensions that lie within 2**15 bytes of address 2**20. Its elements are
/// too many to walk through; instead every axis in turn repeats what the axes before it touch.
using window = std::bitset<1 << 16>;
window touched_bytes(const array& a) {
    window touched;
    for (std::size_t byte = 0; byte < itemsize(a.type); ++byte) touched.set((1 << 15) + a.address - (1 << 20) + byte);
    for (std::size_t axis = 0; axis < a.shape.size(); ++axis) {
        const window once = touched;
        const auto step = static_cast<std::size_t>(std::abs(a.strides[axis]));
        for (std::size_t i = 1; i < static_cast<std::size_t>(a.shape[axis]); ++i)
            touched |= a.strides[axis] < 0 ? once >> step * i : once << step * i;
    }
    return touched;
}

array in_64_dimensions(dice& random, std::int64_t unit) {
    array a = {(1 << 20) + static_cast<std::uint64_t>(random.between(0, 500)), random.one_of(types), {}, {}};
    for (int axis = 0; axis < 64; ++axis) {
        a.shape.push_back(random.between(1, 3));
        a.strides.push_back(unit * random.between(-120 / unit, 120 / unit));
    }
    return a;
}

TEST(random_pairs_in_64_dimensions, overlap_where_their_bytes_do) {
    dice random(64);
    int apart = 0, together = 0;
    for (int i = 0; i < 1'000; ++i) {
        const std::int64_t unit = random.between(8, 60);
        const array a = in_64_dimensions(random, unit), b = in_64_dimensions(random, unit);
        const overlap expected = (touched_bytes(a) & touched_bytes(b)).any() ? overlap::yes : overlap::no;
        ASSERT_EQ(overlaps(a.memory(), b.memory()), expected) << a << " and " << b;
        ASSERT_EQ(overlaps(b.memory(), a.memory()), expected) << b << " and " << a;
        ++(expected == overlap::yes ? together : apart);
    }
    EXPECT_GT(apart, 200);
    EXPECT_GT(together, 200);
}

TEST(random_array, overlaps_itself_unless_it_is_empty) {
    dice random(2);
    for (int i = 0; i < 10'000; ++i) {
        const array a = of_any_strides(random).a;
        const overlap expected = element_addresses(a).empty() ? overlap::no : overlap::yes;
        ASSERT_EQ(overlaps(a.memory(), a.memory()), expected) << a;
        if (!a.shape.empty() && expected == overlap::yes) {
            ASSERT_EQ(overlaps(a.memory(), a.reversed(0).memory()), expected) << a;
            ASSERT_EQ(overlaps(a.memory(), a.transposed().memory()), expected) << a;
        }
    }
}

TEST(the_oracle, sees_one_byte) {
    const array a = {1000, dtype::float32, {2}, {10}}; // [1000, 1004) and [1010, 1014)
    for (const auto& [address, expected] : {std::pair{999, false},
                                            {1000, true},
                                            {1003, true},
                                            {1004, false},
                                            {1009, false},
                                            {1010, true},
                                            {1013, true},
                                            {1014, false}})
        EXPECT_EQ(share_a_byte(a, c_order(static_cast<std::uint64_t>(address), dtype::uint8, {})), expected) << address;
}

} // namespace
