/// What overlaps and what does not, and that everyday questions are answered without searching.

#include <cstdint>
#include <ostream>
#include <string>

#include <gtest/gtest.h>

#include "overlap_support.hpp"

using namespace numpy_bridge_test;
using numpy_bridge::bounds_overlap;
using numpy_bridge::device;
using numpy_bridge::device_type;
using numpy_bridge::dtype;
using numpy_bridge::overlap;
using numpy_bridge::overlaps;

namespace {

constexpr std::int64_t no_work = 0;
constexpr std::int64_t huge = std::int64_t{1} << 62;

struct question {
    const char* name;
    array a, b;
    overlap answer;
    friend std::ostream& operator<<(std::ostream& out, const question& x) { return out << x.name; }
};
class everyday : public ::testing::TestWithParam<question> {};

TEST_P(everyday, question_is_answered_without_searching) {
    const auto& [name, a, b, answer] = GetParam();
    EXPECT_EQ(overlaps(a.memory(), b.memory(), no_work), answer) << a << " and " << b;
    EXPECT_EQ(overlaps(b.memory(), a.memory(), no_work), answer) << b << " and " << a;
}

std::string name_of_question(const ::testing::TestParamInfo<question>& p) { return p.param.name; }

const array vector = c_order(4096, dtype::float64, {100}), bytes = c_order(4096, dtype::uint8, {800});

INSTANTIATE_TEST_SUITE_P(
    one_dimensional, everyday,
    ::testing::Values(
        question{"itself", vector, vector, overlap::yes},
        question{"side_by_side", vector.sliced(0, 0, 50), vector.sliced(0, 50, 100), overlap::no},
        question{"one_element_in_common", vector.sliced(0, 0, 51), vector.sliced(0, 50, 100), overlap::yes},
        question{"one_byte_in_common", bytes.sliced(0, 0, 9), vector.sliced(0, 1, 100), overlap::yes},
        question{"one_byte_short_of_it", bytes.sliced(0, 0, 8), vector.sliced(0, 1, 100), overlap::no},
        question{"one_inside_the_other", vector, vector.sliced(0, 40, 41), overlap::yes},
        question{"every_second_inside_the_other", vector, vector.sliced(0, 40, 60, 2), overlap::yes},
        question{"far_apart", vector, c_order(1u << 30, dtype::float64, {100}), overlap::no},
        question{"interleaved", vector.sliced(0, 0, 100, 2), vector.sliced(0, 1, 100, 2), overlap::no},
        question{"interleaved_with_different_steps", vector.sliced(0, 0, 100, 4), vector.sliced(0, 1, 100, 6),
                 overlap::no},
        question{"steps_that_meet_late", vector.sliced(0, 0, 100, 7), vector.sliced(0, 1, 100, 11), overlap::yes},
        question{"steps_that_would_meet_later", vector.sliced(0, 0, 50, 7), vector.sliced(0, 1, 50, 11), overlap::no},
        question{"backwards", vector, vector.reversed(0), overlap::yes},
        question{"interleaved_backwards", vector.sliced(0, 98, -1, -2), vector.sliced(0, 1, 100, 2), overlap::no},
        question{"inside_a_gap", vector.sliced(0, 0, 100, 10), vector.sliced(0, 41, 50), overlap::no},
        question{"inside_a_gap_and_touching", vector.sliced(0, 0, 100, 10), vector.sliced(0, 41, 51), overlap::yes},
        question{"block_across_gaps", vector.sliced(0, 0, 100, 10), vector.sliced(0, 25, 55), overlap::yes},
        question{"broadcast_over_its_own_element", vector, {4096 + 80, dtype::float64, {1000}, {0}}, overlap::yes},
        question{
            "broadcast_in_a_gap", vector.sliced(0, 0, 100, 2), {4096 + 8, dtype::float64, {1000}, {0}}, overlap::no},
        question{
            "overlapping_windows", {4096, dtype::float64, {10}, {3}}, {4130, dtype::uint8, {2}, {0}}, overlap::yes}),
    name_of_question);

const array matrix = c_order(4096, dtype::float64, {100, 60}), complex = c_order(4096, dtype::complex128, {100, 60});
const array real = {4096, dtype::float64, {100, 60}, {960, 16}}, imag = {4104, dtype::float64, {100, 60}, {960, 16}};

INSTANTIATE_TEST_SUITE_P(
    two_dimensional, everyday,
    ::testing::Values(
        question{"a_matrix_and_its_transpose", matrix, matrix.transposed(), overlap::yes},
        question{"upper_and_lower_rows", matrix.sliced(0, 0, 50), matrix.sliced(0, 50, 100), overlap::no},
        question{"even_and_odd_rows", matrix.sliced(0, 0, 100, 2), matrix.sliced(0, 1, 100, 2), overlap::no},
        question{"left_and_right_half", matrix.sliced(1, 0, 30), matrix.sliced(1, 30, 60), overlap::no},
        question{"halves_with_a_column_in_common", matrix.sliced(1, 0, 31), matrix.sliced(1, 30, 60), overlap::yes},
        question{"even_and_odd_columns", matrix.sliced(1, 0, 60, 2), matrix.sliced(1, 1, 60, 2), overlap::no},
        question{"columns_two_apart", matrix.sliced(1, 0, 60, 2), matrix.sliced(1, 2, 60, 2), overlap::yes},
        question{"columns_one_byte_apart", real, {4097, dtype::uint8, {100, 60}, {960, 16}}, overlap::yes},
        question{"diagonal_tiles", matrix.sliced(0, 0, 50).sliced(1, 0, 30),
                 matrix.sliced(0, 50, 100).sliced(1, 30, 60), overlap::no},
        question{"tiles_beside_each_other", matrix.sliced(0, 20, 40).sliced(1, 0, 30),
                 matrix.sliced(0, 20, 40).sliced(1, 30, 60), overlap::no},
        question{"tiles_with_a_corner_in_common", matrix.sliced(0, 0, 21).sliced(1, 0, 31),
                 matrix.sliced(0, 20, 40).sliced(1, 30, 60), overlap::yes},
        question{"a_row_and_a_column", matrix.sliced(0, 7, 8), matrix.sliced(1, 9, 10), overlap::yes},
        question{"real_and_imaginary_parts", real, imag, overlap::no},
        question{"complex_numbers_and_their_imaginary_parts", complex, imag, overlap::yes},
        question{"diagonal_and_itself_backwards",
                 {4096, dtype::float64, {60}, {488}},
                 array{4096, dtype::float64, {60}, {488}}.reversed(0),
                 overlap::yes},
        question{"diagonal_and_the_one_above",
                 {4096, dtype::float64, {60}, {488}},
                 {4104, dtype::float64, {59}, {488}},
                 overlap::no},
        question{
            "fields_of_a_struct", {4096, dtype::int32, {50}, {24}}, {4100, dtype::float64, {50}, {24}}, overlap::no},
        question{
            "fields_of_a_union", {4096, dtype::int32, {50}, {24}}, {4098, dtype::int16, {50}, {24}}, overlap::yes}),
    name_of_question);

array block(const extents& shape) { return c_order(4096, dtype::float64, shape); }
const array images = block({8, 3, 64, 64});

INSTANTIATE_TEST_SUITE_P(
    many_dimensional, everyday,
    ::testing::Values(question{"scalars", block({}), block({}), overlap::yes},
                      question{"scalar_in_64_dimensions", block(extents(64, 1)), block({}), overlap::yes},
                      question{"images_apart", images.sliced(0, 0, 4), images.sliced(0, 4, 8), overlap::no},
                      question{"one_image_of_all", images, images.sliced(0, 5, 6), overlap::yes},
                      question{"channels_apart", images.sliced(1, 0, 1), images.sliced(1, 1, 2), overlap::no},
                      question{"channels_in_common", images.sliced(1, 0, 2), images.sliced(1, 1, 3), overlap::yes},
                      question{"even_and_odd_pixels", images.sliced(3, 0, 64, 2), images.sliced(3, 1, 64, 2),
                               overlap::no},
                      question{"all_axes_swapped", images, images.transposed(), overlap::yes},
                      question{"2_to_the_50_elements_in_64_dimensions",
                               block(extents(64, 1)),
                               {4096, dtype::float64, extents(50, 2), extents(50, 0)},
                               overlap::yes}),
    name_of_question);

const array empty = {4096, dtype::float64, {3, 0}, {8, 8}};

INSTANTIATE_TEST_SUITE_P(
    of_no_or_one_element, everyday,
    ::testing::Values(
        question{"empty_memory_shares_nothing", empty, bytes, overlap::no},
        question{"empty_memory_does_not_even_share_itself", empty, empty, overlap::no},
        question{"empty_at_null", {0, dtype::float64, {0}, {8}}, {0, dtype::float64, {0}, {8}}, overlap::no},
        question{"extent_1_has_any_stride", {4096, dtype::uint8, {1}, {huge}}, bytes, overlap::yes},
        question{"extent_1_has_the_lowest_stride", {4096, dtype::uint8, {1}, {INT64_MIN}}, bytes, overlap::yes}),
    name_of_question);

constexpr std::uint64_t top = ~std::uint64_t{0};
const array two_far_apart = {4096, dtype::uint8, {2}, {huge}};

INSTANTIATE_TEST_SUITE_P(
    huge_memory, everyday,
    ::testing::Values(
        question{"half_the_address_space_each", c_order(4096, dtype::uint8, {huge}),
                 c_order(4096 + huge, dtype::uint8, {huge}), overlap::no},
        question{"all_that_can_be_described", c_order(1, dtype::uint8, {INT64_MAX}),
                 c_order(INT64_MAX, dtype::uint8, {INT64_MAX}), overlap::yes},
        question{"last_byte",
                 c_order(top - 1, dtype::uint8, {1}),
                 {top - 1 - huge, dtype::uint8, {2}, {huge}},
                 overlap::yes},
        question{"before_the_last_byte",
                 c_order(top - 2, dtype::uint8, {1}),
                 {top - 1 - huge, dtype::uint8, {2}, {huge}},
                 overlap::no},
        question{"ends_meet", two_far_apart, two_far_apart.reversed(0), overlap::yes},
        question{"second_meets_first", two_far_apart, {4096 + huge, dtype::uint8, {2}, {huge}}, overlap::yes},
        question{"one_byte_apart", two_far_apart, {4097, dtype::uint8, {2}, {huge}}, overlap::no},
        question{"in_between", two_far_apart, c_order(4097, dtype::uint8, {huge - 1}), overlap::no},
        question{"in_between_and_touching", two_far_apart, c_order(4097, dtype::uint8, {huge}), overlap::yes},
        question{"even_and_odd_bytes",
                 {4096, dtype::uint8, {huge}, {2}},
                 {4097, dtype::uint8, {huge - 1}, {2}},
                 overlap::no},
        question{"every_fifth_byte_and_a_multiple_of_5_later",
                 {4096, dtype::uint8, {huge / 8}, {5}},
                 {4096 + 3 + huge / 2, dtype::uint8, {huge / 8}, {5}},
                 overlap::yes},
        question{"every_fifth_byte_and_one_less",
                 {4096, dtype::uint8, {huge / 8}, {5}},
                 {4096 + 2 + huge / 2, dtype::uint8, {huge / 8}, {5}},
                 overlap::no},
        question{"prime_strides",
                 {4096, dtype::uint8, {huge / 1048573}, {1048573}},
                 {4097, dtype::uint8, {huge / 1048583}, {1048583}},
                 overlap::yes}),
    name_of_question);

struct neighbours {
    const char* name;
    device a, b;
    bool share_addresses;
    friend std::ostream& operator<<(std::ostream& out, const neighbours& x) { return out << x.name; }
};
class devices : public ::testing::TestWithParam<neighbours> {};

TEST_P(devices, share_addresses_or_never_overlap) {
    array on_a = bytes, on_b = bytes;
    on_a.where = GetParam().a;
    on_b.where = GetParam().b;
    const bool share = GetParam().share_addresses;
    EXPECT_EQ(overlaps(on_a.memory(), on_b.memory()), share ? overlap::yes : overlap::no);
    EXPECT_EQ(overlaps(on_b.memory(), on_a.memory()), share ? overlap::yes : overlap::no);
    EXPECT_EQ(bounds_overlap(on_a.memory(), on_b.memory()), share);
    EXPECT_EQ(bounds_overlap(on_b.memory(), on_a.memory()), share);
}

INSTANTIATE_TEST_SUITE_P(
    like, devices,
    ::testing::Values(
        neighbours{"cpu_and_cuda", {device_type::cpu, 0}, {device_type::cuda, 0}, false},
        neighbours{"cpu_and_pinned", {device_type::cpu, 0}, {device_type::cuda_host, 0}, true},
        neighbours{"cpu_and_managed", {device_type::cpu, 0}, {device_type::cuda_managed, 0}, true},
        neighbours{"cpu_and_rocm_host", {device_type::cpu, 0}, {device_type::rocm_host, 0}, true},
        neighbours{"cpu_and_rocm", {device_type::cpu, 0}, {device_type::rocm, 0}, false},
        neighbours{"cpu_and_metal", {device_type::cpu, 0}, {device_type::metal, 0}, false},
        neighbours{"pinned_and_cuda", {device_type::cuda_host, 0}, {device_type::cuda, 0}, false},
        neighbours{"one_gpu", {device_type::cuda, 1}, {device_type::cuda, 1}, true},
        neighbours{"two_gpus", {device_type::cuda, 0}, {device_type::cuda, 1}, false},
        neighbours{"two_makers", {device_type::cuda, 0}, {device_type::rocm, 0}, false},
        neighbours{"managed_and_cuda", {device_type::cuda_managed, 0}, {device_type::cuda, 0}, true},
        neighbours{"managed_and_another_gpu", {device_type::cuda_managed, 0}, {device_type::cuda, 1}, true},
        neighbours{"managed_and_rocm", {device_type::cuda_managed, 0}, {device_type::rocm, 0}, false},
        neighbours{"managed_twice", {device_type::cuda_managed, 0}, {device_type::cuda_managed, 1}, true}),
    [](const auto& p) { return p.param.name; });

TEST(bounds, overlap_without_a_common_element) {
    const array even = vector.sliced(0, 0, 100, 2), odd = vector.sliced(0, 1, 100, 2);
    EXPECT_TRUE(bounds_overlap(even.memory(), odd.memory()));
    EXPECT_EQ(overlaps(even.memory(), odd.memory()), overlap::no);
}

TEST(bounds, end_before_the_next_byte) {
    const auto within = [](const array& a, const array& b) { return bounds_overlap(a.memory(), b.memory()); };
    EXPECT_FALSE(within(bytes.sliced(0, 0, 400), bytes.sliced(0, 400, 800)));
    EXPECT_FALSE(within(bytes.sliced(0, 400, 800), bytes.sliced(0, 0, 400)));
    EXPECT_TRUE(within(bytes.sliced(0, 0, 401), bytes.sliced(0, 400, 800)));
    EXPECT_TRUE(within(bytes.sliced(0, 400, 800), bytes.sliced(0, 0, 401)));
    EXPECT_FALSE(within(empty, bytes));
    EXPECT_FALSE(within(bytes, empty));
}

} // namespace
