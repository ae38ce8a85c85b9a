/// Copies, where the caller asked for one. NumPy and torch make them; from CUDA devices our kernels do where these cannot.
#pragma once

#include <numpy_bridge/python.hpp>

namespace numpy_bridge {

/// A new, writable ndarray with the values of `x`, in its dtype. Of a tensor the values count, not the bits in memory:
/// negation and conjugation are applied, device memory is fetched, and autograd is left behind. Raises sharing_error if
/// NumPy has no dtype for the values, or `x` has none.
py::object copy_as_array(PyObject* x);

/// A new, C-contiguous ndarray with the values of `x`, in the machine's byte order.
py::object copy_as_native_array(PyObject* x);

/// A new tensor with the values of `x`, in its dtype. A copy of a tensor stays part of its autograd graph, as with
/// `torch.Tensor.clone`. Raises sharing_error if torch has no dtype for the values, or a tensor has lost its memory.
py::object copy_as_tensor(PyObject* x);

} // namespace numpy_bridge
