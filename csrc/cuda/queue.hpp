/// From iterations to kernels: which one, with which geometry.
#pragma once

#include <cstddef>

#include <numpy_bridge/cuda/stream.hpp>

#include "kernels/add.hpp"
#include "kernels/copy.hpp"

namespace numpy_bridge::cuda {

/// Queues target += source. Elements are aligned. Without a source, `value` points to an element in memory of the host.
void queue_addition(kernels::addition how, dtype id, const kernels::iteration& it, const std::byte* value,
                    cudaStream_t stream);

/// Queues a copy on the current device, which `where` names. The operands share no byte; elements need not be aligned.
void queue_copy(element_type target, element_type source, const kernels::iteration& it, device_stream where);

} // namespace numpy_bridge::cuda
