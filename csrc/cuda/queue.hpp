/// Chooses the kernel for an iteration, and the geometry of its launch.
#pragma once

#include <cstddef>

#include <numpy_bridge/cuda/stream.hpp>

#include "kernels/add.hpp"
#include "kernels/copy.hpp"

namespace numpy_bridge::cuda {

/// Queues target += source for aligned elements of `id`. Without a source, the element at `value` in host memory is
/// added.
void queue_addition(dtype id, const kernels::iteration& it, const std::byte* value, cudaStream_t stream);

/// Queues a copy on `where.device`, which is current. The operands share no byte. Elements need not be aligned.
void queue_copy(element_type target, element_type source, const kernels::iteration& it, device_stream where);

} // namespace numpy_bridge::cuda
