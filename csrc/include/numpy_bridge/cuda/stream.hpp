/// CUDA streams by number, and their order by events. The host never waits.
#pragma once

#include <cstdint>

#include <numpy_bridge/cuda/check.hpp>
#include <numpy_bridge/cuda/device_guard.hpp>
#include <numpy_bridge/cuda/event.hpp>
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

inline bool operator==(device_stream a, device_stream b) noexcept {
    return a.device == b.device && a.handle == b.handle;
}

/// The id of the graph that a stream is being captured into; 0 for none. The legacy default stream cannot be captured,
/// and must not be asked: the question fails while others are.
inline unsigned long long capture_of(device_stream s) {
    if (s.handle == cudaStreamLegacy) return 0;
    const device_guard guard(s.device);
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    unsigned long long id = 0;
    check_cuda(cudaStreamGetCaptureInfo(s.handle, &status, &id), "cudaStreamGetCaptureInfo");
    return status == cudaStreamCaptureStatusActive ? id : 0;
}

/// Refuses two streams if only one is being captured: an event between them would end the capture. Returns the id of
/// the graph; 0 for none.
inline unsigned long long require_one_capture(device_stream a, device_stream b) {
    const unsigned long long id = capture_of(a);
    if (!(a == b) && capture_of(b) != id)
        engine::refuse("CUDA", "stream", "operands whose streams are both captured by one graph, or neither",
                       "a captured and an uncaptured stream",
                       "queue the work on both on the captured stream, or do this before the capture");
    return id;
}

/// Makes later work on `later` wait for all earlier work on `earlier`. The host does not wait, and a capture of both
/// streams records it. `require_one_capture` has accepted the two.
inline void queue_wait(device_stream earlier, device_stream later) {
    if (earlier == later) return;
    const device_guard guard(earlier.device);
    const pooled_event reached(earlier.device);
    check_cuda(cudaEventRecord(reached.get(), earlier.handle), "cudaEventRecord");
    const device_guard there(later.device);
    check_cuda(cudaStreamWaitEvent(later.handle, reached.get(), 0), "cudaStreamWaitEvent");
}

/// The same, and raises sharing_error if only one of the streams is being captured.
inline void order_streams(device_stream earlier, device_stream later) {
    if (earlier == later) return;
    require_one_capture(earlier, later);
    queue_wait(earlier, later);
}

NUMPY_BRIDGE_NAMESPACE_END
