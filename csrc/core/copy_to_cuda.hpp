/// Copies Views to new memory on CUDA devices.
#pragma once

#include "view.hpp"

namespace numpy_bridge {

/// Copies the elements to new memory on the CUDA device `where`: writable, in C order and in native byte order. The
/// copy is queued on the stream `stream` of that device, a number as in `imported`, after all pending work on `from`.
/// Raises sharing_error if CUDA cannot be used.
void copy_to_cuda(const view& from, device where, std::uintptr_t stream, imported& out);

} // namespace numpy_bridge
