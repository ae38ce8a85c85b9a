/// Constraints of array arguments as values and words, memory held against them, and elements by index.
#include <algorithm>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include <numpy_bridge/arguments/mismatch.hpp>
#include <numpy_bridge/arguments/strided_array.hpp>
#include <numpy_bridge/arguments/words.hpp>

#include "support.hpp"

namespace {

using namespace numpy_bridge;
using detail::make_requirements;
using detail::mismatch;
using numpy_bridge_test::array;

template <class T, class... C> std::string words() {
    constexpr auto text = detail::words_for(make_requirements<T, C...>());
    return std::string(text.view());
}

TEST(Requirements, AreSpelledOut) {
    EXPECT_EQ((words<float, c_contiguous, ndim<2>>()), "float32, C-contiguous, 2-D, writable, CPU");
    EXPECT_EQ((words<const double>()), "float64, CPU");
    EXPECT_EQ((words<const one_of<float, double>, cuda>()), "float32 or float64, CUDA");
    EXPECT_EQ((words<void, any_device, any_contiguous>()), "any dtype, contiguous, writable, any device");
    EXPECT_EQ((words<const bool, extents<-1, 3>, f_contiguous>()), "bool, Fortran-contiguous, shape (any, 3), CPU");
    EXPECT_EQ((words<const int, extents<1024>>()), "int32, shape (1024,), CPU");
    EXPECT_EQ((words<const float, extents<>>()), "float32, 0-D, CPU");
    EXPECT_EQ((words<const float, aligned<64>>()), "float32, 64-byte aligned, CPU");
    EXPECT_EQ((words<const float, aligned<8>>()), "float32, CPU");
    EXPECT_EQ((words<const std::byte, any_contiguous>()), "bytes of any dtype, contiguous, CPU");
}

TEST(Requirements, EverythingTogetherStillFits) {
    const std::string all = words<void, any_contiguous, ndim<64>, aligned<std::size_t{1} << 40U>>();
    EXPECT_EQ(all, "any dtype, contiguous, 64-D, 1099511627776-byte aligned, writable, CPU");
}

std::vector<mismatch> mismatches(const detail::requirements& r, const memory& m) {
    std::vector<mismatch> found;
    detail::for_each_mismatch(r, m, [&](mismatch which) {
        found.push_back(which);
        return false;
    });
    EXPECT_EQ(detail::meets_all(r, m), found.empty());
    return found;
}

using list = std::vector<mismatch>;

TEST(Mismatch, EachConstraintAlone) {
    const array x{0x1000, dtype::float32, {5, 2}, {8, 4}};
    EXPECT_EQ(mismatches(make_requirements<float, ndim<2>, c_contiguous>(), x.memory()), list{});
    EXPECT_EQ(mismatches(make_requirements<const double>(), x.memory()), list{mismatch::dtype});
    EXPECT_EQ(mismatches(make_requirements<const float, ndim<1>>(), x.memory()), list{mismatch::ndim});
    EXPECT_EQ(mismatches(make_requirements<const float, extents<-1, 3>>(), x.memory()), list{mismatch::extents});
    EXPECT_EQ(mismatches(make_requirements<const float, extents<5, -1>>(), x.memory()), list{});
    EXPECT_EQ(mismatches(make_requirements<const float, f_contiguous>(), x.memory()), list{mismatch::order});
    EXPECT_EQ(mismatches(make_requirements<const float, cuda>(), x.memory()), list{mismatch::device});
    EXPECT_EQ(mismatches(make_requirements<const float, aligned<8192>>(), x.memory()), list{mismatch::alignment});
    memory locked = x.memory();
    locked.readonly = true;
    EXPECT_EQ(mismatches(make_requirements<float>(), locked), list{mismatch::readonly});
    EXPECT_EQ(mismatches(make_requirements<const float>(), locked), list{});
    memory swapped = x.memory();
    swapped.type.order = byte_order::swapped;
    EXPECT_EQ(mismatches(make_requirements<float>(), swapped), list{mismatch::byte_order});
}

TEST(Mismatch, AllAtOnce) {
    const array x{0x1001, dtype::float64, {5, 2}, {8, 40}};
    memory m = x.memory();
    m.readonly = true;
    EXPECT_EQ(mismatches(make_requirements<float, c_contiguous, cuda>(), m),
              (list{mismatch::device, mismatch::dtype, mismatch::order, mismatch::alignment, mismatch::readonly}));
}

TEST(Mismatch, HostMemoryIsMoreThanTheCpu) {
    array x{0x1000, dtype::float32, {4}, {4}};
    for (const auto type : {device_type::cuda_host, device_type::cuda_managed, device_type::rocm_host}) {
        x.where = {type, 0};
        EXPECT_TRUE(detail::meets_all(make_requirements<float>(), x.memory()));
    }
    x.where = {device_type::cuda, 1};
    EXPECT_FALSE(detail::meets_all(make_requirements<float>(), x.memory()));
    EXPECT_TRUE(detail::meets_all(make_requirements<float, any_device>(), x.memory()));
    EXPECT_TRUE(detail::meets_all(make_requirements<float, cuda>(), x.memory()));
}

TEST(Mismatch, AlignmentOfElementsIsAskedForAnyDtype) {
    const array x{0x1004, dtype::float64, {4}, {8}};
    EXPECT_EQ(mismatches(make_requirements<const void>(), x.memory()), list{mismatch::alignment});
    const array empty{0x1004, dtype::float64, {0}, {8}};
    EXPECT_EQ(mismatches(make_requirements<const void>(), empty.memory()), list{});
    const array odd{0x1000, dtype::float32, {4}, {6}};
    EXPECT_EQ(mismatches(make_requirements<const float>(), odd.memory()), list{mismatch::strides});
}

TEST(Mismatch, BytesFitAnyElements) {
    array x{0x1001, dtype::float32, {4}, {6}};
    memory swapped = x.memory();
    swapped.type.order = byte_order::swapped;
    EXPECT_EQ(mismatches(make_requirements<const std::byte>(), swapped), list{});
    EXPECT_EQ(mismatches(make_requirements<const std::byte, c_contiguous>(), swapped), list{mismatch::order});
    memory times = x.memory();
    times.type.id = dtype::opaque;
    times.opaque.itemsize = 6;
    EXPECT_EQ(mismatches(make_requirements<const std::byte, c_contiguous>(), times), list{});
    EXPECT_EQ(mismatches(make_requirements<const void>(), times), list{mismatch::dtype});
}

TEST(StridedArray, BytesAreOneMoreDimension) {
    const std::array<std::int64_t, 1> shape{3}, strides{-6};
    std::array<std::byte, 16> block{};
    memory m = host_memory(&block[12], {dtype::float32, byte_order::native}, false, 1, shape.data(), strides.data());
    const strided_array<std::byte, 2, detail::order::any> x(m);
    EXPECT_EQ(x.size(), 12);
    x(2, 3) = std::byte{7};
    EXPECT_EQ(block[3], std::byte{7});
    EXPECT_EQ(x.stride(0), -6);
    m.type.id = dtype::opaque;
    m.opaque.itemsize = 5;
    EXPECT_EQ((strided_array<const std::byte, -1, detail::order::any>(m).shape(1)), 5);
}

/// Real memory, described as NumPy would describe a view of it.
template <class T, int N, detail::order Order = detail::order::any>
strided_array<T, N, Order> over(std::vector<float>& values, const std::vector<std::int64_t>& shape,
                                const std::vector<std::int64_t>& byte_strides, std::size_t first = 0) {
    memory m;
    m.data = reinterpret_cast<std::byte*>(values.data() + first);
    m.type = {dtype::float32, byte_order::native};
    m.ndim = static_cast<int>(shape.size());
    m.shape = shape.data();
    m.strides = byte_strides.data();
    return strided_array<T, N, Order>(m);
}

std::vector<float> counted(std::size_t n) {
    std::vector<float> values(n);
    std::iota(values.begin(), values.end(), 0.0F);
    return values;
}

TEST(StridedArray, IndicesFollowStrides) {
    auto values = counted(12);
    const auto x = over<float, 2>(values, {3, 2}, {16, -8}, 2); // x[:, 2::-2] of a 3x4 array
    EXPECT_EQ(x(0, 0), 2);
    EXPECT_EQ(x(2, 1), 8);
    x(2, 1) = 100;
    EXPECT_EQ(values[8], 100);
    EXPECT_EQ(x.size(), 6);
    EXPECT_EQ(x.stride(1), -2);
}

TEST(StridedArray, AnyNumberOfDimensions) {
    auto values = counted(24);
    const auto x = over<const float, -1>(values, {2, 3, 4}, {48, 16, 4});
    EXPECT_EQ(x.ndim(), 3);
    EXPECT_EQ(x(1, 2, 3), 23);
    const auto copy = x;
    EXPECT_EQ(copy.shape(2), 4);
    EXPECT_EQ(copy(0, 1, 0), 4);
    const auto scalar = over<const float, 0>(values, {}, {}, 5);
    EXPECT_EQ(scalar(), 5);
    EXPECT_EQ(scalar.size(), 1);
}

TEST(StridedArray, ContiguousElementsIterate) {
    auto values = counted(6);
    const auto x = over<const float, 2, detail::order::c>(values, {2, 3}, {12, 4});
    EXPECT_EQ(std::accumulate(x.begin(), x.end(), 0.0F), 15);
    EXPECT_FALSE(x.empty());
    EXPECT_TRUE((over<const float, 1, detail::order::c>(values, {0}, {4}).empty()));
#ifdef __cpp_lib_span
    EXPECT_EQ(x.as_span().size(), 6U);
    EXPECT_EQ(x.as_span().back(), 5);
#endif
}

#ifdef __cpp_lib_mdspan
TEST(StridedArray, Mdspan) {
    auto values = counted(12);
    const auto c = over<float, 2, detail::order::c>(values, {3, 4}, {16, 4}).as_mdspan();
    EXPECT_EQ((c[2, 3]), 11);
    static_assert(std::is_same_v<decltype(c)::layout_type, std::layout_right>);
    const auto f = over<float, 2, detail::order::f>(values, {4, 3}, {4, 16}).as_mdspan();
    EXPECT_EQ((f[3, 2]), 11);
    static_assert(std::is_same_v<decltype(f)::layout_type, std::layout_left>);
    const auto any = over<float, 2>(values, {3, 2}, {16, 8}).as_mdspan();
    EXPECT_EQ((any[2, 1]), 10);
    any[2, 1] = 7;
    EXPECT_EQ(values[10], 7);
}
#endif

} // namespace
