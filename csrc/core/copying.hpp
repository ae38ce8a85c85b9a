/// Copies that the caller asked for. NumPy and torch make them, or our kernels if these cannot copy from a CUDA
/// device.
#pragma once

#include <numpy_bridge/python.hpp>

namespace numpy_bridge {

/// A new, writable ndarray with the values of `x`, in its dtype. A copy of a tensor has its values:
/// negation and conjugation are applied, device memory is copied to the host, and autograd is detached. Raises
/// sharing_error if NumPy has no dtype for the values, or `x` has none.
py::object copy_as_array(PyObject* x);

/// A new, C-contiguous ndarray with the values of `x`, in the machine's byte order.
py::object copy_as_native_array(PyObject* x);

/// A new tensor with the values of `x`, in its dtype. A copy of a tensor stays part of its autograd graph, as with
/// `torch.Tensor.clone`. Raises sharing_error if torch has no dtype for the values, or a tensor has lost its memory.
py::object copy_as_tensor(PyObject* x);

} // namespace numpy_bridge
