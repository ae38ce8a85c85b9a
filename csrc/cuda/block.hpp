/// Device memory for one operation.
#pragma once

#include <cstddef>

#include <numpy_bridge/cuda/check.hpp>
#include <numpy_bridge/cuda/stream.hpp>

#include "capture_mode.hpp"
#include "device_setup.hpp"

namespace numpy_bridge::cuda {

/// Device memory for work that is queued on the stream while the block exists. The host waits neither for the
/// allocation nor for the release. A capture of the stream records both: the memory is then the graph's own.
class stream_block {
public:
    stream_block(std::int64_t bytes, device_stream where) : where_(where) {
        const device_guard guard(where.device);
        const auto size = static_cast<std::size_t>(bytes);
        if (capture_of(where) != 0) {
            check_cuda(cudaMallocAsync(&data_, size, where.handle), "cudaMallocAsync");
        } else {
            const relaxed_capture_mode relaxed;
            check_cuda(cudaMallocFromPoolAsync(&data_, size, pool_of(where.device), where.handle),
                       "cudaMallocFromPoolAsync");
        }
    }
    ~stream_block() {
        if (data_ == nullptr) return;
        const attempted_guard guard(where_.device);
        forget_cuda_error(cudaFreeAsync(data_, where_.handle));
    }
    stream_block(const stream_block&) = delete;
    stream_block& operator=(const stream_block&) = delete;

    std::byte* data() const noexcept { return static_cast<std::byte*>(data_); }

private:
    void* data_ = nullptr;
    device_stream where_;
};

} // namespace numpy_bridge::cuda
