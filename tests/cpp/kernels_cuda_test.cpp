/// The CUDA module's own decisions, and every kernel's threads, on a device that the host plays: which kernel runs, in
/// which parts, on which stream, and that the result is that of one element after the other.

#include <algorithm>
#include <array>
#include <numeric>

#include <gtest/gtest.h>

#include <cuda_runtime_api.h>

#include "backend.hpp"
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

constexpr std::array<dtype, 14> addable = {dtype::int8,       dtype::int16,   dtype::int32,     dtype::int64,
                                           dtype::uint8,      dtype::uint16,  dtype::uint64,    dtype::float16,
                                           dtype::float32,    dtype::float64, dtype::complex32, dtype::complex64,
                                           dtype::complex128, dtype::bfloat16};
using lines = std::vector<std::string>;

constexpr device first_device{device_type::cuda, 0}, second_device{device_type::cuda, 1};

numpy_bridge::memory on(device where, const array& a, byte_order order = byte_order::native) {
    numpy_bridge::memory m = a.memory();
    m.device = where;
    m.type.order = order;
    return m;
}

numpy_bridge::memory on(device, array&&) = delete; // the description points into the array

class CudaBackend : public testing::Test {
protected:
    /// Uses both devices for the first time.
    static void SetUpTestSuite() {
        std::array<std::int32_t, 8> values{};
        const array whole = c_order(reinterpret_cast<std::uint64_t>(values.data()), dtype::int32, {4});
        const array half = whole.sliced(0, 0, 4, 2);
        for (const device where : {first_device, second_device}) {
            const auto x = on(where, whole), gathered = on(where, half);
            backend().add({x, 5}, {x, 5}, {4}, true);
            const auto there = on(where.index == 0 ? second_device : first_device, half);
            backend().copy({there, 5}, {gathered, 5}, {8}, false, false);
        }
    }
    void SetUp() override {
        simulated_cuda::log.clear();
        simulated_cuda::captures.clear();
        simulated_cuda::pointer = {cudaMemoryTypeUnregistered, 0};
    }
    void TearDown() override { EXPECT_EQ(simulated_cuda::blocks, 0); }

    static std::vector<std::string> taken_log() { return std::exchange(simulated_cuda::log, {}); }
    /// The same without changes of device, which kernels_cuda_order_test.cpp is about, and of the capture mode.
    static std::vector<std::string> taken_work() {
        std::vector<std::string> all = taken_log();
        const auto is_change = [](const std::string& line) {
            return line.rfind("device", 0) == 0 || line.rfind("context", 0) == 0 || line.rfind("mode", 0) == 0;
        };
        all.erase(std::remove_if(all.begin(), all.end(), is_change), all.end());
        return all;
    }
    static bool logged(const std::string& name) {
        for (const std::string& line : simulated_cuda::log)
            if (line.rfind(name, 0) == 0) return true;
        return false;
    }
};

template <class Ours, class Oracle> void compare(block_with_array& target, Ours ours, Oracle oracle) {
    const std::vector<std::byte> before = target.bytes;
    oracle();
    const std::vector<std::byte> expected = target.bytes;
    std::copy(before.begin(), before.end(), target.bytes.begin());
    ours();
    ASSERT_EQ(target.bytes, expected) << target.view;
}

std::int64_t aligned_offset(dice& random, dtype id) {
    return random.between(0, 7) * numpy_bridge::info(id).alignment; // of complex numbers that of a part
}

std::int64_t any_offset(dice& random, dtype id) {
    return random.once_in(4) ? random.between(0, 15) : aligned_offset(random, id);
}

TEST_F(CudaBackend, AddsLikeOneByOne) {
    dice random(10);
    std::array<int, 2> kernels{};
    for (int round = 0; round < 1'500; ++round) {
        const dtype id = random.one_of(addable);
        const extents shape = random_extents(random, random.once_in(4) ? 3000 : 100);
        auto x = block_with_array::of(random, id, shape, false, aligned_offset(random, id));
        auto y = block_with_array::of(random, id, shape, random.once_in(2), aligned_offset(random, id));
        const auto to = on(first_device, x.view), from = on(first_device, y.view);
        simulated_cuda::log.clear();
        compare(
            x, [&] { backend().add({to, 1}, {from, 1}, dims_of(y.view.strides), random.once_in(5)); },
            [&] { add_one_by_one(id, element_pairs(x.view, y.view.address, y.view.strides)); });
        ++kernels[logged("add_rows") ? 0 : 1];
    }
    EXPECT_GT(kernels[0], 100);
    EXPECT_GT(kernels[1], 100);
}

TEST_F(CudaBackend, AddsOneValueLikeOneByOne) {
    dice random(11);
    for (int round = 0; round < 1'500; ++round) {
        const dtype id = random.one_of(addable);
        const extents shape = random_extents(random, random.once_in(4) ? 3000 : 100);
        auto x = block_with_array::of(random, id, shape, false, aligned_offset(random, id));
        alignas(16) std::array<std::byte, 16> value;
        for (std::byte& byte : value) byte = random_byte(random);
        const auto to = on(first_device, x.view);
        const auto source = reinterpret_cast<std::uint64_t>(value.data());
        compare(
            x, [&] { backend().add_value({to, 1}, value.data()); },
            [&] { add_one_by_one(id, element_pairs(x.view, source, extents(shape.size(), 0))); });
    }
}

/// Between any two places: one device, two devices, and the host on either side.
TEST_F(CudaBackend, CopiesLikeOneByOne) {
    dice random(12);
    constexpr std::array<const char*, 6> names = {"move_strided", "move_transposed", "cast_rows",
                                                  "cast_strided", "cast_any",        "move 1"};
    std::array<int, names.size()> kernels{};
    constexpr std::array<device, 3> places = {first_device, second_device, numpy_bridge::cpu_device};
    for (int round = 0; round < 5'000; ++round) {
        const element_type to = any_type(random);
        const element_type from = random.once_in(2) ? to : any_type(random);
        const device there = random.one_of(places), here = random.once_in(2) ? there : random.one_of(places);
        if (numpy_bridge::host_accessible(there) && numpy_bridge::host_accessible(here)) continue;
        const extents square = {random.between(16, 70), random.between(16, 70)}; // for tiles
        const extents shape = random.once_in(4) ? square : random_extents(random, random.once_in(4) ? 6000 : 100);
        auto target = block_with_array::of(random, to.id, shape, false, any_offset(random, to.id));
        auto source = block_with_array::of(random, from.id, shape, random.once_in(3), any_offset(random, from.id));
        const auto target_memory = on(there, target.view, to.order), source_memory = on(here, source.view, from.order);
        simulated_cuda::log.clear();
        compare(
            target,
            [&] {
                backend().copy({target_memory, 1}, {source_memory, 1}, dims_of(source.view.strides), random.once_in(5),
                               random.once_in(2));
            },
            [&] { copy_one_by_one(to, from, element_pairs(target.view, source.view.address, source.view.strides)); });
        for (std::size_t i = 0; i < names.size(); ++i) kernels[i] += logged(names[i]) ? 1 : 0;
    }
    for (std::size_t i = 0; i < names.size(); ++i) EXPECT_GT(kernels[i], 20) << names[i];
}

/// Two or three channels, apart and together: a tile would hold little of them.
TEST_F(CudaBackend, TilesAreForSquares) {
    const auto kernel = [](std::int64_t rows, std::int64_t columns) {
        std::vector<float> source(static_cast<std::size_t>(rows * columns)), target(source.size());
        std::iota(source.begin(), source.end(), 0.0F);
        const array to = c_order(reinterpret_cast<std::uint64_t>(target.data()), dtype::float32, {rows, columns});
        const array from = c_order(reinterpret_cast<std::uint64_t>(source.data()), dtype::float32, {columns, rows});
        const auto written = on(first_device, to), read = on(first_device, from);
        backend().copy({written, 5}, {read, 5}, {4, 4 * rows}, false, false);
        for (std::int64_t i = 0; i < rows * columns; ++i)
            EXPECT_EQ(target[static_cast<std::size_t>(i)],
                      source[static_cast<std::size_t>(i % columns * rows + i / columns)]);
        return taken_log();
    };
    EXPECT_EQ(kernel(16, 16), (lines{"move_transposed 5"}));
    EXPECT_EQ(kernel(100, 40), (lines{"move_transposed 5"}));
    EXPECT_EQ(kernel(3, 1000), (lines{"move_strided 5"}));
    EXPECT_EQ(kernel(1000, 3), (lines{"move_strided 5"}));
}

struct two_arrays {
    std::vector<float> x = std::vector<float>(64, 1), y = std::vector<float>(64, 2);
    array x_view = c_order(reinterpret_cast<std::uint64_t>(x.data()), dtype::float32, {64});
    array y_view = c_order(reinterpret_cast<std::uint64_t>(y.data()), dtype::float32, {64});
};

TEST_F(CudaBackend, OrdersTheStreamsOfBothOperands) {
    const two_arrays t;
    const auto x = on(first_device, t.x_view), y = on(first_device, t.y_view);
    const numpy_bridge::dims steps{4};
    const auto add = [&](std::uintptr_t own, std::uintptr_t other) {
        backend().add({x, own}, {y, other}, steps, false);
        return taken_log();
    };
    EXPECT_EQ(add(5, 5), (lines{"add_rows 5"}));
    EXPECT_EQ(add(5, 7), (lines{"record 7", "wait 5", "add_rows 5", "record 5", "wait 7"}));
    EXPECT_EQ(add(5, 0), (lines{"add_rows 5", "record 5", "wait 1"}));
    EXPECT_EQ(add(0, 7), (lines{"add_rows 7", "record 7", "wait 1"}));
    EXPECT_EQ(add(0, 0), (lines{"add_rows 1"})) << "the legacy default stream";
    EXPECT_EQ(add(2, 1), (lines{"record 1", "wait 2", "add_rows 2", "record 2", "wait 1"}));
}

/// For a consumer of DLPack that works on another stream than the memory's owner.
TEST_F(CudaBackend, LetsAConsumersStreamWait) {
    backend().order(0, 5, 7);
    EXPECT_EQ(taken_log(), (lines{"record 5", "wait 7"}));
    backend().order(0, 5, 5);
    EXPECT_EQ(taken_log(), lines{});
    backend().order(1, 2, 1);
    EXPECT_EQ(taken_work(), (lines{"record 2", "wait 1"}));
    simulated_cuda::captures = {{5, 1}};
    EXPECT_THROW(backend().order(0, 5, 7), numpy_bridge::sharing_error);
    EXPECT_EQ(taken_work(), lines{});
}

/// What `__dlpack__(copy=True)` hands out.
TEST_F(CudaBackend, AllocatesMemoryThatIsReleasedOnce) {
    const numpy_bridge::device_block block = backend().allocate(12, 1, 5);
    EXPECT_NE(block.data, nullptr);
    EXPECT_EQ(taken_log(), (lines{"device 1", "mode 2", "malloc 12 bytes", "mode 0", "context 0"}));
    backend().release(block);
    EXPECT_EQ(taken_log(), (lines{"device 1", "mode 2", "free", "mode 0", "context 0"}))
        << "relaxed, or others' captures would be lost, and where it is, or the mode would make a context elsewhere";
    const numpy_bridge::device_block empty = backend().allocate(0, 0, 5);
    EXPECT_NE(empty.data, nullptr);
    EXPECT_EQ(taken_log(), (lines{"mode 2", "malloc 1 bytes", "mode 0"})) << "empty memory is somewhere, too";
    backend().release(empty);
    taken_log();

    simulated_cuda::captures = {{5, 1}};
    try {
        backend().allocate(12, 0, 5);
        ADD_FAILURE() << "allocating would have ended the capture";
    } catch (const numpy_bridge::sharing_error& error) {
        EXPECT_STREQ(error.what(),
                     "cannot share this through DLPack: expected memory that was allocated before the capture of a "
                     "graph, got new memory on a captured stream. Make the copy before the capture. [DLPack.copy]");
    }
    EXPECT_EQ(taken_log(), lines{});
}

TEST_F(CudaBackend, WorksOnTheDeviceOfTheMemory) {
    const two_arrays t;
    const auto x = on(second_device, t.x_view);
    alignas(16) const std::array<std::byte, 16> zero{};
    backend().add_value({x, 5}, zero.data());
    EXPECT_EQ(taken_log(), (lines{"device 1", "add_rows 5", "context 0"}));
}

TEST_F(CudaBackend, WaitsOnlyForMemoryOfTheHost) {
    const two_arrays t;
    const auto here = on(numpy_bridge::cpu_device, t.x_view), there = on(first_device, t.y_view);
    const numpy_bridge::dims steps{4};
    backend().copy({here, 0}, {there, 5}, steps, false, false);
    EXPECT_EQ(taken_work(), (lines{"to host 5", "synchronize 5"}));
    backend().copy({here, 0}, {there, 5}, steps, false, true);
    EXPECT_EQ(taken_work(), (lines{"to host 5", "synchronize 5"})) << "as CUDA may not have";
    simulated_cuda::pointer = {cudaMemoryTypeHost, 0};
    backend().copy({here, 0}, {there, 5}, steps, false, true);
    EXPECT_EQ(taken_work(), (lines{"to host 5"}));
    backend().copy({there, 5}, {here, 0}, steps, false, true);
    EXPECT_EQ(taken_work(), (lines{"to device 5"}));
    const array every_second = t.x_view.sliced(0, 0, 64, 2);
    const array half = t.y_view.sliced(0, 0, 32);
    backend().copy({on(first_device, half), 5}, {on(numpy_bridge::cpu_device, every_second), 0}, {8}, false, true);
    EXPECT_EQ(taken_work(), (lines{"to device 5", "synchronize 5"})) << "a staged block must outlive the transfer";
    backend().copy({on(first_device, every_second), 5}, {on(numpy_bridge::cpu_device, half), 0}, {4}, false, true);
    EXPECT_EQ(taken_work(), (lines{"pool 5", "to device 5", "move_strided 5", "free 5"}));
}

TEST_F(CudaBackend, OrdersBothStreamsOfATransferBetweenDevices) {
    const two_arrays t;
    backend().copy({on(second_device, t.x_view), 5}, {on(first_device, t.y_view), 7}, {4}, false, false);
    EXPECT_EQ(taken_work(), (lines{"record 7", "wait 5", "0 to 1 5", "record 5", "wait 7"}));
}

TEST_F(CudaBackend, ReadsFirstWhatWouldBeOverwritten) {
    std::array<std::int32_t, 4> values = {1, 2, 3, 4};
    const array whole = c_order(reinterpret_cast<std::uint64_t>(values.data()), dtype::int32, {4});
    const array backwards = whole.reversed(0);
    const auto x = on(first_device, whole), y = on(first_device, backwards);
    backend().add({x, 5}, {y, 5}, {-4}, true);
    EXPECT_EQ(values, (std::array<std::int32_t, 4>{5, 5, 5, 5}));
    EXPECT_EQ(taken_log(), (lines{"mode 2", "pool 5", "mode 0", "move_strided 5", "add_rows 5", "free 5"}));
}

/// What would end the capture of a graph is refused before anything is queued.
TEST_F(CudaBackend, LeavesCapturesAlone) {
    const two_arrays t;
    const auto x = on(first_device, t.x_view), y = on(first_device, t.y_view);
    const auto z = on(second_device, t.y_view), here = on(numpy_bridge::cpu_device, t.y_view);
    const array every_second = t.y_view.sliced(0, 0, 64, 2), first_half = t.x_view.sliced(0, 0, 32);
    const auto apart = on(numpy_bridge::cpu_device, every_second), half = on(first_device, first_half);
    const auto refusal = [](const auto& body) -> std::string {
        try {
            body();
        } catch (const numpy_bridge::sharing_error& error) {
            EXPECT_EQ(taken_work(), lines{});
            EXPECT_EQ(cudaGetLastError(), cudaSuccess);
            return error.what();
        }
        return "";
    };
    const std::string streams =
        "cannot share this CUDA memory: expected operands whose streams are both captured by one graph, or neither, "
        "got a captured and an uncaptured stream. Queue the work on both on the captured stream, or do this before "
        "the capture. [CUDA.stream]";
    const std::string waits = "copy_ cannot use these operands: expected non_blocking=True, and host memory that is "
                              "packed, pinned and of the same dtype, got a copy that waits for a captured stream. "
                              "Do it before the capture. [copy_.non_blocking]";
    const auto add = [&](std::uintptr_t own, std::uintptr_t other) {
        return [&, own, other] { backend().add({x, own}, {y, other}, {4}, false); };
    };
    const auto copy = [&](const numpy_bridge::memory& to, std::uintptr_t own, const numpy_bridge::memory& from,
                          std::uintptr_t other, bool non_blocking) {
        return [&, own, other, non_blocking] {
            backend().copy({to, own}, {from, other}, {from.strides[0]}, false, non_blocking);
        };
    };
    simulated_cuda::captures = {{5, 1}, {6, 1}, {7, 2}};
    for (const std::uintptr_t other : {std::uintptr_t{1}, std::uintptr_t{7}, std::uintptr_t{8}}) {
        EXPECT_EQ(refusal(add(5, other)), streams);
        EXPECT_EQ(refusal(add(other, 5)), streams);
        EXPECT_EQ(refusal(copy(x, 5, z, other, false)), streams);
    }
    EXPECT_EQ(refusal(copy(x, 5, here, 0, false)), waits);
    EXPECT_EQ(refusal(copy(here, 0, x, 5, false)), waits);
    EXPECT_EQ(refusal(copy(half, 5, apart, 0, true)), waits);
    EXPECT_EQ(refusal(copy(apart, 0, half, 5, true)), waits);
    EXPECT_EQ(refusal(copy(x, 5, here, 0, true)), waits) << "pageable";
    EXPECT_EQ(refusal(copy(here, 0, x, 5, true)), waits) << "pageable";

    EXPECT_EQ(refusal(add(5, 5)), "");
    EXPECT_EQ(taken_log(), (lines{"add_rows 5"}));
    EXPECT_EQ(refusal(add(5, 6)), "");
    EXPECT_EQ(taken_log(), (lines{"record 6", "wait 5", "add_rows 5", "record 5", "wait 6"}));
    EXPECT_EQ(refusal(add(5, 0)), "");
    EXPECT_EQ(taken_log(), (lines{"add_rows 5"})) << "no other stream may be drawn into the capture";
    simulated_cuda::pointer = {cudaMemoryTypeHost, 0};
    EXPECT_EQ(refusal(copy(x, 5, here, 0, true)), "");
    EXPECT_EQ(taken_work(), (lines{"to device 5"}));
    EXPECT_EQ(refusal(add(8, 9)), "") << "the capture of others is no matter";
}

TEST_F(CudaBackend, ErrorsNameTheCall) {
    const two_arrays t;
    const auto x = on(first_device, t.x_view), y = on(first_device, t.y_view),
               h = on(numpy_bridge::cpu_device, t.y_view);
    const auto failure = [](const char* call, auto body) {
        simulated_cuda::failing = call;
        try {
            body();
        } catch (const numpy_bridge::cuda_error& error) {
            EXPECT_EQ(error.text(), "as the test asked");
            EXPECT_EQ(cudaGetLastError(), cudaSuccess) << "no later call is blamed for it";
            return error.call() + ": " + error.name();
        }
        return std::string("no error");
    };
    const auto add = [&] { backend().add({x, 5}, {y, 7}, {4}, true); };
    const auto allocate = [&] { backend().allocate(12, 1, 5); };
    const auto fetch = [&] { backend().copy({h, 0}, {x, 5}, {4}, false, false); };
    EXPECT_EQ(failure("cudaMallocFromPoolAsync", add), "cudaMallocFromPoolAsync: cudaErrorMemoryAllocation");
    EXPECT_EQ(failure("cudaEventRecord", add), "cudaEventRecord: cudaErrorInvalidValue");
    EXPECT_EQ(failure("cudaStreamWaitEvent", add), "cudaStreamWaitEvent: cudaErrorInvalidValue");
    EXPECT_EQ(failure("add_rows", add), "launch of add_: cudaErrorInvalidValue");
    EXPECT_EQ(failure("cudaStreamGetCaptureInfo", add), "cudaStreamGetCaptureInfo: cudaErrorInvalidValue");
    EXPECT_EQ(failure("cudaSetDevice", allocate), "cudaSetDevice: cudaErrorInvalidValue");
    EXPECT_EQ(failure("cudaMemcpyAsync", fetch), "cudaMemcpyAsync: cudaErrorInvalidValue");
    EXPECT_EQ(failure("cudaStreamSynchronize", fetch), "cudaStreamSynchronize: cudaErrorInvalidValue");
}

TEST_F(CudaBackend, SaysWhyItCannotBeUsed) {
    EXPECT_EQ(backend().unavailable(), "");
    simulated_cuda::failing = "cudaGetDeviceCount";
    EXPECT_EQ(backend().unavailable(), "cudaErrorInvalidValue: as the test asked");
}

} // namespace
