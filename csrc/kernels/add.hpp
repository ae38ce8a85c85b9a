/// Addition in place on the CPU.
#pragma once

#include <numpy_bridge/dtype.hpp>

#include "iteration.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

/// target += source for elements of `id`, where `has_sum(id)`. The operands share no byte, or all bytes element by
/// element. Elements need not be aligned.
void add_on_cpu(dtype id, const iteration& it) noexcept;

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
