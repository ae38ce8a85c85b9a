/// Errors of the CUDA runtime as exceptions.
#pragma once

#include <cuda_runtime_api.h>

#include <numpy_bridge/error.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

/// Throws cuda_error, which names the call, unless `status` is success. Clears the runtime's last error, so that a
/// later cudaGetLastError does not report it again.
///
///     check_cuda(cudaMemsetAsync(data, 0, size, stream), "cudaMemsetAsync");
///     kernel<<<blocks, threads, 0, stream>>>(data);
///     check_cuda(cudaGetLastError(), "launch of kernel");
inline void check_cuda(cudaError_t status, const char* call) {
    if (status == cudaSuccess) return;
    cudaGetLastError();
    throw cuda_error(call, cudaGetErrorName(status), cudaGetErrorString(status));
}

/// Clears the runtime's last error after a call that must not throw, as in destructors.
inline void forget_cuda_error(cudaError_t status) noexcept {
    if (status != cudaSuccess) cudaGetLastError();
}

NUMPY_BRIDGE_NAMESPACE_END
