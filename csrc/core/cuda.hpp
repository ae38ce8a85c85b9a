/// The way to the `_cuda` module.
#pragma once

#include "kernels/cuda_backend.hpp"

namespace numpy_bridge {

/// The kernels for memory on `where`, on behalf of `operation`. Imports the module at the first call. Raises
/// sharing_error where this wheel has none, or where CUDA cannot be used.
const kernels::cuda_backend& cuda_kernels(const char* operation, device where);

/// The same, or null.
const kernels::cuda_backend* cuda_kernels_if_any();

/// Lets the stream `later` of a device wait for what has been given to `earlier`, numbers as in `imported`. False where
/// nothing here can do that.
bool order_streams_if_possible(device where, std::uintptr_t earlier, std::uintptr_t later);

} // namespace numpy_bridge
