/// Device memory for one operation.
#pragma once

#include <cstddef>
#include <memory>

#include <numpy_bridge/cuda/check.hpp>
#include <numpy_bridge/cuda/stream.hpp>

namespace numpy_bridge::cuda {

/// Device memory for work that is queued on the stream while the block exists. The host waits neither for the
/// allocation nor for the release, and a capture of the stream records both.
class stream_block {
public:
    stream_block(std::int64_t bytes, device_stream where) : where_(where) {
        const device_guard guard(where.device);
        check_cuda(cudaMallocAsync(&data_, static_cast<std::size_t>(bytes), where.handle), "cudaMallocAsync");
    }
    ~stream_block() {
        if (data_ == nullptr) return;
        int current = where_.device;
        forget_cuda_error(cudaGetDevice(&current));
        const bool elsewhere = current != where_.device;
        if (elsewhere) forget_cuda_error(cudaSetDevice(where_.device)); // the handle may be its default stream
        forget_cuda_error(cudaFreeAsync(data_, where_.handle));
        if (elsewhere) forget_cuda_error(cudaSetDevice(current));
    }
    stream_block(const stream_block&) = delete;
    stream_block& operator=(const stream_block&) = delete;

    std::byte* data() const noexcept { return static_cast<std::byte*>(data_); }

private:
    void* data_ = nullptr;
    device_stream where_;
};

} // namespace numpy_bridge::cuda
