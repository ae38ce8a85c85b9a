/// From iterations to kernels: which one, with which geometry.
#pragma once

#include <cstddef>

#include <cuda_runtime_api.h>

#include "kernels/add.hpp"
#include "kernels/copy.hpp"

namespace numpy_bridge::cuda {

/// Queues target += source. Elements are aligned. Without a source, `value` points to an element in memory of the host.
void queue_addition(kernels::addition how, dtype id, const kernels::iteration& it, const std::byte* value,
                    cudaStream_t stream);

/// Queues a copy within what the current device can reach. The operands share no byte.
void queue_copy(element_type target, element_type source, const kernels::iteration& it, cudaStream_t stream);

} // namespace numpy_bridge::cuda
