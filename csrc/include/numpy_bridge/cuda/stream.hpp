/// CUDA streams by number, and their order by events. The host never waits.
#pragma once

#include <cstdint>
#include <memory>

#include <numpy_bridge/cuda/check.hpp>
#include <numpy_bridge/cuda/device_guard.hpp>
#include <numpy_bridge/memory.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

/// The stream of a number in DLPack and `__cuda_array_interface__`: 1 is the legacy default stream, 2 the per-thread
/// default stream, any other number a handle. 0 names no stream and becomes the legacy default stream.
inline cudaStream_t stream_of(std::uintptr_t number) noexcept {
    return number <= 1 ? cudaStreamLegacy : reinterpret_cast<cudaStream_t>(number);
}

/// A stream of a device. The handles of default streams stand for those of the current device, so every use of `handle`
/// needs a device_guard for `device`.
struct device_stream {
    int device;
    cudaStream_t handle;
};

/// The id of the graph that a stream is being captured into; 0 for none.
inline unsigned long long capture_of(device_stream s) {
    const device_guard guard(s.device);
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    unsigned long long id = 0;
    // The call fails for the legacy default stream while other streams are captured; it is itself not captured.
    forget_cuda_error(cudaStreamGetCaptureInfo(s.handle, &status, &id));
    return status == cudaStreamCaptureStatusActive ? id : 0;
}

/// Refuses two streams if only one is being captured: an event between them would end the capture.
inline void require_one_capture(device_stream a, device_stream b) {
    if (capture_of(a) != capture_of(b))
        engine::refuse("CUDA", "stream", "operands whose streams are both captured by one graph, or neither",
                       "a captured and an uncaptured stream",
                       "queue the work on both on the captured stream, or do this before the capture");
}

/// Makes later work on `later` wait for all earlier work on `earlier`. The host does not wait, and a capture of both
/// streams records it. Raises sharing_error if only one is being captured.
inline void order_streams(device_stream earlier, device_stream later) {
    if (earlier.device == later.device && earlier.handle == later.handle) return;
    require_one_capture(earlier, later);
    const device_guard guard(earlier.device);
    cudaEvent_t reached = nullptr;
    check_cuda(cudaEventCreateWithFlags(&reached, cudaEventDisableTiming), "cudaEventCreateWithFlags");
    const auto release = [](cudaEvent_t event) { forget_cuda_error(cudaEventDestroy(event)); };
    const std::unique_ptr<CUevent_st, decltype(release)> released(reached, release); // once it is over
    check_cuda(cudaEventRecord(reached, earlier.handle), "cudaEventRecord");
    const device_guard there(later.device);
    check_cuda(cudaStreamWaitEvent(later.handle, reached, 0), "cudaStreamWaitEvent");
}

NUMPY_BRIDGE_NAMESPACE_END
