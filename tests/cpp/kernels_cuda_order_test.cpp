/// Whatever order streams run in, within what events allow, an operation reads what was written before it, what is read
/// after it sees its result, and its source may be overwritten or released at once by the source's owner.

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <numpy_bridge/cuda/stream.hpp>

#include "backend.hpp"
#include "late_runtime.hpp"
#include "support.hpp"

using namespace numpy_bridge_test;
using numpy_bridge::device;
using numpy_bridge::device_type;
using numpy_bridge::dims;
using numpy_bridge::dtype;
using numpy_bridge::memory;
using numpy_bridge::cuda::backend;

namespace {

constexpr std::int64_t side = 40;
constexpr device host = numpy_bridge::cpu_device;

device cuda(int index) { return {device_type::cuda, index}; }

/// A square of numbers, someone's on a device or on the host, and the stream that its memory comes with.
struct operand {
    device where;
    std::uintptr_t number;
    std::vector<float> values = std::vector<float>(side * side);

    bool on_host() const { return numpy_bridge::host_accessible(where); }

    /// The stream that its owner goes on on: where none is named, the legacy default one.
    late_cuda::stream stream() const { return {where.index, number == 0 ? 1 : number}; }

    void set(float value) { std::fill(values.begin(), values.end(), value); }

    /// Its owner sets all elements, on its stream; at once where there is none, or nothing to wait for.
    void give(float value, bool at_once = false) {
        if (on_host() || at_once) set(value);
        else late_cuda::give(stream(), [this, value] { set(value); });
    }

    array view(const char* layout) const {
        const auto all =
            array{reinterpret_cast<std::uint64_t>(values.data()), dtype::float32, {side, side}, {side * 4, 4}, where};
        if (layout == std::string("strided")) return all.sliced(1, 0, side, 2);
        return layout == std::string("transposed") ? all.transposed() : all;
    }
};

dims dims_of(const array& a) {
    dims result{};
    std::copy(a.strides.begin(), a.strides.end(), result.begin());
    return result;
}

using call = std::function<void(operand& x, operand& y)>;

call adds(const char* layout, bool interferes = false) {
    return [=](operand& x, operand& y) {
        const array to = x.view(layout), from = y.view(layout);
        const memory target = to.memory(), source = from.memory();
        backend().add({target, x.number}, {source, y.number}, dims_of(from), interferes);
    };
}

call copies(const char* layout, bool interferes = false, bool non_blocking = false, dtype as = dtype::float32) {
    return [=](operand& x, operand& y) {
        array to = x.view(layout == std::string("transposed") ? "packed" : layout), from = y.view(layout);
        from.type = as; // of the same size, so that it converts
        const memory target = to.memory(), source = from.memory();
        backend().copy({target, x.number}, {source, y.number}, dims_of(from), interferes, non_blocking);
    };
}

/// x holds 1 and y 2 when the call is made; then x is read by its owner, and y overwritten by its owner.
struct outcome {
    std::set<float> seen; ///< without the ones of elements that the layout leaves out
    bool ends = true;
};

outcome outcome_of(const call& body, device of_x, std::uintptr_t x_number, device of_y, std::uintptr_t y_number,
                   std::vector<late_cuda::stream> order) {
    late_cuda::reset();
    operand x{of_x, x_number}, y{of_y, y_number};
    x.give(1, x_number == 0);
    y.give(2, y_number == 0);
    outcome found;
    body(x, y);
    const auto read = [&] { found.seen.insert(x.values.begin(), x.values.end()); };
    if (x.on_host()) read();
    else late_cuda::give(x.stream(), read);
    y.give(100);
    found.ends = late_cuda::run(order);
    return found;
}

void expect_in_every_order(const std::string& what, const call& body, device of_x, std::uintptr_t x_number, device of_y,
                           std::uintptr_t y_number, float expected, bool all_elements = true) {
    std::set<late_cuda::stream> streams;
    for (const device where : {of_x, of_y})
        if (!numpy_bridge::host_accessible(where))
            for (const std::uintptr_t number : {x_number, y_number, std::uintptr_t{1}})
                streams.insert({where.index, number == 0 ? 1 : number});
    std::vector<late_cuda::stream> order(streams.begin(), streams.end());
    do {
        const outcome found = outcome_of(body, of_x, x_number, of_y, y_number, order);
        std::string text;
        for (const auto& s : order) text += " " + std::to_string(s.number) + "@" + std::to_string(s.device);
        SCOPED_TRACE(what + ", x on " + std::to_string(x_number) + ", y on " + std::to_string(y_number) +
                     ", first goes" + text);
        EXPECT_TRUE(found.ends) << "some stream waits for ever";
        EXPECT_EQ(found.seen, all_elements ? std::set<float>{expected} : (std::set<float>{1, expected}));
    } while (std::next_permutation(order.begin(), order.end()));
}

const std::vector<std::pair<std::uintptr_t, std::uintptr_t>> streams_of_two = {
    {5, 5}, {5, 6}, {1, 1}, {1, 5}, {5, 1}, {1, 2}, {2, 5}, {0, 0}, {0, 1}, {1, 0}, {0, 5}, {5, 0}};

std::uintptr_t on_device(int index, std::uintptr_t number) {
    return number <= 2 ? number : number + 10 * static_cast<std::uintptr_t>(index);
}

TEST(CudaOrder, OnOneDevice) {
    for (const int index : {0, 1}) // 0 is the current one
        for (const auto& [first, second] : streams_of_two) {
            const auto x = on_device(index, first), y = on_device(index, second);
            const auto expect = [&](const char* what, const call& body, float expected, bool all = true) {
                expect_in_every_order(what, body, cuda(index), x, cuda(index), y, expected, all);
            };
            expect("add", adds("packed"), 3);
            expect("add strided", adds("strided"), 3, false);
            expect("add through a snapshot", adds("packed", true), 3);
            expect("copy", copies("packed"), 2);
            expect("copy strided", copies("strided"), 2, false);
            expect("copy transposed", copies("transposed"), 2);
            expect("copy through a snapshot", copies("packed", true), 2);
            expect("cast", copies("packed", false, false, dtype::uint32), 0x40000000);
        }
}

TEST(CudaOrder, BetweenTwoDevices) {
    for (const auto& [first, second] : streams_of_two)
        for (const int index : {0, 1}) {
            const auto x = on_device(index, first), y = on_device(1 - index, second);
            const auto expect = [&](const char* what, const call& body, float expected, bool all = true) {
                expect_in_every_order(what, body, cuda(index), x, cuda(1 - index), y, expected, all);
            };
            expect("copy", copies("packed"), 2);
            expect("copy strided", copies("strided"), 2, false);
            expect("cast", copies("packed", false, false, dtype::uint32), 0x40000000);
        }
}

TEST(CudaOrder, BetweenHostAndDevice) {
    for (const int index : {0, 1})
        for (const std::uintptr_t number : std::vector<std::uintptr_t>{0, 1, 2, 5})
            for (const bool non_blocking : {false, true})
                for (const char* layout : {"packed", "strided"}) {
                    const auto stream = on_device(index, number);
                    const bool all = layout == std::string("packed");
                    expect_in_every_order("to device", copies(layout, false, non_blocking), cuda(index), stream, host,
                                          0, 2, all);
                    expect_in_every_order("to host", copies(layout, false, non_blocking), host, 0, cuda(index), stream,
                                          2, all);
                }
}

/// Each lease is released by the first call after its own work is done; nothing waits.
TEST(CudaOrder, KeepsUntilTheWorkIsDone) {
    late_cuda::reset();
    int released = 0;
    const auto keep = [&](int index, std::uintptr_t number) {
        late_cuda::give({index, number}, [] {});
        backend().keep(index, number, {&released, [](void* count) { ++*static_cast<int*>(count); }});
    };
    const auto expect_released = [&](int expected) {
        backend().release_finished();
        EXPECT_EQ(released, expected);
    };
    keep(0, 5);
    keep(1, 15);
    keep(0, 6);
    expect_released(0);
    late_cuda::run({{1, 15}});
    expect_released(1);
    late_cuda::run({{0, 6}});
    keep(0, 6); // releases, too
    EXPECT_EQ(released, 2);
    late_cuda::run({{0, 5}, {0, 6}});
    expect_released(4);
    EXPECT_EQ(late_cuda::unreleased(), 0) << "events";
}

TEST(CudaOrder, KeepsNothingForACaptureAndEndsNone) {
    late_cuda::reset();
    int released = 0;
    const auto lease = [&]() -> numpy_bridge::owner {
        return {&released, [](void* count) { ++*static_cast<int*>(count); }};
    };
    backend().keep(0, 6, lease());
    const auto graph = late_cuda::begin_capture({0, 5}, true);
    EXPECT_FALSE(backend().captures(0, 6));
    EXPECT_TRUE(backend().captures(0, 5));
    backend().keep(0, 5, lease());
    EXPECT_EQ(released, 1);
    backend().release_finished();
    EXPECT_TRUE(late_cuda::end_capture(graph)) << "a query in the default mode ends it";
    late_cuda::run({{0, 6}});
    backend().release_finished();
    EXPECT_EQ(released, 2);
}

/// The model itself: a stream that joins a capture is captured, but for the legacy default one, which ends it.
TEST(CudaOrder, TheLegacyStreamBreaksACapture) {
    for (const std::uintptr_t joining : {std::uintptr_t{6}, std::uintptr_t{1}}) {
        late_cuda::reset();
        const auto graph = late_cuda::begin_capture({0, 5}, true);
        cudaEvent_t event = nullptr;
        cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
        cudaEventRecord(event, numpy_bridge::stream_of(5));
        const cudaError_t expected = joining == 1 ? cudaErrorStreamCaptureImplicit : cudaSuccess;
        EXPECT_EQ(cudaStreamWaitEvent(numpy_bridge::stream_of(joining), event, 0), expected);
        EXPECT_EQ(late_cuda::end_capture(graph), joining != 1);
    }
}

/// The model itself: without an event the order is anyone's.
TEST(CudaOrder, IsNotThereByItself) {
    const call unordered = [](operand& x, operand& y) {
        late_cuda::give(x.stream(), [&] { x.set(x.values[0] + y.values[0]); });
    };
    std::set<float> seen;
    for (const std::vector<late_cuda::stream>& order :
         {std::vector<late_cuda::stream>{{0, 5}, {0, 6}}, std::vector<late_cuda::stream>{{0, 6}, {0, 5}}}) {
        const outcome found = outcome_of(unordered, cuda(0), 5, cuda(0), 6, order);
        seen.insert(found.seen.begin(), found.seen.end());
    }
    EXPECT_EQ(seen, (std::set<float>{1, 101}));
}

} // namespace
