#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support.hpp"
#include <numpy_bridge/layout.hpp>

using namespace numpy_bridge_test;
using numpy_bridge::bounds_of;
using numpy_bridge::dtype;
using numpy_bridge::element_count;
using numpy_bridge::is_c_contiguous;
using numpy_bridge::is_f_contiguous;
using numpy_bridge::layout;

namespace {

constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t huge = std::int64_t{1} << 62;

layout layout_of(const extents& shape, const extents& strides, std::int64_t itemsize) {
    return {static_cast<int>(shape.size()), shape.data(), strides.data(), itemsize};
}

TEST(element_count, is_the_product_of_the_extents) {
    const auto count = [](const extents& shape) { return element_count(layout_of(shape, {}, 8)); };
    EXPECT_EQ(count({}), 1);
    EXPECT_EQ(count({7}), 7);
    EXPECT_EQ(count({2, 3, 4}), 24);
    EXPECT_EQ(count(extents(64, 1)), 1);
    EXPECT_EQ(count(extents(62, 2)), huge);
    EXPECT_EQ(count({largest}), largest);
}

TEST(element_count, is_0_as_soon_as_one_extent_is) {
    const auto count = [](const extents& shape) { return element_count(layout_of(shape, {}, 8)); };
    EXPECT_EQ(count({0}), 0);
    EXPECT_EQ(count({3, 0, 2}), 0);
    EXPECT_EQ(count({huge, huge, 0}), 0);
    EXPECT_EQ(count({0, huge, huge}), 0);
}

TEST(element_count, is_nothing_where_the_product_overflows) {
    const auto count = [](const extents& shape) { return element_count(layout_of(shape, {}, 8)); };
    EXPECT_EQ(count({huge, 2}), std::nullopt);
    EXPECT_EQ(count(extents(63, 2)), std::nullopt);
    EXPECT_EQ(count({largest, largest}), std::nullopt);
    EXPECT_EQ(count({std::int64_t{1} << 32, std::int64_t{1} << 32}), std::nullopt); // 0 modulo 2**64
}

struct bounds_case {
    const char* name;
    extents shape, strides;
    std::int64_t itemsize, low, high;
    friend std::ostream& operator<<(std::ostream& out, const bounds_case& x) { return out << x.name; }
};
class bounds : public ::testing::TestWithParam<bounds_case> {};

TEST_P(bounds, span_every_element) {
    const auto& [name, shape, strides, itemsize, low, high] = GetParam();
    const auto found = bounds_of(layout_of(shape, strides, itemsize));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->low, low);
    EXPECT_EQ(found->high, high);
}

INSTANTIATE_TEST_SUITE_P(
    of, bounds,
    ::testing::Values(bounds_case{"scalar", {}, {}, 8, 0, 8}, bounds_case{"row_major", {2, 3}, {24, 8}, 8, 0, 48},
                      bounds_case{"backwards", {5}, {-8}, 8, -32, 8},
                      bounds_case{"one_axis_backwards", {2, 3}, {24, -8}, 8, -16, 32},
                      bounds_case{"broadcast", {5, 2}, {0, 8}, 8, 0, 16},
                      bounds_case{"overlapping_windows", {3, 4}, {1, 1}, 2, 0, 7},
                      bounds_case{"extent_1_has_any_stride", {1, 1}, {largest, -largest}, 8, 0, 8},
                      bounds_case{"extent_1_has_the_lowest_stride", {1}, {lowest}, 8, 0, 8},
                      bounds_case{"empty", {0}, {8}, 8, 0, 0}, bounds_case{"empty_backwards", {3, 0}, {-8, 8}, 8, 0, 0},
                      bounds_case{"empty_before_huge_strides", {0, huge}, {8, huge}, 8, 0, 0},
                      bounds_case{"empty_after_huge_strides", {huge, 0}, {huge, 8}, 8, 0, 0},
                      bounds_case{"up_to_the_largest", {2}, {largest - 1}, 1, 0, largest},
                      bounds_case{"down_to_the_lowest", {2}, {-(largest - 1)}, 1, -(largest - 1), 1}),
    [](const auto& p) { return p.param.name; });

TEST(bounds, are_nothing_where_they_overflow) {
    const auto found = [](const extents& shape, const extents& strides) {
        return bounds_of(layout_of(shape, strides, 8)).has_value();
    };
    EXPECT_FALSE(found({3}, {huge}));                   // stride times extent
    EXPECT_FALSE(found({3}, {-huge}));                  //
    EXPECT_FALSE(found({2}, {lowest}));                 //
    EXPECT_FALSE(found({2}, {largest}));                // plus the itemsize
    EXPECT_FALSE(found({2, 2}, {huge, huge}));          // sum above
    EXPECT_FALSE(found({2, 2, 2}, {-huge, -huge, -1})); // sum below
    EXPECT_FALSE(found({2, 2}, {huge, -huge}));         // length from low to high
}

struct order_case {
    const char* name;
    extents shape, strides;
    bool c, f;
    friend std::ostream& operator<<(std::ostream& out, const order_case& x) { return out << x.name; }
};
class contiguity : public ::testing::TestWithParam<order_case> {};

TEST_P(contiguity, is_known_for_8_byte_elements) {
    const auto& [name, shape, strides, c, f] = GetParam();
    EXPECT_EQ(is_c_contiguous(layout_of(shape, strides, 8)), c);
    EXPECT_EQ(is_f_contiguous(layout_of(shape, strides, 8)), f);
}

INSTANTIATE_TEST_SUITE_P(
    of, contiguity,
    ::testing::Values(order_case{"scalar", {}, {}, true, true}, order_case{"vector", {5}, {8}, true, true},
                      order_case{"matrix_in_row_major_order", {2, 3}, {24, 8}, true, false},
                      order_case{"matrix_in_column_major_order", {2, 3}, {8, 16}, false, true},
                      order_case{"every_second", {5}, {16}, false, false},
                      order_case{"backwards", {5}, {-8}, false, false}, order_case{"broadcast", {5}, {0}, false, false},
                      order_case{"gap_between_rows", {2, 3}, {32, 8}, false, false},
                      order_case{"one_row_of_a_padded_matrix", {1, 3}, {32, 8}, true, true},
                      order_case{"column_vector", {3, 1}, {8, 999}, true, true},
                      order_case{"extent_1_anywhere", {2, 1, 3}, {24, -7, 8}, true, false},
                      order_case{"permuted_middle", {2, 3, 4}, {96, 8, 24}, false, false},
                      order_case{"empty_with_any_stride", {2, 0}, {-7, 999}, true, true},
                      order_case{"empty_with_huge_extents", {0, huge, huge}, {1, 2, 3}, true, true}),
    [](const auto& p) { return p.param.name; });

/// Random small arrays, about half of them contiguous, with extents of 0 and 1.
array small_array(dice& random) {
    array a = c_order(1000, random.one_of(std::vector{dtype::uint8, dtype::int32, dtype::complex128}), {});
    auto step = static_cast<std::int64_t>(itemsize(a.type));
    for (auto axes = random.between(0, 4); axes > 0; --axes) {
        a.shape.push_back(random.once_in(12) ? 0 : random.between(1, 4));
        a.strides.push_back(random.once_in(3) ? random.between(-20, 20) : step);
        step *= a.shape.back();
    }
    return random.once_in(2) ? a.transposed() : a;
}

TEST(layout_of_random_arrays, is_what_a_walk_through_the_elements_finds) {
    dice random(1);
    int contiguous = 0;
    for (int i = 0; i < 20'000; ++i) {
        const array a = small_array(random);
        const auto size = static_cast<std::int64_t>(itemsize(a.type));
        const auto in_order = [&](const array& walked) {
            const auto addresses = element_addresses(walked);
            for (std::size_t k = 0; k < addresses.size(); ++k)
                if (addresses[k] != a.address + k * static_cast<std::size_t>(size)) return false;
            return true;
        };
        const auto addresses = element_addresses(a);
        const layout l = numpy_bridge::layout_of(a.memory());
        ASSERT_EQ(element_count(l), static_cast<std::int64_t>(addresses.size())) << a;
        ASSERT_EQ(is_c_contiguous(l), in_order(a)) << a;
        ASSERT_EQ(is_f_contiguous(l), in_order(a.transposed())) << a;
        contiguous += is_c_contiguous(l) ? 1 : 0;
        if (addresses.empty()) continue;
        const auto [first, last] = std::minmax_element(addresses.begin(), addresses.end());
        ASSERT_EQ(bounds_of(l).value().low, static_cast<std::int64_t>(*first) - 1000) << a;
        ASSERT_EQ(bounds_of(l).value().high, static_cast<std::int64_t>(*last) - 1000 + size) << a;
    }
    EXPECT_GT(contiguous, 5'000);
    EXPECT_LT(contiguous, 15'000);
}

extents c_strides(const extents& shape, std::int64_t itemsize) {
    extents strides(shape.size(), -1);
    numpy_bridge::fill_c_strides(static_cast<int>(shape.size()), shape.data(), itemsize, strides.data());
    return strides;
}

TEST(c_strides, count_from_the_last_axis) {
    EXPECT_EQ(c_strides({}, 8), (extents{}));
    EXPECT_EQ(c_strides({5}, 8), (extents{8}));
    EXPECT_EQ(c_strides({2, 3, 4}, 8), (extents{96, 32, 8}));
    EXPECT_EQ(c_strides({2, 1, 3}, 1), (extents{3, 3, 1}));
}

TEST(c_strides, take_an_extent_of_0_for_1_as_numpy_does) {
    EXPECT_EQ(c_strides({2, 0, 3}, 8), (extents{24, 24, 8}));
    EXPECT_EQ(c_strides({0}, 4), (extents{4}));
}

TEST(c_strides, stay_where_they_are_once_empty_memory_overflows) {
    EXPECT_EQ(c_strides({0, huge, huge, 2}, 8), (extents{16, 16, 16, 8}));
}

TEST(c_strides, are_row_major_in_64_dimensions) {
    extents shape(64, 1);
    shape[3] = 5, shape[40] = 7, shape[63] = 2;
    const extents strides = c_strides(shape, 4);
    EXPECT_TRUE(is_c_contiguous(layout_of(shape, strides, 4)));
    EXPECT_EQ(strides[3], 56);
    EXPECT_EQ(strides[40], 8);
    EXPECT_EQ(strides[63], 4);
}

TEST(layout, is_usable_in_constant_expressions) {
    static constexpr std::array<std::int64_t, 2> shape = {2, 3}, strides = {24, 8};
    constexpr layout l{2, shape.data(), strides.data(), 8};
    static_assert(element_count(l) == 6 && is_c_contiguous(l) && !is_f_contiguous(l) && bounds_of(l)->high == 48);
}

} // namespace
