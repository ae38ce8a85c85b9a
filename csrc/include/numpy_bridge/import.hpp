/// The one policy that turns any Python object into memory.
#pragma once

#include <string>
#include <vector>

#include <numpy_bridge/libraries/array_method.hpp>
#include <numpy_bridge/libraries/immutable.hpp>
#include <numpy_bridge/libraries/library.hpp>
#include <numpy_bridge/libraries/multiprocessing.hpp>
#include <numpy_bridge/libraries/numpy.hpp>
#include <numpy_bridge/libraries/tensorflow.hpp>
#include <numpy_bridge/libraries/torch_tensor.hpp>
#include <numpy_bridge/protocols/array_interface.hpp>
#include <numpy_bridge/protocols/buffer.hpp>
#include <numpy_bridge/protocols/cuda_array_interface.hpp>
#include <numpy_bridge/protocols/dlpack.hpp>
#include <numpy_bridge/protocols/python_buffer.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

/// One way in which any object can offer memory.
struct protocol {
    const char* name;      ///< as refusals give it
    const char* attribute; ///< the attribute or slot of the object
    /// Fills `out` and returns true, returns false where `x` lacks the attribute, or raises sharing_error.
    bool (*import)(PyObject* x, const request& wanted, imported& out);
};

/// `import_dlpack`, but for tensors that must not be asked.
bool import_dlpack_if_safe(PyObject* x, const request& wanted, imported& out);

/// In order of trust: an exchange table answers exactly, a buffer states read-only and locks its owner, a
/// capsule may do neither, the array interfaces hold nothing in place, and `__array__` often copies.
inline constexpr protocol protocols[] = {
    {"DLPack", "__dlpack_c_exchange_api__", import_exchange_api},
    {"buffer", "buffer", import_buffer},
    {"buffer", "__buffer__", import_python_buffer},
    {"DLPack", "__dlpack__", import_dlpack_if_safe},
    {"__array_struct__", "__array_struct__", import_array_struct},
    {"__array_interface__", "__array_interface__", import_array_interface},
    {"__cuda_array_interface__", "__cuda_array_interface__", import_cuda_array_interface},
    {"multiprocessing", "multiprocessing", import_synchronized},
    {"__array__", "__array__", import_array_method},
    {"buffer", "buffer (bytes only)", import_plain_bytes},
};

/// Tries one protocol. Errors become refusals, except those that are not about the request, such as KeyboardInterrupt.
bool try_protocol(const protocol& with, PyObject* x, const request& wanted, imported& out,
                         std::vector<refusal>& refusals);

} // namespace engine

/// Describes the memory behind `x`, and holds it as `wanted` asks.
///
/// Objects of known libraries are imported by these, all others by the first protocol that succeeds. Raises
/// sharing_error with the reason of every protocol that was tried, or TypeError for objects without any. Needs
/// the GIL.
void import_object(PyObject* x, const request& wanted, imported& out);

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../engine/import.cpp"
#endif
