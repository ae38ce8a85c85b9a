/// Launches of the addition kernels. Errors are left to cudaGetLastError.
#pragma once

#include <cuda_runtime_api.h>

#include "add_grid.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

/// Groups of 16 bytes. Complex numbers count as two elements each.
void add_rows_on_cuda(dtype id, const row_addition& a, cudaStream_t stream);

void add_strided_on_cuda(dtype id, const strided_walk& walk, const constant& value, cudaStream_t stream);

/// Loads the module that has these kernels, on the current device.
cudaError_t load_addition();

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
