/// Copies Views to new memory on CUDA devices.
#pragma once

#include "view.hpp"

namespace numpy_bridge {

/// Copies the elements of a View to new memory on the CUDA device `where`: writable, in C order and in native byte
/// order. The copy is queued on the stream `stream` of that device, a number as in `imported`, after all pending work
/// on the View. Raises sharing_error if CUDA cannot be used.
void copy_to_cuda(const py::object& view_object, device where, std::uintptr_t stream, imported& out);

} // namespace numpy_bridge
