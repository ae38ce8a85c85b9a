/// The one implementation of `cuda_backend`.
#pragma once

#include "interface.hpp"

namespace numpy_bridge::cuda {

const cuda_backend& backend();

} // namespace numpy_bridge::cuda
