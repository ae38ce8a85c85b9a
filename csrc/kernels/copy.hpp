/// Copies between layouts, number types and byte orders.
#pragma once

#include <numpy_bridge/dtype.hpp>

#include "cast.hpp"
#include "iteration.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

/// Copies on the CPU. The dtypes are the same, or both are convertible. The operands share no byte. Elements need not
/// be aligned.
void copy_on_cpu(element_type target, element_type source, const iteration& it) noexcept;

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
