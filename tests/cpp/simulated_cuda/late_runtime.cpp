#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <utility>

#include "late_runtime.hpp"

namespace late_cuda {

bool pinned = false;

namespace {

struct event {
    int device;
    int recorded = 0; ///< times that it has been given to a stream
    int reached = 0;  ///< and that the stream has got there
};

/// One thing to do, once `after` has been reached for the `time`-th time.
struct task {
    std::function<void()> act;
    const event* after = nullptr;
    int time = 0;
    const event* marks = nullptr; ///< the event that it is the mark of

    bool can_run() const noexcept { return after == nullptr || after->reached >= time; }
};

struct world {
    int current_device = 0;
    cudaError_t last_error = cudaSuccess;
    std::map<stream, std::deque<task>> queues;
    std::vector<std::unique_ptr<event>> events;
    std::vector<std::unique_ptr<std::byte[]>> blocks;
};
world now;

stream resolved(cudaStream_t handle) {
    const auto number = reinterpret_cast<std::uintptr_t>(handle);
    return {number <= 2 ? now.current_device : device_of(number), number};
}

bool step(std::deque<task>& queue) {
    if (queue.empty() || !queue.front().can_run()) return false;
    const task next = std::move(queue.front());
    queue.pop_front();
    next.act();
    return true;
}

/// Does what `queue` has to do, and of the others only what it waits for.
void drain(std::deque<task>& queue) {
    while (!queue.empty()) {
        if (step(queue)) continue;
        const event* awaited = queue.front().after;
        for (auto& [name, other] : now.queues)
            if (std::any_of(other.begin(), other.end(), [&](const task& t) { return t.marks == awaited; })) {
                while (awaited->reached < queue.front().time && step(other)) {
                }
                break;
            }
    }
}

cudaError_t fail(cudaError_t error) { return now.last_error = error; }

} // namespace

void give(stream to, std::function<void()> action) { now.queues[to].push_back({std::move(action)}); }

bool run(const std::vector<stream>& order) {
    for (bool went_on = true; went_on;)
        went_on = std::any_of(order.begin(), order.end(), [](const stream& s) { return step(now.queues[s]); });
    return std::all_of(now.queues.begin(), now.queues.end(), [](const auto& entry) { return entry.second.empty(); });
}

void reset() {
    now = world{};
    pinned = false;
}

} // namespace late_cuda

using namespace late_cuda;

void simulated_cuda::launch(const char*, cudaStream_t to, std::function<void()> kernel) {
    const stream where = resolved(to);
    if (where.device != now.current_device) fail(cudaErrorInvalidValue);
    else give(where, std::move(kernel));
}

cudaError_t cudaGetLastError() { return std::exchange(now.last_error, cudaSuccess); }
const char* cudaGetErrorName(cudaError_t) { return "cudaErrorInvalidValue"; }
const char* cudaGetErrorString(cudaError_t) { return "a stream or event of another device"; }
cudaError_t cudaGetDeviceCount(int* count) {
    *count = 2;
    return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
    *device = now.current_device;
    return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
    now.current_device = device;
    return cudaSuccess;
}

cudaError_t cudaMallocAsync(void** data, std::size_t bytes, cudaStream_t) {
    now.blocks.push_back(std::make_unique<std::byte[]>(bytes + 512));
    const auto address = reinterpret_cast<std::uintptr_t>(now.blocks.back().get());
    *data = now.blocks.back().get() + (256 - address % 256) % 256;
    return cudaSuccess;
}
cudaError_t cudaMalloc(void** data, std::size_t bytes) { return cudaMallocAsync(data, bytes, cudaStreamLegacy); }
/// Waits for the device.
cudaError_t cudaFree(void* data) {
    for (auto& [name, queue] : now.queues)
        if (name.device == now.current_device) drain(queue);
    std::memset(data, 0xdd, 64);
    return cudaSuccess;
}
/// The block is someone else's from then on, and overwritten.
cudaError_t cudaFreeAsync(void* data, cudaStream_t stream) {
    give(resolved(stream), [data] { std::memset(data, 0xdd, 64); });
    return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* target, const void* source, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
    const auto where = resolved(stream);
    if (kind == cudaMemcpyHostToDevice && !pinned) { // is read before the call returns
        const auto* first = static_cast<const std::byte*>(source);
        give(where, [target, staged = std::vector<std::byte>(first, first + bytes)] {
            std::memcpy(target, staged.data(), staged.size());
        });
        return cudaSuccess;
    }
    give(where, [=] { std::memcpy(target, source, bytes); });
    if (kind == cudaMemcpyDeviceToHost && !pinned) drain(now.queues[where]);
    return cudaSuccess;
}
cudaError_t cudaMemcpyPeerAsync(void* target, int, const void* source, int, std::size_t bytes, cudaStream_t stream) {
    give(resolved(stream), [=] { std::memcpy(target, source, bytes); });
    return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    drain(now.queues[resolved(stream)]);
    return cudaSuccess;
}

cudaError_t cudaStreamGetCaptureInfo(cudaStream_t, cudaStreamCaptureStatus*, unsigned long long*) {
    return cudaSuccess; // nothing is captured
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* made, unsigned) {
    now.events.push_back(std::make_unique<event>(event{now.current_device}));
    *made = reinterpret_cast<cudaEvent_t>(now.events.back().get());
    return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t made, cudaStream_t stream) {
    auto* e = reinterpret_cast<event*>(made);
    const auto where = resolved(stream);
    if (e->device != where.device) return fail(cudaErrorInvalidValue);
    ++e->recorded;
    task mark{[e] { ++e->reached; }};
    mark.marks = e;
    now.queues[where].push_back(std::move(mark));
    return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t made, unsigned) {
    const auto* e = reinterpret_cast<const event*>(made);
    task wait{[] {}};
    wait.after = e;
    wait.time = e->recorded;
    now.queues[resolved(stream)].push_back(std::move(wait));
    return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t) { return cudaSuccess; }
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes*, const void*) { return cudaSuccess; }
