/// Copies between the host and a device, and between two devices.
#pragma once

#include "interface.hpp"
#include "kernels/iteration.hpp"

namespace numpy_bridge::cuda {

/// Copies along `it`, converting from the source's type to the target's. Returns when host memory may be used again,
/// unless `non_blocking` and the copy was not staged.
void transfer(const memory_on_stream& target, const memory_on_stream& source, const kernels::iteration& it,
              bool non_blocking);

} // namespace numpy_bridge::cuda
