#include "late_runtime.hpp"

#include <cstring>
#include <utility>

#include "late_streams.hpp"

namespace late_cuda {

bool pinned = false;
std::vector<std::string> calls;

namespace {

struct host {
    cudaError_t last_error = cudaSuccess;
    cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
    int until_failure = -1;
    std::set<std::string> failing;
};
host now;

/// False for memory that is known to be on another device.
bool may_be_on(int device, const void* address) {
    const cudaPointerAttributes place = place_of(address);
    return place.type != cudaMemoryTypeDevice || place.device == device;
}

bool is_pinned(const void* address) { return pinned || place_of(address).type == cudaMemoryTypeHost; }

/// Notes the call, and whether it comes now.
bool fails(const char* name) {
    calls.emplace_back(name);
    if (now.failing.erase(name) != 0) return true;
    return now.until_failure >= 0 && now.until_failure-- == 0;
}

/// The answer to a call that may take memory of the host: one that does counts as potentially unsafe.
cudaError_t called_with_host_memory(const char* name, bool pageable) {
    return pageable ? called_outside_captures(name) : called(name);
}

} // namespace

std::function<void(const std::string& call)> before_waiting;

cudaError_t answer(cudaError_t status) {
    if (status != cudaSuccess) now.last_error = status;
    return status;
}

cudaError_t called(const char* name) {
    if (!fails(name)) return cudaSuccess;
    const bool allocates = calls.back().rfind("cudaMalloc", 0) == 0;
    return answer(allocates ? cudaErrorMemoryAllocation : cudaErrorInvalidValue);
}

cudaError_t called_in_driver(const char* name) { return fails(name) ? cudaErrorInvalidValue : cudaSuccess; }

cudaError_t called_outside_captures(const char* name) {
    working_device();
    if (const cudaError_t error = called(name); error != cudaSuccess) return error;
    return answer(now.mode == cudaStreamCaptureModeRelaxed ? cudaSuccess : break_global_captures());
}

stream resolved(cudaStream_t handle) {
    const auto number = reinterpret_cast<std::uintptr_t>(handle);
    const int current = working_device();
    return {number <= 2 ? current : device_of(number), number};
}

void fail_after(int successes) {
    calls.clear();
    now.until_failure = successes;
}

void fail(const std::string& name) { now.failing.insert(name); }

int unreleased() { return unreleased_blocks(); }

void reset() {
    reset_devices();
    reset_streams();
    reset_memory();
    now = host{};
    pinned = false;
    calls.clear();
}

} // namespace late_cuda

using namespace late_cuda;

void simulated_cuda::launch(const char*, cudaStream_t to, std::function<void()> kernel) {
    if (called("launch") != cudaSuccess) return;
    const stream where = resolved(to);
    if (where.device != working_device()) answer(cudaErrorInvalidValue);
    else if (is_gone(where)) answer(cudaErrorInvalidResourceHandle);
    else give(where, std::move(kernel));
}

cudaError_t simulated_cuda::load(const char*) { return called_outside_captures("cudaFuncGetAttributes"); }

cudaError_t cudaGetLastError() { return std::exchange(now.last_error, cudaSuccess); }
const char* cudaGetErrorName(cudaError_t error) {
    switch (error) {
    case cudaErrorMemoryAllocation:
        return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidResourceHandle:
        return "cudaErrorInvalidResourceHandle";
    case cudaErrorStreamCaptureImplicit:
        return "cudaErrorStreamCaptureImplicit";
    case cudaErrorStreamCaptureUnsupported:
        return "cudaErrorStreamCaptureUnsupported";
    case cudaErrorStreamCaptureIsolation:
        return "cudaErrorStreamCaptureIsolation";
    default:
        return "cudaErrorInvalidValue";
    }
}
const char* cudaGetErrorString(cudaError_t) { return "as the simulation has it"; }
cudaError_t cudaDriverGetVersion(int* version) {
    *version = CUDART_VERSION;
    return called("cudaDriverGetVersion");
}
cudaError_t cudaRuntimeGetVersion(int* version) {
    *version = CUDART_VERSION;
    return called("cudaRuntimeGetVersion");
}
cudaError_t cudaMalloc(void** data, std::size_t bytes) {
    if (const cudaError_t error = called_outside_captures("cudaMalloc"); error != cudaSuccess) return error;
    return answer(allocate(data, working_device(), bytes));
}
cudaError_t cudaFree(void* data) {
    if (const cudaError_t error = called_outside_captures("cudaFree"); error != cudaSuccess) return error;
    if (before_waiting) before_waiting("cudaFree");
    wait_for_device(place_of(data).device);
    return answer(release(data));
}
cudaError_t cudaMallocAsync(void** data, std::size_t bytes, cudaStream_t stream) {
    if (const cudaError_t error = called("cudaMallocAsync"); error != cudaSuccess) return error;
    return answer(allocate(data, resolved(stream).device, bytes));
}
cudaError_t cudaFreeAsync(void* data, cudaStream_t stream) {
    if (const cudaError_t error = called("cudaFreeAsync"); error != cudaSuccess) return error;
    give(resolved(stream), [data] { release(data); });
    return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* target, const void* source, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
    const auto where = resolved(stream);
    if (is_gone(where)) return answer(cudaErrorInvalidResourceHandle);
    const bool captured = capture_of(where) != 0;
    const bool pageable = (kind == cudaMemcpyHostToDevice && !is_pinned(source)) ||
                          (kind == cudaMemcpyDeviceToHost && !is_pinned(target));
    if (const cudaError_t error = called_with_host_memory("cudaMemcpyAsync", pageable); error != cudaSuccess)
        return error;
    if (kind == cudaMemcpyHostToDevice && !is_pinned(source) && !captured) { // is read before the call returns
        const auto* first = static_cast<const std::byte*>(source);
        give(where, [target, staged = std::vector<std::byte>(first, first + bytes)] {
            std::memcpy(target, staged.data(), staged.size());
        });
        return cudaSuccess;
    }
    give(where, [=] { std::memcpy(target, source, bytes); });
    const bool waits = kind == cudaMemcpyDeviceToHost && !is_pinned(target) && !captured;
    return waits ? wait_for(where) : cudaSuccess;
}
cudaError_t cudaMemcpyPeerAsync(void* target, int target_device, const void* source, int source_device,
                                std::size_t bytes, cudaStream_t stream) {
    if (const cudaError_t error = called("cudaMemcpyPeerAsync"); error != cudaSuccess) return error;
    if (!may_be_on(target_device, target) || !may_be_on(source_device, source)) return answer(cudaErrorInvalidValue);
    give(resolved(stream), [=] { std::memcpy(target, source, bytes); });
    return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    if (const cudaError_t error = called_outside_captures("cudaStreamSynchronize"); error != cudaSuccess) return error;
    if (before_waiting) before_waiting("cudaStreamSynchronize");
    return answer(wait_for(resolved(stream)));
}

cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream, cudaStreamCaptureStatus* status, unsigned long long* id) {
    if (const cudaError_t error = called("cudaStreamGetCaptureInfo"); error != cudaSuccess) return error;
    if (stream == cudaStreamLegacy && captures_anything()) return answer(cudaErrorStreamCaptureImplicit);
    if (is_gone(resolved(stream))) return answer(cudaErrorInvalidResourceHandle);
    *id = capture_of(resolved(stream));
    *status = *id == 0 ? cudaStreamCaptureStatusNone : cudaStreamCaptureStatusActive;
    return cudaSuccess;
}
cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
    working_device();
    if (const cudaError_t error = called("cudaThreadExchangeStreamCaptureMode"); error != cudaSuccess) return error;
    std::swap(*mode, now.mode);
    return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* made, unsigned) {
    if (const cudaError_t error = called("cudaEventCreateWithFlags"); error != cudaSuccess) return error;
    *made = reinterpret_cast<cudaEvent_t>(new_event(working_device()));
    return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t made, cudaStream_t stream) {
    if (const cudaError_t error = called("cudaEventRecord"); error != cudaSuccess) return error;
    return answer(record(*reinterpret_cast<event*>(made), resolved(stream)));
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t made, unsigned) {
    if (const cudaError_t error = called("cudaStreamWaitEvent"); error != cudaSuccess) return error;
    return answer(wait(resolved(stream), *reinterpret_cast<const event*>(made)));
}
cudaError_t cudaEventQuery(cudaEvent_t made) {
    if (const cudaError_t error = called_outside_captures("cudaEventQuery"); error != cudaSuccess) return error;
    return answer(is_over(*reinterpret_cast<const event*>(made)) ? cudaSuccess : cudaErrorNotReady);
}
cudaError_t cudaEventDestroy(cudaEvent_t) { return called("cudaEventDestroy"); }
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* pointer) {
    working_device();
    if (const cudaError_t error = called("cudaPointerGetAttributes"); error != cudaSuccess) return error;
    *attributes = place_of(pointer);
    return cudaSuccess;
}
