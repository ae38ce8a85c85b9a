/// The kernels' threads on a device that the host plays: rows in vectors, conversions and transposes. The results are
/// those of one element after the other.

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <string>

#include <gtest/gtest.h>

#include <cuda_runtime_api.h>

#include "backend.hpp"
#include "kernels/copy.hpp"
#include "kernels_oracle.hpp"

using namespace numpy_bridge_test;
using namespace numpy_bridge::kernels;
using numpy_bridge::byte_order;
using numpy_bridge::device;
using numpy_bridge::device_type;
using numpy_bridge::dtype;
using numpy_bridge::element_type;
using numpy_bridge::cuda::backend;

namespace {

numpy_bridge::memory on_device(const array& a) {
    numpy_bridge::memory m = a.memory();
    m.device = {device_type::cuda, 0};
    return m;
}

bool is_converted(dtype from, dtype to) {
    return can_cast({from, byte_order::native}, {to, byte_order::native}, casting::unsafe);
}

numpy_bridge::memory on_device(array&&) = delete; // the description points into the array

class CudaKernels : public testing::Test {
protected:
    /// Uses the device for the first time.
    static void SetUpTestSuite() {
        std::array<float, 4> values{};
        const array x = c_order(reinterpret_cast<std::uint64_t>(values.data()), dtype::float32, {4});
        backend().add({on_device(x), 5}, {on_device(x), 5}, {4}, true);
    }
    void SetUp() override { simulated_cuda::log.clear(); }
    void TearDown() override { EXPECT_EQ(simulated_cuda::blocks, 0); }

    static std::vector<std::string> taken_log() { return std::exchange(simulated_cuda::log, {}); }
};

/// Every two real numbers of native byte order, in rows that begin anywhere in a vector, and at other strides.
TEST_F(CudaKernels, QuickCasts) {
    dice random(13);
    std::map<std::string, int> kernels;
    for (int from = 0; from < static_cast<int>(numpy_bridge::dtype_table.size()); ++from)
        for (int to = 0; to < static_cast<int>(numpy_bridge::dtype_table.size()); ++to)
            for (const std::int64_t n : {1, 2, 7, 8, 9, 1023, 5000}) {
                const auto target_type = static_cast<dtype>(to), source_type = static_cast<dtype>(from);
                if (from == to || !is_converted(source_type, target_type) || is_complex(target_type)) continue;
                const std::int64_t first = random.between(0, 9), step = random.once_in(2) ? 1 : random.between(2, 3);
                const auto elements = static_cast<std::size_t>(3 * n + 9);
                std::vector<bits128> source(elements), expected(elements), result(elements);
                for (bits128& bits : source)
                    for (std::size_t i = 0; i < sizeof bits; ++i)
                        reinterpret_cast<std::byte*>(&bits)[i] = random_byte(random);
                const auto part = [&](std::vector<bits128>& memory, dtype id) {
                    const auto size = static_cast<std::int64_t>(numpy_bridge::itemsize(id));
                    return array{reinterpret_cast<std::uint64_t>(memory.data()) +
                                     static_cast<std::uint64_t>(first * size),
                                 id,
                                 {n},
                                 {step * size}};
                };
                const array read = part(source, source_type);
                copy_one_by_one({target_type, byte_order::native}, {source_type, byte_order::native},
                                element_pairs(part(expected, target_type), read.address, read.strides));
                const array written = part(result, target_type);
                backend().copy({on_device(written), 1}, {on_device(read), 1}, dims_of(read.strides), false, false);
                for (const std::string& line : taken_log()) ++kernels[line.substr(0, line.find(' '))];
                ASSERT_EQ(std::memcmp(result.data(), expected.data(), elements * sizeof(bits128)), 0)
                    << from << " to " << to << ", " << n << " from " << first << " by " << step;
            }
    EXPECT_GT(kernels["cast_rows"], 150);
    EXPECT_GT(kernels["cast_strided"], 80);
    EXPECT_GT(kernels["cast_any"], 80) << "of rarer types";
    EXPECT_GT(kernels["move_strided"], 10) << "integers of one size";
}

/// Rows that are alike within their vectors are added and converted in vectors, whatever lies between the rows.
TEST_F(CudaKernels, RowsApartTakeVectors) {
    for (const std::int64_t columns : {32, 64, 67, 130})
        for (const std::int64_t first : {0, 1, 3}) {
            std::vector<float> x(static_cast<std::size_t>(9 * 160), 1), y(x.size());
            std::iota(y.begin(), y.end(), 0.0F);
            const auto rows = [&](std::vector<float>& memory) {
                return array{
                    reinterpret_cast<std::uint64_t>(memory.data() + first), dtype::float32, {9, columns}, {640, 4}};
            };
            const array to = rows(x), from = rows(y);
            backend().add({on_device(to), 5}, {on_device(from), 5}, {640, 4}, false);
            EXPECT_EQ(taken_log(), (std::vector<std::string>{"add_rows 5"})) << columns << " from " << first;
            backend().add({on_device(to), 5}, {on_device(from), 5}, {0, 4}, false);
            EXPECT_EQ(taken_log(), (std::vector<std::string>{"add_rows 5"})) << "one row for all";
            for (std::int64_t i = 0; i < 9 * 160; ++i) {
                const std::int64_t row = i / 160, column = i % 160 - first;
                const bool within = column >= 0 && column < columns;
                const auto sum = static_cast<float>(1 + i + (i - row * 160));
                ASSERT_EQ(x[static_cast<std::size_t>(i)], within ? sum : 1.0F) << i;
            }
        }
}

/// The longest rows, at the worst alignment: no index leaves 31 bits, and the last group has the last element.
TEST(RowGroups, ReachTheEndOfTheLongestRow) {
    constexpr std::int32_t elements = 0x7fffffff;
    for (std::uintptr_t address = 0x10000; address < 0x10010; ++address) {
        iteration it;
        it.target = reinterpret_cast<std::byte*>(address);
        it.source = it.target;
        it.count = 1;
        it.loops[0] = {elements, 1, 1};
        const auto groups = row_groups::of(it, 16, 1, 1);
        ASSERT_TRUE(groups);
        const std::uint32_t items[] = {0, groups->items() - 1};
        group_place places[2];
        groups->find<1, 1, 16>(items, places);
        const std::int32_t first = places[0].first, last = places[1].first;
        EXPECT_EQ(first, -static_cast<std::int32_t>(address % 16));
        EXPECT_EQ(groups->contains(first, 0), first == 0);
        EXPECT_EQ(groups->is_whole<16>(first), first == 0);
        const auto lane = static_cast<std::uint32_t>(elements - 1 - last);
        EXPECT_LT(lane, 16U);
        EXPECT_TRUE(groups->contains(last, lane));
        EXPECT_FALSE(groups->contains(last, lane + 1));
        EXPECT_EQ(groups->is_whole<16>(last), lane == 15);
        EXPECT_EQ(places[1].target, it.target + last);
    }
}

/// Transposes of narrow elements are moved four bytes at a time where that is possible, and are right anyway.
TEST_F(CudaKernels, TransposesOfEverySize) {
    dice random(14);
    std::map<std::string, int> kernels;
    for (int round = 0; round < 150; ++round) {
        const dtype id = random.one_of(
            std::array<dtype, 5>{dtype::uint8, dtype::uint16, dtype::float32, dtype::float64, dtype::complex128});
        const auto size = static_cast<std::int64_t>(numpy_bridge::itemsize(id));
        const std::int64_t unit = random.once_in(2) ? 4 : 1;
        const std::int64_t rows = unit * random.between(16, 40), planes = random.between(1, 2);
        const std::int64_t columns = unit * random.between(16, 24), pitch = columns + unit * random.between(0, 2);
        std::vector<std::byte> source(static_cast<std::size_t>(planes * rows * pitch * size)), expected, result;
        for (std::byte& byte : source) byte = random_byte(random);
        result.resize(source.size());
        expected.resize(source.size());
        const auto target = [&](std::vector<std::byte>& memory) {
            return c_order(reinterpret_cast<std::uint64_t>(memory.data()), id, {planes, columns, rows});
        };
        const extents strides = {rows * pitch * size, size, pitch * size};
        const array from{reinterpret_cast<std::uint64_t>(source.data()), id, {planes, columns, rows}, strides};
        const element_type type{id, byte_order::native};
        copy_one_by_one(type, type, element_pairs(target(expected), from.address, strides));
        const array to = target(result);
        backend().copy({on_device(to), 5}, {on_device(from), 5}, dims_of(strides), false, false);
        for (const std::string& line : taken_log()) ++kernels[line + " of " + std::to_string(size)];
        ASSERT_EQ(result, expected) << planes << " x " << columns << " x " << rows << " of " << size;
    }
    for (const char* name : {"1", "2", "4", "8", "16"})
        EXPECT_GT(kernels["move_transposed 5 of " + std::string(name)], 9);
    for (const char* name : {"1", "2"}) EXPECT_GT(kernels["move_transposed_words 5 of " + std::string(name)], 9);
}

/// Every number of 8 and of 16 bits, to every real type, is what the CPU makes of it.
TEST_F(CudaKernels, ConvertsEveryShortNumberAsTheCpuDoes) {
    for (int from = 0; from < static_cast<int>(numpy_bridge::dtype_table.size()); ++from)
        for (int to = 0; to < static_cast<int>(numpy_bridge::dtype_table.size()); ++to) {
            const element_type source_type{static_cast<dtype>(from), byte_order::native};
            const element_type target_type{static_cast<dtype>(to), byte_order::native};
            const auto size = static_cast<std::int64_t>(numpy_bridge::itemsize(source_type.id));
            if (size < 1 || size > 2 || is_complex(target_type.id) || !is_converted(source_type.id, target_type.id))
                continue;
            std::vector<std::uint16_t> every(size == 1 ? 128 : 65536);
            for (std::size_t i = 0; i < every.size(); ++i)
                every[i] = static_cast<std::uint16_t>(size == 1 ? 2 * i | (2 * i + 1) << 8U : i);
            const auto n = static_cast<std::int64_t>(size == 1 ? 256 : 65536);
            std::vector<bits128> expected(static_cast<std::size_t>(n)), result(expected.size());
            const auto all = [&](auto& memory, dtype id) {
                return c_order(reinterpret_cast<std::uint64_t>(memory.data()), id, {n});
            };
            const array read = all(every, source_type.id), there = all(expected, target_type.id),
                        here = all(result, target_type.id);
            const auto wanted = there.memory();
            copy_on_cpu(target_type, source_type,
                        iterate(wanted, reinterpret_cast<const std::byte*>(every.data()), read.strides.data()));
            backend().copy({on_device(here), 1}, {on_device(read), 1}, dims_of(read.strides), false, false);
            ASSERT_EQ(std::memcmp(result.data(), expected.data(), expected.size() * sizeof(bits128)), 0)
                << from << " to " << to;
        }
}

} // namespace
