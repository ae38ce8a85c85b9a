#include "late_runtime.hpp"

#include <cstring>
#include <utility>

#include "late_streams.hpp"

namespace late_cuda {

bool pinned = false;
std::vector<std::string> calls;

namespace {

constexpr int devices = 2;

struct host {
    int current_device = 0;
    cudaError_t last_error = cudaSuccess;
    cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
    int until_failure = -1;
    int events = 0; ///< made and not destroyed
};
host now;

stream resolved(cudaStream_t handle) {
    const auto number = reinterpret_cast<std::uintptr_t>(handle);
    return {number <= 2 ? now.current_device : device_of(number), number};
}

cudaError_t answer(cudaError_t status) {
    if (status != cudaSuccess) now.last_error = status;
    return status;
}

/// Writes the call down. An error if it is the one to fail.
cudaError_t called(const char* name) {
    calls.emplace_back(name);
    if (now.until_failure < 0 || now.until_failure-- > 0) return cudaSuccess;
    return answer(calls.back() == "cudaMalloc" || calls.back() == "cudaMallocAsync" ? cudaErrorMemoryAllocation
                                                                                    : cudaErrorInvalidValue);
}

/// The same for a call that is potentially unsafe while someone captures, as CUDA calls it.
cudaError_t called_outside_captures(const char* name) {
    if (const cudaError_t error = called(name); error != cudaSuccess) return error;
    return answer(now.mode == cudaStreamCaptureModeRelaxed ? cudaSuccess : break_global_captures());
}

/// False for memory that is known to be on another device.
bool may_be_on(int device, const void* address) {
    const cudaPointerAttributes place = place_of(address);
    return place.type != cudaMemoryTypeDevice || place.device == device;
}

bool is_pinned(const void* address) { return pinned || place_of(address).type == cudaMemoryTypeHost; }

} // namespace

void fail_after(int successes) {
    calls.clear();
    now.until_failure = successes;
}

int unreleased() { return unreleased_blocks() + now.events; }

void reset() {
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
    if (where.device != now.current_device) answer(cudaErrorInvalidValue);
    else if (is_gone(where)) answer(cudaErrorInvalidResourceHandle);
    else give(where, std::move(kernel));
}

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
cudaError_t cudaGetDeviceCount(int* count) {
    *count = devices;
    return called("cudaGetDeviceCount");
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
    *properties = {"a simulated device", 9, 0, std::size_t{1} << 30, 16};
    return called("cudaGetDeviceProperties");
}
cudaError_t cudaGetDevice(int* device) {
    *device = now.current_device;
    return called("cudaGetDevice");
}
cudaError_t cudaSetDevice(int device) {
    if (const cudaError_t error = called("cudaSetDevice"); error != cudaSuccess) return error;
    if (device < 0 || device >= devices) return answer(cudaErrorInvalidValue);
    now.current_device = device;
    return cudaSuccess;
}

cudaError_t cudaMalloc(void** data, std::size_t bytes) {
    if (const cudaError_t error = called_outside_captures("cudaMalloc"); error != cudaSuccess) return error;
    return answer(allocate(data, now.current_device, bytes));
}
cudaError_t cudaFree(void* data) {
    if (const cudaError_t error = called_outside_captures("cudaFree"); error != cudaSuccess) return error;
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
    if (const cudaError_t error = called("cudaMemcpyAsync"); error != cudaSuccess) return error;
    const auto where = resolved(stream);
    if (is_gone(where)) return answer(cudaErrorInvalidResourceHandle);
    const bool captured = capture_of(where) != 0;
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
    if (const cudaError_t error = called("cudaStreamSynchronize"); error != cudaSuccess) return error;
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
    if (const cudaError_t error = called("cudaThreadExchangeStreamCaptureMode"); error != cudaSuccess) return error;
    std::swap(*mode, now.mode);
    return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* made, unsigned) {
    if (const cudaError_t error = called("cudaEventCreateWithFlags"); error != cudaSuccess) return error;
    *made = reinterpret_cast<cudaEvent_t>(new_event(now.current_device));
    ++now.events;
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
cudaError_t cudaEventDestroy(cudaEvent_t) {
    if (const cudaError_t error = called("cudaEventDestroy"); error != cudaSuccess) return error;
    --now.events;
    return cudaSuccess;
}
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* pointer) {
    if (const cudaError_t error = called("cudaPointerGetAttributes"); error != cudaSuccess) return error;
    *attributes = place_of(pointer);
    return cudaSuccess;
}
