/// The one implementation of `cuda_backend`.
#pragma once

#include "kernels/cuda_backend.hpp"

namespace numpy_bridge::cuda {

const kernels::cuda_backend& backend();

} // namespace numpy_bridge::cuda
