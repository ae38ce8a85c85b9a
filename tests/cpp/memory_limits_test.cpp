/// `validate` on every combination of values at the edges, against arithmetic that cannot overflow.

#include <cstdint>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "support.hpp"
#include <numpy_bridge/memory.hpp>

using namespace numpy_bridge_test;
using numpy_bridge::device_type;
using numpy_bridge::dtype;
using numpy_bridge::host_memory;
using numpy_bridge::memory;

namespace {

__extension__ typedef __int128 wide;

constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t huge = std::int64_t{1} << 62, half = std::int64_t{1} << 31, far = std::int64_t{1} << 56;

const extents edge_extents = {0, 1, 2, 3, half, huge, largest, -1, lowest};
const extents edge_strides = {0,       1,        -1,       8,    -8,    half,        -half,   far - 16, far,   -far,
                              2 * far, -2 * far, huge - 8, huge, -huge, largest - 8, largest, -largest, lowest};
constexpr std::uint64_t limit = std::uint64_t{1} << 57;
const std::vector<std::uint64_t> edge_addresses = {
    0, 8, 4096, limit / 2, limit - 8, limit - 1, limit, std::uint64_t{1} << 63, ~std::uint64_t{0} - 8};

/// What the contract says: sizes and bounds below 2**63, all elements inside the address space of 57 bits.
bool is_valid(const array& a) {
    const auto size = static_cast<wide>(itemsize(a.type));
    wide below = 0, above = size, bytes = size;
    bool empty = false;
    for (std::size_t axis = 0; axis < a.shape.size(); ++axis) {
        if (a.shape[axis] < 0) return false;
        empty = empty || a.shape[axis] == 0;
        const wide reach = static_cast<wide>(a.strides[axis]) * (a.shape[axis] - 1);
        (reach < 0 ? below : above) += reach < 0 ? -reach : reach;
        bytes = bytes > largest ? bytes : bytes * a.shape[axis];
    }
    if (empty) return true;
    const auto address = static_cast<wide>(a.address);
    return bytes <= largest && below + above <= largest && address != 0 && address >= below &&
           address + above <= static_cast<wide>(limit);
}

bool is_accepted(const array& a) {
    try {
        validate(a.memory(), "P");
    } catch (const numpy_bridge::sharing_error&) {
        return false;
    }
    return true;
}

TEST(validate, agrees_with_wide_arithmetic_on_vectors) {
    for (const dtype type : {dtype::int8, dtype::complex128})
        for (const std::uint64_t address : edge_addresses)
            for (const std::int64_t extent : edge_extents)
                for (const std::int64_t stride : edge_strides) {
                    const array a = {address, type, {extent}, {stride}};
                    EXPECT_EQ(is_accepted(a), is_valid(a)) << a;
                }
}

TEST(validate, takes_handles_for_no_addresses) {
    constexpr std::int64_t shape[] = {2}, near[] = {8}, behind[] = {2 * far};
    memory m =
        host_memory(reinterpret_cast<void*>(~std::uintptr_t{0} - 3), {dtype::float64, {}}, false, 1, shape, near);
    EXPECT_THROW(validate(m, "P"), numpy_bridge::sharing_error);
    for (const auto type : {device_type::opencl, device_type::metal, device_type::vulkan, device_type::webgpu}) {
        m.device = {type, 0};
        m.strides = near;
        EXPECT_NO_THROW(validate(m, "P"));
        m.strides = behind;
        EXPECT_THROW(validate(m, "P"), numpy_bridge::sharing_error);
    }
}

TEST(validate, agrees_with_wide_arithmetic_on_matrices) {
    int accepted = 0, wrong = 0;
    array a = {4096, dtype::float64, {0, 0}, {0, 0}};
    for (a.address = 4096; a.address != 0; a.address = a.address == 4096 ? limit / 2 : 0)
        for (const std::int64_t rows : edge_extents)
            for (const std::int64_t columns : edge_extents)
                for (const std::int64_t row_stride : edge_strides)
                    for (const std::int64_t column_stride : edge_strides) {
                        a.shape = {rows, columns};
                        a.strides = {row_stride, column_stride};
                        accepted += is_valid(a) ? 1 : 0;
                        if (is_accepted(a) == is_valid(a)) continue;
                        if (++wrong <= 5) ADD_FAILURE() << "accepted: " << is_accepted(a) << ", " << a;
                    }
    EXPECT_EQ(wrong, 0);
    EXPECT_GT(accepted, 1000);
}

} // namespace
