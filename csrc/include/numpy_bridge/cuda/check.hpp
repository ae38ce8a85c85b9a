/// Errors of the CUDA runtime as exceptions.
#pragma once

#include <cuda_runtime_api.h>

#include <numpy_bridge/error.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

/// Throws cuda_error, which names the call, unless `status` is success. The error is taken off the runtime's record, so
/// that nobody else's call is blamed for it.
///
///     check_cuda(cudaMemsetAsync(data, 0, size, stream), "cudaMemsetAsync");
///     kernel<<<blocks, threads, 0, stream>>>(data);
///     check_cuda(cudaGetLastError(), "launch of kernel");
inline void check_cuda(cudaError_t status, const char* call) {
    if (status == cudaSuccess) return;
    cudaGetLastError();
    throw cuda_error(call, cudaGetErrorName(status), cudaGetErrorString(status));
}

/// For calls of which nobody can be told that they failed, as in destructors: takes their error off the record, too.
inline void forget_cuda_error(cudaError_t status) noexcept {
    if (status != cudaSuccess) cudaGetLastError();
}

NUMPY_BRIDGE_NAMESPACE_END
