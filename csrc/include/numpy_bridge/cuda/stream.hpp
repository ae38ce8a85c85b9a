/// CUDA streams: which one work goes to, and how two of them are put in order without waiting for either.
#pragma once

#include <cstdint>
#include <memory>

#include <numpy_bridge/cuda/check.hpp>
#include <numpy_bridge/cuda/device_guard.hpp>
#include <numpy_bridge/memory.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

/// The stream behind a number as DLPack and `__cuda_array_interface__` count them: 1 is the legacy default stream, 2
/// the one of the thread, and anything else a handle. 0, which names none, becomes the legacy default stream.
inline cudaStream_t stream_of(std::uintptr_t number) noexcept {
    return number <= 1 ? cudaStreamLegacy : reinterpret_cast<cudaStream_t>(number);
}

/// A stream of a device. The default streams' handles mean those of the current device: whatever is asked of `handle`
/// needs a guard of `device`.
struct device_stream {
    int device;
    cudaStream_t handle;
};

/// The graph that a stream is being captured into, by a number; 0 for none.
inline unsigned long long capture_of(device_stream s) {
    const device_guard guard(s.device);
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    unsigned long long id = 0;
    // It fails for the legacy default stream while others are captured that wait for it: it itself is not.
    forget_cuda_error(cudaStreamGetCaptureInfo(s.handle, &status, &id));
    return status == cudaStreamCaptureStatusActive ? id : 0;
}

/// Refuses two streams of which one is captured without the other: an event between them would end the capture.
inline void require_one_capture(device_stream a, device_stream b) {
    if (capture_of(a) != capture_of(b))
        detail::refuse("CUDA", "stream", "operands whose streams one graph captures, or none",
                       "one that is captured and one that is not",
                       "give the work on both to the captured stream, or do this before the capture");
}

/// Lets what is given to `later` from now on wait for all that has been given to `earlier`. The host waits for nothing,
/// and a capture of both streams records it. Raises sharing_error where only one is captured.
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
