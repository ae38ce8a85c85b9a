/// The current CUDA device, for a scope.
#pragma once

#include <string>

#include <cuda_runtime_api.h>

#include <numpy_bridge/cuda/check.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

/// A function of the CUDA driver, which the runtime has loaded.
template <class Function> Function driver_function(const char* name) {
    void* found = nullptr;
#if CUDART_VERSION >= 12050
    constexpr unsigned introduced = 11000; // later drivers have later forms of some functions, too
    check_cuda(cudaGetDriverEntryPointByVersion(name, &found, introduced, cudaEnableDefault), name);
#else
    check_cuda(cudaGetDriverEntryPoint(name, &found, cudaEnableDefault), name);
#endif
    if (found == nullptr) throw cuda_error(name, "cudaErrorNotSupported", "this driver has no such function");
    return reinterpret_cast<Function>(found);
}

/// Throws cuda_error for a result of the driver's.
inline void check_driver(int result, const char* call) {
    if (result != 0)
        throw cuda_error(call, "CUresult " + std::to_string(result),
                         "the CUDA driver's documentation has these numbers");
}

/// What the runtime has no functions for: the calling thread's context, which may be none.
struct driver_contexts {
    int (*device_of_current)(int* device) = driver_function<int (*)(int*)>("cuCtxGetDevice");
    int (*current)(void** context) = driver_function<int (*)(void**)>("cuCtxGetCurrent");
    int (*make_current)(void* context) = driver_function<int (*)(void*)>("cuCtxSetCurrent");

    static const driver_contexts& get() {
        static const driver_contexts found; // sought again after an error
        return found;
    }
};

} // namespace engine

/// Makes a device the calling thread's current one, and restores the former context at the end of the scope. A thread
/// that had no context has none again: cudaSetDevice would make one on a device that the process may not use.
///
/// A guard inside the scope of another one for the same device makes no CUDA call. So within a scope the current device
/// is only changed by other guards.
class device_guard {
public:
    explicit device_guard(int device) {
        if (device == outer_) return;
        const auto& driver = engine::driver_contexts::get();
        int current = -1;
        if (driver.device_of_current(&current) != 0 || current != device) {
            engine::check_driver(driver.current(&former_), "cuCtxGetCurrent");
            check_cuda(cudaSetDevice(device), "cudaSetDevice");
            changed_ = true;
        }
        innermost_ = device;
    }
    ~device_guard() {
        if (changed_) engine::driver_contexts::get().make_current(former_);
        innermost_ = outer_;
    }
    device_guard(const device_guard&) = delete;
    device_guard& operator=(const device_guard&) = delete;

private:
    static inline thread_local int innermost_ = -1; ///< the device of the innermost guard; -1 for none

    int outer_ = innermost_;
    void* former_ = nullptr;
    bool changed_ = false;
};

NUMPY_BRIDGE_NAMESPACE_END
