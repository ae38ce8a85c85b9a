/// Copies between the host and a device, and between two devices.
#pragma once

#include "kernels/cuda_backend.hpp"
#include "kernels/iteration.hpp"

namespace numpy_bridge::cuda {

/// True for memory that kernels work on; the rest is the host's.
inline bool on_device(const memory& m) noexcept {
    return m.device.type == device_type::cuda || m.device.type == device_type::cuda_managed;
}

/// Copies as `it` says, converting from source's type to target's. Returns when memory of the host may be used again,
/// unless `non_blocking` and no copy of it had to be staged.
void transfer(const kernels::place& target, const kernels::place& source, const kernels::iteration& it,
              bool non_blocking);

} // namespace numpy_bridge::cuda
