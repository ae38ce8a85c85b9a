/// The keyword `stream=`: a CUDA stream that the caller names.
#pragma once

#include <cstdint>

#include <numpy_bridge/memory.hpp>
#include <numpy_bridge/python.hpp>

namespace numpy_bridge {

/// The number of the stream `given`, as in `imported`; 0 for null and None. `given` is an integer, an object with
/// `__cuda_stream__`, or a stream of torch or CuPy. Raises TypeError for other kinds, and sharing_error in the name of
/// `protocol` for numbers that no stream has.
std::uintptr_t stream_number(const char* protocol, PyObject* given);

/// Refuses a stream for memory that is not on a CUDA device.
void require_memory_with_streams(const char* protocol, device where);

} // namespace numpy_bridge
