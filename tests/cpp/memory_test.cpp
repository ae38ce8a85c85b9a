#include <cstdint>
#include <limits>
#include <ostream>
#include <string>

#include <gtest/gtest.h>

#include "support.hpp"
#include <numpy_bridge/memory.hpp>

using namespace numpy_bridge_test;
using numpy_bridge::dtype;
using numpy_bridge::sharing_error;

namespace {

constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t huge = std::int64_t{1} << 62;
constexpr std::uint64_t last_address = std::numeric_limits<std::uint64_t>::max();
constexpr std::int64_t room = (std::int64_t{1} << 57) - 4096; // behind address 4096

/// The refusal that `check` throws; the test fails if it does not.
template <class Check> numpy_bridge::refusal refusal_of(Check check) {
    try {
        check();
    } catch (const sharing_error& error) {
        return error.why();
    }
    ADD_FAILURE() << "nothing was refused";
    return {};
}

struct refused {
    const char* name;
    array what;
    std::string field, expected, got, hint;
    friend std::ostream& operator<<(std::ostream& out, const refused& x) { return out << x.name; }
};
class refused_memory : public ::testing::TestWithParam<refused> {};

TEST_P(refused_memory, is_explained_field_by_field) {
    const auto why = refusal_of([] { validate(GetParam().what.memory(), "some protocol"); });
    EXPECT_EQ(why.protocol, "some protocol");
    EXPECT_EQ(why.field, GetParam().field);
    EXPECT_EQ(why.expected, GetParam().expected);
    EXPECT_EQ(why.got, GetParam().got);
    EXPECT_EQ(why.hint, GetParam().hint);
}

const std::string extents_wanted = "non-negative extents", size_wanted = "a size in bytes below 2**63",
                  bounds_wanted = "strides that reach less than 2**63 bytes",
                  inside_wanted = "elements inside the address space",
                  null_hint = "this object has a shape but no memory behind it";

INSTANTIATE_TEST_SUITE_P(
    because_of, refused_memory,
    ::testing::Values(
        refused{"negative_extent", {4096, dtype::int8, {2, -1}, {1, 1}}, "shape", extents_wanted, "(2, -1)", ""},
        refused{
            "negative_extent_beside_0", {4096, dtype::int8, {0, -1}, {1, 1}}, "shape", extents_wanted, "(0, -1)", ""},
        refused{"lowest_extent",
                {4096, dtype::int8, {lowest}, {1}},
                "shape",
                extents_wanted,
                "(-9223372036854775808,)",
                ""},
        refused{"overflowing_count",
                {4096, dtype::int8, {huge, 2}, {0, 0}},
                "shape",
                size_wanted,
                "(4611686018427387904, 2) of 1-byte elements",
                ""},
        refused{"overflowing_size",
                {4096, dtype::float64, {huge}, {0}},
                "shape",
                size_wanted,
                "(4611686018427387904,) of 8-byte elements",
                ""},
        refused{"size_of_0_modulo_2_64",
                {4096, dtype::int8, {std::int64_t{1} << 32, std::int64_t{1} << 32}, {0, 0}},
                "shape",
                size_wanted,
                "(4294967296, 4294967296) of 1-byte elements",
                ""},
        refused{"overflowing_stride",
                {4096, dtype::int8, {3, 1}, {huge, 8}},
                "strides",
                bounds_wanted,
                "(4611686018427387904, 8) for shape (3, 1)",
                ""},
        refused{"overflowing_stride_backwards",
                {4096, dtype::int8, {3}, {-huge}},
                "strides",
                bounds_wanted,
                "(-4611686018427387904,) for shape (3,)",
                ""},
        refused{"lowest_stride",
                {4096, dtype::int8, {2}, {lowest}},
                "strides",
                bounds_wanted,
                "(-9223372036854775808,) for shape (2,)",
                ""},
        refused{"last_element_beyond_the_bounds",
                {4096, dtype::int8, {2}, {largest}},
                "strides",
                bounds_wanted,
                "(9223372036854775807,) for shape (2,)",
                ""},
        refused{"overflowing_sum_of_strides",
                {4096, dtype::int8, {2, 2}, {huge, -huge}},
                "strides",
                bounds_wanted,
                "(4611686018427387904, -4611686018427387904) for shape (2, 2)",
                ""},
        refused{
            "null_pointer", {0, dtype::float32, {5, 2}, {8, 4}}, "data", "a pointer to 10 elements", "NULL", null_hint},
        refused{"null_scalar", {0, dtype::float32, {}, {}}, "data", "a pointer to 1 elements", "NULL", null_hint},
        refused{"elements_below_address_0",
                {15, dtype::int64, {3}, {-8}},
                "data",
                inside_wanted,
                "address 15 with bytes [-16, 8)",
                ""},
        refused{"elements_beyond_the_last_address",
                {last_address - 7, dtype::int64, {1}, {8}},
                "data",
                inside_wanted,
                "address 18446744073709551608 with bytes [0, 8)",
                ""}),
    [](const auto& p) { return p.param.name; });

struct accepted {
    const char* name;
    array what;
    friend std::ostream& operator<<(std::ostream& out, const accepted& x) { return out << x.name; }
};
class accepted_memory : public ::testing::TestWithParam<accepted> {};

TEST_P(accepted_memory, passes) { EXPECT_NO_THROW(validate(GetParam().what.memory(), "some protocol")); }

INSTANTIATE_TEST_SUITE_P(
    which_is, accepted_memory,
    ::testing::Values(accepted{"scalar", {4096, dtype::float64, {}, {}}},
                      accepted{"in_row_major_order", {4096, dtype::float64, {5, 2}, {16, 8}}},
                      accepted{"backwards", {4096, dtype::float64, {5}, {-8}}},
                      accepted{"broadcast", {4096, dtype::float64, {5}, {0}}},
                      accepted{"not_aligned", {4097, dtype::float64, {5}, {9}}},
                      accepted{"of_64_dimensions", {4096, dtype::int8, extents(64, 1), extents(64, 0)}},
                      accepted{"empty_at_null", {0, dtype::float64, {0}, {8}}},
                      accepted{"empty_at_the_last_address", {last_address, dtype::float64, {0}, {8}}},
                      accepted{"empty_before_huge_extents", {0, dtype::float64, {0, huge, huge}, {8, 8, 8}}},
                      accepted{"empty_after_huge_extents", {0, dtype::float64, {huge, 0}, {8, 8}}},
                      accepted{"empty_after_huge_strides", {0, dtype::float64, {3, 0}, {huge, 8}}},
                      accepted{"of_extent_1_with_any_stride", {4096, dtype::int8, {1, 1}, {largest, -largest}}},
                      accepted{"of_extent_1_with_the_lowest_stride", {4096, dtype::int8, {1}, {lowest}}},
                      accepted{"down_to_address_0", {16, dtype::int64, {3}, {-8}}},
                      accepted{"up_to_the_last_address", {(1ULL << 57) - 8, dtype::int64, {1}, {8}}},
                      accepted{"as_large_as_can_be", {4096, dtype::int8, {room}, {1}}},
                      accepted{"as_spread_out_as_can_be", {4096, dtype::int8, {2}, {room - 1}}}),
    [](const auto& p) { return p.param.name; });

TEST(validate_ndim, accepts_0_to_64) {
    EXPECT_NO_THROW(numpy_bridge::validate_ndim(0, "P"));
    EXPECT_NO_THROW(numpy_bridge::validate_ndim(64, "P"));
}

TEST(validate_ndim, refuses_everything_else) {
    for (const std::int64_t ndim : {std::int64_t{-1}, std::int64_t{65}, lowest, largest, std::int64_t{1} << 32}) {
        const auto why = refusal_of([ndim] { numpy_bridge::validate_ndim(ndim, "P"); });
        EXPECT_EQ(why.protocol, "P");
        EXPECT_EQ(why.field, "ndim");
        EXPECT_EQ(why.expected, "0 to 64 dimensions");
        EXPECT_EQ(why.got, std::to_string(ndim));
    }
}

TEST(validate_ndim, says_what_to_do_about_too_many) {
    const auto why = refusal_of([] { numpy_bridge::validate_ndim(65, "P"); });
    EXPECT_EQ(why.hint, "merge some dimensions first");
}

TEST(validate_shape, needs_no_strides) {
    const extents shape = {2, 3}, negative = {2, -3};
    EXPECT_NO_THROW(numpy_bridge::validate_shape(2, shape.data(), 8, "P"));
    EXPECT_EQ(refusal_of([&] { numpy_bridge::validate_shape(2, negative.data(), 8, "P"); }).got, "(2, -3)");
}

TEST(memory, is_counted_in_elements_and_bytes) {
    const array a = {4096, dtype::complex128, {3, 2}, {64, -16}};
    EXPECT_EQ(itemsize(a.memory()), 16);
    EXPECT_EQ(element_count(a.memory()), 6);
    EXPECT_EQ(byte_count(a.memory()), 96);
    EXPECT_FALSE(is_empty(a.memory()));
}

TEST(memory, of_no_dimension_is_one_element) {
    const array scalar = {4096, dtype::int32, {}, {}};
    EXPECT_EQ(element_count(scalar.memory()), 1);
    EXPECT_EQ(byte_count(scalar.memory()), 4);
    EXPECT_FALSE(is_empty(scalar.memory()));
}

TEST(memory, with_an_extent_of_0_is_empty) {
    const array empty = {4096, dtype::int32, {3, 0}, {4, 4}};
    EXPECT_EQ(element_count(empty.memory()), 0);
    EXPECT_EQ(byte_count(empty.memory()), 0);
    EXPECT_TRUE(is_empty(empty.memory()));
}

TEST(memory, is_empty_host_memory_by_default_and_owns_nothing) {
    constexpr numpy_bridge::memory nothing;
    EXPECT_EQ(nothing.data, nullptr);
    EXPECT_EQ(nothing.device.type, numpy_bridge::device_type::cpu);
    EXPECT_FALSE(nothing.readonly);
    EXPECT_EQ(nothing.ndim, 0);
}

TEST(text_of, writes_tuples_as_python_does) {
    const extents values = {5, -2, 0};
    EXPECT_EQ(numpy_bridge::text_of(values.data(), 0), "()");
    EXPECT_EQ(numpy_bridge::text_of(values.data(), 1), "(5,)");
    EXPECT_EQ(numpy_bridge::text_of(values.data(), 2), "(5, -2)");
    EXPECT_EQ(numpy_bridge::text_of(values.data(), 3), "(5, -2, 0)");
}

TEST(is_aligned, asks_of_every_element) {
    alignas(64) static std::byte block[256];
    const auto aligned = [](std::size_t offset, std::int64_t extent, std::int64_t stride, std::int64_t alignment) {
        numpy_bridge::memory m;
        m.data = block + offset;
        m.ndim = 1;
        m.shape = &extent;
        m.strides = &stride;
        return numpy_bridge::is_aligned(m, alignment);
    };
    EXPECT_TRUE(aligned(0, 4, 16, 16));
    EXPECT_TRUE(aligned(16, 4, -16, 16));
    EXPECT_FALSE(aligned(8, 4, 16, 16));
    EXPECT_FALSE(aligned(0, 4, 8, 16));
    EXPECT_TRUE(aligned(0, 1, 8, 16)); // a stride that is never used
    EXPECT_TRUE(aligned(8, 0, 8, 16)); // no element at all
    EXPECT_TRUE(aligned(1, 4, 1, 1));
}

} // namespace
