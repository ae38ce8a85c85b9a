/// Copies of Views in new memory on CUDA devices.
#pragma once

#include "view.hpp"

namespace numpy_bridge {

/// Copies the elements to new memory on the CUDA device `where`: writable, in C order and in the machine's byte order.
/// The copy is queued on that device's stream `stream`, a number as in `imported`, behind all that `from` has to wait
/// for. Raises sharing_error where CUDA cannot be used.
void copy_to_cuda(const view& from, device where, std::uintptr_t stream, imported& out);

} // namespace numpy_bridge
