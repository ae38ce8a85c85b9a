/// The CUDA array interface, versions 2 and 3, import and export.
#pragma once

#include <cstdint>

#include <numpy_bridge/imported.hpp>
#include <numpy_bridge/protocols/array_interface.hpp>
#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

/// The stream that the dictionary `x.__cuda_array_interface__` names; 0 if it names none, or cannot be read.
std::uintptr_t stream_named_by(PyObject* x);

/// The same, for `imported::owners_stream`.
inline std::uintptr_t stream_of_interface(PyObject* owner, device) { return stream_named_by(owner); }

} // namespace engine

/// Imports through the dictionary `x.__cuda_array_interface__`. False if `x` has none.
bool import_cuda_array_interface(PyObject* x, const engine::request&, imported& out);

/// Whether the CUDA array interface can describe `m`: a dtype of NumPy's own, on a CUDA device.
bool has_cuda_array_interface(const memory& m);

/// The dictionary, version 3, for memory that passes `has_cuda_array_interface`; consumers wait for `stream`.
py::dict export_cuda_array_interface(const memory& m, std::uintptr_t stream);

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/protocols/cuda_array_interface.cpp"
#endif
