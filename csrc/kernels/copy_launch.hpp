/// Launches of the copy kernels. Errors are left to cudaGetLastError.
#pragma once

#include <cuda_runtime_api.h>

#include "cast_grid.hpp"
#include "copy_grid.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

/// Elements of `size` bytes, a power of two up to 16.
void move_strided_on_cuda(std::int64_t size, const strided_walk& walk, cudaStream_t stream);

/// Exchanges the first two loops of `it`.
void move_transposed_on_cuda(std::int64_t size, const iteration& it, cudaStream_t stream);

/// False if the pair is not one of `quick_casts.hpp`. Aligned elements in native byte order.
bool cast_on_cuda(cast_pair cast, const iteration& it, cudaStream_t stream);

/// Any pair, in any byte order, more slowly. Aligned elements.
void cast_any_on_cuda(element_codec to, element_codec from, const strided_walk& walk, cudaStream_t stream);

/// Loads the module that has these kernels, on the current device.
cudaError_t load_copy();

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
