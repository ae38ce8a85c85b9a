/// Calls that CUDA counts as unsafe while other streams are being captured.
#pragma once

#include <numpy_bridge/cuda/check.hpp>

namespace numpy_bridge::cuda {

/// Allows the calling thread to allocate, release and copy memory and to wait for a stream while graphs are being
/// captured. Without it such calls fail, and end every global capture. For memory that no graph under capture uses, on
/// the current device, where this makes a context.
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
