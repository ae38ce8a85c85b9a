/// What add_ and copy_ do once their arguments are memory: check, choose the device, work.
#pragma once

#include <cstddef>
#include <cstdint>

#include <numpy_bridge/memory.hpp>

#include "kernels/add.hpp"
#include "kernels/cuda_backend.hpp"

namespace numpy_bridge {

using kernels::place;

/// x += y for arrays of one dtype on one device, y broadcast to x. As if y were read before x is written.
void add_in_place(const place& x, const place& y);

/// x += the element at `value`, of x's dtype.
void add_in_place(const place& x, const std::byte* value);

/// How elements are added. Refuses dtypes that have no addition; asked before the number to add is read.
kernels::addition require_addition(dtype id);

/// Whether copying takes the bus between host and device, and so time: `copy_in_place` then releases the GIL.
bool waits_for_copy(const memory& target, const memory& source) noexcept;

/// target = source, broadcast and converted, on one device or between two. As if source were read before target is
/// written. Where `waits_for_copy`, the caller has pinned both. `non_blocking`: do not wait for copies to memory of the
/// host.
void copy_in_place(const place& target, const place& source, bool non_blocking);

} // namespace numpy_bridge
