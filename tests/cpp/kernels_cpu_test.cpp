/// add_ and copy_ on the CPU: thousands of layouts and dtypes, element by element, and not a byte more.

#include <array>

#include <gtest/gtest.h>

#include "kernels/add.hpp"
#include "kernels/copy.hpp"
#include "kernels_oracle.hpp"

using namespace numpy_bridge_test;
using namespace numpy_bridge::kernels;
using numpy_bridge::byte_order;
using numpy_bridge::dtype;
using numpy_bridge::element_type;

namespace {

constexpr std::array<dtype, 14> addable = {dtype::int8,       dtype::int16,   dtype::int32,     dtype::int64,
                                           dtype::uint8,      dtype::uint16,  dtype::uint64,    dtype::float16,
                                           dtype::float32,    dtype::float64, dtype::complex32, dtype::complex64,
                                           dtype::complex128, dtype::bfloat16};

/// Runs both on the same bytes.
template <class Ours, class Oracle> void compare(block_with_array& target, Ours ours, Oracle oracle) {
    const std::vector<std::byte> before = target.bytes;
    oracle();
    const std::vector<std::byte> expected = target.bytes;
    std::copy(before.begin(), before.end(), target.bytes.begin());
    ours();
    ASSERT_EQ(target.bytes, expected) << target.view;
}

/// Long axes and short ones in any order: rows are cut, exchanged and read together.
extents long_and_short(dice& random) {
    extents shape = {random.between(1, 20), random.between(200, 700)};
    if (random.once_in(2)) shape.push_back(random.between(1, 9));
    for (std::size_t i = shape.size(); i > 1; --i)
        std::swap(shape[i - 1], shape[static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(i) - 1))]);
    return shape;
}

std::int64_t any_offset(dice& random, dtype id) {
    return random.once_in(3) ? random.between(0, 15)
                             : random.between(0, 3) * static_cast<std::int64_t>(numpy_bridge::itemsize(id));
}

TEST(AddOnCpu, MatchesOneByOne) {
    dice random(8);
    for (int round = 0; round < 4'000; ++round) {
        const dtype id = random.one_of(addable);
        const extents shape = random_extents(random, random.once_in(10) ? 3000 : 100);
        auto x = block_with_array::of(random, id, shape, false, any_offset(random, id));
        auto y = block_with_array::of(random, id, shape, true, any_offset(random, id));
        compare(
            x, [&] { add_on_cpu(id, iterate(x.view.memory(), at(y.view.address), y.view.strides.data())); },
            [&] { add_one_by_one(id, element_pairs(x.view, y.view.address, y.view.strides)); });
    }
}

TEST(AddOnCpu, LongAndShortAxes) {
    dice random(18);
    for (int round = 0; round < 200; ++round) {
        const dtype id = random.one_of(addable);
        const extents shape = long_and_short(random);
        auto x = block_with_array::of(random, id, shape, false, any_offset(random, id));
        auto y = block_with_array::of(random, id, shape, round % 2 == 0, any_offset(random, id));
        compare(
            x, [&] { add_on_cpu(id, iterate(x.view.memory(), at(y.view.address), y.view.strides.data())); },
            [&] { add_one_by_one(id, element_pairs(x.view, y.view.address, y.view.strides)); });
    }
}

TEST(CopyOnCpu, LongAndShortAxes) {
    dice random(19);
    for (int round = 0; round < 200; ++round) {
        const element_type type = any_type(random), from = round % 3 == 0 ? any_type(random) : type;
        const extents shape = long_and_short(random);
        auto target = block_with_array::of(random, type.id, shape, false, any_offset(random, type.id));
        auto source = block_with_array::of(random, from.id, shape, round % 2 == 0, any_offset(random, from.id));
        const array &view = target.view, &read = source.view;
        compare(
            target, [&] { copy_on_cpu(type, from, iterate(view.memory(), at(read.address), read.strides.data())); },
            [&] { copy_one_by_one(type, from, element_pairs(view, read.address, read.strides)); });
    }
}

TEST(CopyOnCpu, MatchesOneByOne) {
    dice random(9);
    int casts = 0;
    for (int round = 0; round < 6'000; ++round) {
        const element_type to = any_type(random);
        const element_type from = random.once_in(4) ? any_type(random, to.id) : any_type(random);
        casts += from.id != to.id ? 1 : 0;
        const extents shape = random_extents(random, random.once_in(10) ? 3000 : 100);
        auto target = block_with_array::of(random, to.id, shape, false, any_offset(random, to.id));
        auto source = block_with_array::of(random, from.id, shape, true, any_offset(random, from.id));
        compare(
            target,
            [&] {
                copy_on_cpu(to, from,
                            iterate(target.view.memory(), at(source.view.address), source.view.strides.data()));
            },
            [&] { copy_one_by_one(to, from, element_pairs(target.view, source.view.address, source.view.strides)); });
    }
    EXPECT_GT(casts, 1'000);
}

} // namespace
