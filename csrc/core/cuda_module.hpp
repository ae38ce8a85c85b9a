/// Loads the `_cuda` module.
#pragma once

#include "cuda/interface.hpp"

namespace numpy_bridge {

/// The kernels for memory on `where`. Imports the module at the first call. Raises sharing_error in the name of
/// `operation` if this wheel has no kernels, or if CUDA cannot be used.
const cuda_backend& cuda_kernels(const char* operation, device where);

/// The same, or null if there are none.
const cuda_backend* cuda_kernels_if_any();

/// Makes later work on the stream `later` of a device wait for earlier work on the stream `earlier`, numbers as in
/// `imported`. False without kernels.
bool order_streams_if_possible(device where, std::uintptr_t earlier, std::uintptr_t later);

} // namespace numpy_bridge
