/// Compares the device that the caller named for a pointer with CUDA's own report.
#pragma once

#include <numpy_bridge/device.hpp>
#include <numpy_bridge/memory.hpp>

#include "cuda/interface.hpp"

namespace numpy_bridge {

/// Refuses memory that CUDA reports on another device, by its first and its last byte. Managed memory is on every
/// device.
inline void require_described_device(const memory& m, const pointer_report& first, const pointer_report& last) {
    const device where = first.where;
    if (!first.known)
        engine::refuse("pointer", "device", "memory that CUDA allocated or registered", name_of(m.device),
                       "describe other host memory with device='cpu'");
    const bool on_any_device = where.type == device_type::cuda_managed && m.device.type == device_type::cuda;
    const bool as_described =
        where.type == m.device.type && (where.index == m.device.index || where.type != device_type::cuda);
    if (!on_any_device && !as_described)
        engine::refuse("pointer", "device", name_of(where) + ", where CUDA says that it is", name_of(m.device));
    if (!last.known || last.where.type != where.type || last.where.index != where.index)
        engine::refuse("pointer", "shape", "elements that all lie on " + name_of(where),
                       text_of(m.shape, m.ndim) + ", of which the last byte is elsewhere",
                       "the block of memory is smaller: count its elements, not its bytes");
}

} // namespace numpy_bridge
