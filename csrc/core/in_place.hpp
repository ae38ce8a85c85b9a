/// add_ and copy_ on imported memory: checks, the choice of the device, and the work.
#pragma once

#include <cstddef>

#include <numpy_bridge/memory.hpp>

#include "cuda/interface.hpp"
#include "kernels/cast.hpp"

namespace numpy_bridge {

/// x += y for arrays of one dtype on one device; y is broadcast to x. The result is as if y were copied first.
void add_in_place(const memory_on_stream& x, const memory_on_stream& y);

/// x += the element at `value`, of x's dtype.
void add_in_place(const memory_on_stream& x, const std::byte* value);

/// Refuses dtypes that have no addition.
void require_addition(dtype id);

/// True for copies between host and device. They take long, so `copy_in_place` releases the GIL.
bool waits_for_copy(const memory& target, const memory& source) noexcept;

/// Refuses conversions that the rule does not allow, or for which there is no code.
void require_cast(element_type from, element_type to, kernels::casting rule);

/// target = source, broadcast and converted, on one device or between two. The result is as if the source were copied
/// first. The dtypes are the same, or `require_cast` allows the conversion. If `waits_for_copy`, the caller has pinned
/// both. With `non_blocking`, copies to host memory are not waited for.
void copy_in_place(const memory_on_stream& target, const memory_on_stream& source, bool non_blocking);

} // namespace numpy_bridge
