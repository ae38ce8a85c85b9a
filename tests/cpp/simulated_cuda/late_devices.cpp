/// Devices and their contexts, as the driver has them. A call of the runtime works in the thread's context; if there is
/// none, in the primary context of the device that was chosen last, which it makes.
#include <string>
#include <utility>

#include "late_streams.hpp"

namespace late_cuda {

namespace {

constexpr int no_context = -1;

struct thread_state {
    int context = no_context; ///< the device whose primary context is current
    int chosen = 0;           ///< by our copy of the runtime, which other libraries do not see
    int chosen_by_others = 0; ///< by theirs
};

thread_state now;
std::set<int> with_context;
std::set<std::pair<int, int>> peers; ///< the first reads the memory of the second
std::set<int> pools;                 ///< kept by `reset_devices`, as a module keeps its own for good

void enter(int device) {
    now.context = device;
    with_context.insert(device);
}

cudaMemPool_t pool_of(int device) { return reinterpret_cast<cudaMemPool_t>(std::uintptr_t(device) + 1); }

// The driver's functions, which leave no error for cudaGetLastError.

constexpr int success = 0, invalid_value = 1, invalid_context = 201;

int current_context_device(int* device) {
    if (called_in_driver("cuCtxGetDevice") != cudaSuccess) return invalid_value;
    *device = now.context;
    return now.context == no_context ? invalid_context : success;
}

int current_context(void** context) {
    if (called_in_driver("cuCtxGetCurrent") != cudaSuccess) return invalid_value;
    *context = reinterpret_cast<void*>(std::uintptr_t(now.context + 1));
    return success;
}

int set_current_context(void* context) {
    if (called_in_driver("cuCtxSetCurrent") != cudaSuccess) return invalid_value;
    now.context = static_cast<int>(reinterpret_cast<std::uintptr_t>(context)) - 1;
    return success;
}

} // namespace

int working_device() {
    if (now.context == no_context) enter(now.chosen);
    return now.context;
}

const std::set<int>& contexts() { return with_context; }

int current_device() { return now.context == no_context ? now.chosen_by_others : now.context; }

void set_device(int device) {
    now.chosen_by_others = device;
    enter(device);
}

void reset_devices() {
    now = {};
    with_context.clear();
    peers.clear();
}

} // namespace late_cuda

using namespace late_cuda;

cudaError_t cudaGetDeviceCount(int* count) {
    *count = devices;
    return called("cudaGetDeviceCount");
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
    *properties = {"a simulated device", 9, 0, std::size_t{1} << 30, 16};
    return called("cudaGetDeviceProperties");
}
cudaError_t cudaGetDevice(int* device) {
    *device = now.context == no_context ? now.chosen : now.context;
    return called("cudaGetDevice");
}
cudaError_t cudaSetDevice(int device) {
    if (const cudaError_t error = called("cudaSetDevice"); error != cudaSuccess) return error;
    if (device < 0 || device >= devices) return answer(cudaErrorInvalidValue);
    now.chosen = device;
    enter(device);
    return cudaSuccess;
}
cudaError_t cudaGetDriverEntryPointByVersion(const char* symbol, void** function, unsigned, unsigned long long,
                                             cudaDriverEntryPointQueryResult* found) {
    const std::string name = symbol;
    *function = name == "cuCtxGetDevice"    ? reinterpret_cast<void*>(current_context_device)
                : name == "cuCtxGetCurrent" ? reinterpret_cast<void*>(current_context)
                : name == "cuCtxSetCurrent" ? reinterpret_cast<void*>(set_current_context)
                                            : nullptr;
    if (found != nullptr)
        *found = *function == nullptr ? cudaDriverEntryPointSymbolNotFound : cudaDriverEntryPointSuccess;
    return called("cudaGetDriverEntryPointByVersion");
}

cudaError_t cudaDeviceCanAccessPeer(int* can, int device, int peer) {
    *can = device != peer ? 1 : 0;
    return called("cudaDeviceCanAccessPeer");
}
cudaError_t cudaDeviceEnablePeerAccess(int peer, unsigned) {
    if (const cudaError_t error = called_outside_captures("cudaDeviceEnablePeerAccess"); error != cudaSuccess)
        return error;
    return answer(peers.insert({working_device(), peer}).second ? cudaSuccess : cudaErrorPeerAccessAlreadyEnabled);
}

cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps* properties) {
    if (const cudaError_t error = called_outside_captures("cudaMemPoolCreate"); error != cudaSuccess) return error;
    if (!pools.insert(properties->location.id).second) return answer(cudaErrorInvalidValue); // one is enough
    *pool = pool_of(properties->location.id);
    return cudaSuccess;
}
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void*) { return called("cudaMemPoolSetAttribute"); }
cudaError_t cudaMallocFromPoolAsync(void** data, std::size_t bytes, cudaMemPool_t pool, cudaStream_t stream) {
    if (const cudaError_t error = called("cudaMallocFromPoolAsync"); error != cudaSuccess) return error;
    const auto where = resolved(stream);
    if (capture_of(where) != 0 || pool != pool_of(where.device)) return answer(cudaErrorInvalidValue);
    return answer(allocate(data, where.device, bytes));
}
