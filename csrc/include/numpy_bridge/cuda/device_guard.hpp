/// The current CUDA device, for a scope.
#pragma once

#include <numpy_bridge/cuda/check.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

/// Sets the calling thread's current device, and restores the former one at the end of the scope.
class device_guard {
public:
    explicit device_guard(int device) {
        check_cuda(cudaGetDevice(&former_), "cudaGetDevice");
        if (device == former_) return;
        check_cuda(cudaSetDevice(device), "cudaSetDevice");
        changed_ = true;
    }
    ~device_guard() {
        if (changed_) forget_cuda_error(cudaSetDevice(former_));
    }
    device_guard(const device_guard&) = delete;
    device_guard& operator=(const device_guard&) = delete;

private:
    int former_ = 0;
    bool changed_ = false;
};

NUMPY_BRIDGE_NAMESPACE_END
