/// Allocation beside other people's captures.
#pragma once

#include <numpy_bridge/cuda/check.hpp>

namespace numpy_bridge::cuda {

/// Lets the calling thread allocate and release memory, for a scope, though graphs are being captured: cudaMalloc and
/// cudaFree would fail, and end every capture that is global. Right for memory that no graph under capture uses.
class relaxed_capture_mode {
public:
    relaxed_capture_mode() noexcept {
        const cudaError_t status = cudaThreadExchangeStreamCaptureMode(&other_);
        changed_ = status == cudaSuccess;
        forget_cuda_error(status);
    }
    ~relaxed_capture_mode() {
        if (changed_) forget_cuda_error(cudaThreadExchangeStreamCaptureMode(&other_));
    }
    relaxed_capture_mode(const relaxed_capture_mode&) = delete;
    relaxed_capture_mode& operator=(const relaxed_capture_mode&) = delete;

private:
    cudaStreamCaptureMode other_ = cudaStreamCaptureModeRelaxed;
    bool changed_;
};

} // namespace numpy_bridge::cuda
