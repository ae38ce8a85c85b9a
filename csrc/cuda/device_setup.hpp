/// What is set up once for each device, at its first use. Captures on any stream go on meanwhile.
#pragma once

#include <optional>

#include <cuda_runtime_api.h>

#include <numpy_bridge/cuda/device_guard.hpp>

namespace numpy_bridge::cuda {

/// Makes a device current for a scope. At its first use the modules of all kernels are loaded: left to the first
/// launch, that would end a capture where modules are loaded as a whole (CUDA_MODULE_LOADING=EAGER).
class device_in_use {
public:
    explicit device_in_use(int device);

private:
    device_guard guard_;
};

/// A guard for calls that work on any device, but would make a context on another one. It does not throw: after an
/// error the current device stays as it is.
class attempted_guard {
public:
    explicit attempted_guard(int device) noexcept {
        try {
            guard_.emplace(device);
        } catch (const cuda_error&) {
            guard_.reset(); // as if there were no guard
        }
    }

private:
    std::optional<device_guard> guard_;
};

/// The module's own pool of memory on the current device, `device`. Unlike the default pool it keeps up to 256 MiB when
/// the host waits for the device, so that the next operation finds memory that is mapped.
cudaMemPool_t pool_of(int device);

/// Lets both devices read each other's memory, where the hardware can. Copies between them go through the host
/// otherwise.
void connect(int a, int b);

} // namespace numpy_bridge::cuda
