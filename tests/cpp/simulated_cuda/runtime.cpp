#include "cuda_runtime_api.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace simulated_cuda {

std::vector<std::string> log;
std::string failing;
int blocks = 0;
std::map<std::uintptr_t, unsigned long long> captures;
cudaPointerAttributes pointer{};

namespace {

int current_device = 0;
cudaStreamCaptureMode capture_mode = cudaStreamCaptureModeGlobal;
cudaError_t last_error = cudaSuccess;

cudaError_t succeed_unless_failing(const std::string& call) {
    if (call != failing) return cudaSuccess;
    failing.clear();
    return last_error = call.rfind("cudaMalloc", 0) == 0 ? cudaErrorMemoryAllocation : cudaErrorInvalidValue;
}

// The driver's functions. A context is the number of its device, and 1.

int get_context_device(int* device) {
    *device = current_device;
    return failing == "cuCtxGetDevice" ? 201 : 0;
}
int get_context(void** context) {
    *context = reinterpret_cast<void*>(std::uintptr_t(current_device + 1));
    return 0;
}
int set_context(void* context) {
    current_device = static_cast<int>(reinterpret_cast<std::uintptr_t>(context)) - 1;
    log.push_back("context " + std::to_string(current_device));
    return 0;
}

} // namespace

cudaError_t note(const std::string& call, const std::string& words, cudaStream_t stream) {
    log.push_back(words + " " + std::to_string(reinterpret_cast<std::uintptr_t>(stream)));
    return succeed_unless_failing(call);
}

void launch(const char* name, cudaStream_t stream, std::function<void()> kernel) {
    kernel();
    note(name, name, stream);
}

cudaError_t load(const char*) { return cudaSuccess; }

} // namespace simulated_cuda

using namespace simulated_cuda;

cudaError_t cudaGetLastError() {
    const cudaError_t error = last_error;
    last_error = cudaSuccess;
    return error;
}
const char* cudaGetErrorName(cudaError_t error) {
    switch (error) {
    case cudaErrorMemoryAllocation:
        return "cudaErrorMemoryAllocation";
    case cudaErrorInsufficientDriver:
        return "cudaErrorInsufficientDriver";
    default:
        return "cudaErrorInvalidValue";
    }
}
const char* cudaGetErrorString(cudaError_t) { return "as the test asked"; }
cudaError_t cudaGetDeviceCount(int* count) {
    *count = 2;
    return succeed_unless_failing("cudaGetDeviceCount");
}
cudaError_t cudaGetDevice(int* device) {
    *device = current_device;
    return succeed_unless_failing("cudaGetDevice");
}
cudaError_t cudaSetDevice(int device) {
    if (const cudaError_t error = succeed_unless_failing("cudaSetDevice"); error != cudaSuccess) return error;
    log.push_back("device " + std::to_string(device));
    current_device = device;
    return cudaSuccess;
}
cudaError_t cudaGetDriverEntryPointByVersion(const char* symbol, void** function, unsigned, unsigned long long,
                                             cudaDriverEntryPointQueryResult* found) {
    const std::string name = symbol;
    *function = reinterpret_cast<void*>(set_context);
    if (name == "cuCtxGetDevice") *function = reinterpret_cast<void*>(get_context_device);
    if (name == "cuCtxGetCurrent") *function = reinterpret_cast<void*>(get_context);
    if (found != nullptr) *found = cudaDriverEntryPointSuccess;
    return succeed_unless_failing("cudaGetDriverEntryPointByVersion");
}
cudaError_t cudaDeviceCanAccessPeer(int* can, int, int) {
    *can = 1;
    return cudaSuccess;
}
cudaError_t cudaDeviceEnablePeerAccess(int peer, unsigned) {
    log.push_back("peer " + std::to_string(peer));
    return last_error = cudaErrorPeerAccessAlreadyEnabled; // as another library has done
}
cudaError_t cudaMalloc(void** data, std::size_t bytes) {
    log.push_back("malloc " + std::to_string(bytes) + " bytes");
    *data = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
    ++blocks;
    return succeed_unless_failing("cudaMalloc");
}
cudaError_t cudaFree(void* data) {
    log.emplace_back("free");
    std::free(data);
    --blocks;
    return cudaSuccess;
}
cudaError_t cudaMallocAsync(void** data, std::size_t bytes, cudaStream_t stream) {
    const cudaError_t status = note("cudaMallocAsync", "malloc", stream);
    if (status != cudaSuccess) return status;
    *data = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
    ++blocks;
    return cudaSuccess;
}
cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps*) {
    *pool = nullptr;
    return succeed_unless_failing("cudaMemPoolCreate");
}
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void*) { return cudaSuccess; }
cudaError_t cudaMallocFromPoolAsync(void** data, std::size_t bytes, cudaMemPool_t, cudaStream_t stream) {
    const cudaError_t status = note("cudaMallocFromPoolAsync", "pool", stream);
    if (status != cudaSuccess) return status;
    *data = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
    ++blocks;
    return cudaSuccess;
}
cudaError_t cudaFreeAsync(void* data, cudaStream_t stream) {
    std::free(data);
    --blocks;
    return note("cudaFreeAsync", "free", stream);
}
cudaError_t cudaMemcpyAsync(void* target, const void* source, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
    std::memcpy(target, source, bytes);
    const char* way = kind == cudaMemcpyHostToDevice   ? "to device"
                      : kind == cudaMemcpyDeviceToHost ? "to host"
                                                       : "move";
    return note("cudaMemcpyAsync", way, stream);
}
cudaError_t cudaMemcpyPeerAsync(void* target, int target_device, const void* source, int source_device,
                                std::size_t bytes, cudaStream_t stream) {
    std::memcpy(target, source, bytes);
    return note("cudaMemcpyPeerAsync", std::to_string(source_device) + " to " + std::to_string(target_device), stream);
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) { return note("cudaStreamSynchronize", "synchronize", stream); }
cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream, cudaStreamCaptureStatus* status, unsigned long long* id) {
    if (const cudaError_t error = succeed_unless_failing("cudaStreamGetCaptureInfo"); error != cudaSuccess)
        return error;
    if (captures.empty()) return cudaSuccess;
    if (stream == cudaStreamLegacy) return last_error = cudaErrorInvalidValue; // cudaErrorStreamCaptureImplicit
    const auto found = captures.find(reinterpret_cast<std::uintptr_t>(stream));
    if (found == captures.end()) return cudaSuccess;
    *status = cudaStreamCaptureStatusActive;
    *id = found->second;
    return cudaSuccess;
}
cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
    log.push_back("mode " + std::to_string(*mode));
    std::swap(*mode, capture_mode);
    return succeed_unless_failing("cudaThreadExchangeStreamCaptureMode");
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
    *event = nullptr;
    return succeed_unless_failing("cudaEventCreateWithFlags");
}
cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t stream) { return note("cudaEventRecord", "record", stream); }
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t, unsigned) {
    return note("cudaStreamWaitEvent", "wait", stream);
}
cudaError_t cudaEventQuery(cudaEvent_t) { return succeed_unless_failing("cudaEventQuery"); }
cudaError_t cudaEventDestroy(cudaEvent_t) { return cudaSuccess; }
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void*) {
    *attributes = pointer;
    return succeed_unless_failing("cudaPointerGetAttributes");
}
