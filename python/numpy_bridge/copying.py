"""Copies, where the caller asked for one. NumPy and torch make them, from CUDA devices `copy_`.

Called by `to_numpy`, `to_torch` and `View.__dlpack__`, which share without coming here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from numpy_bridge import _core
from numpy_bridge.errors import SharingError
from numpy_bridge.tensors import is_tensor

if TYPE_CHECKING:
    import torch

_CURED_BY_TORCH = {"device", "is_conj", "is_neg", "requires_grad"}  # refusals that a copy gets round
_NO_MEMORY = {"data", "storage"}  # torch crashes on copying such tensors


def _on_cuda(values: _core.View) -> bool:
    return values.device.startswith(("cuda:", "cuda_managed:"))


def _empty_array(values: _core.View) -> np.ndarray[Any, Any]:
    """Make an array of the shape and dtype of `values`, by way of uninitialised bytes of the host."""
    block = np.empty(values.nbytes, np.uint8)
    return _core.to_numpy(
        _core.from_pointer(block.ctypes.data, values.shape, values.dtype, None, "cpu", block, False)
    )


def numpy_copy(x: Any) -> np.ndarray[Any, Any]:
    """Copy the values of `x` into a new, writable ndarray of the same dtype.

    Of a tensor the values count, not the bits in memory: negation and conjugation are applied,
    device memory is fetched, and autograd is left behind.

    Raises
    ------
    SharingError
        If NumPy has no dtype for the values, or `x` has none (meta and fake tensors).
    """
    if type(x) is np.ndarray:  # which is shared whatever its dtype, too
        return np.array(x)
    try:
        values = _core.values_of(x)
        if not is_tensor(x) and _on_cuda(values):
            return cast("np.ndarray[Any, Any]", _core.copy_(_empty_array(values), values))
        return np.array(_core.to_numpy(values))
    except SharingError as error:
        if not is_tensor(x) or error.field not in _CURED_BY_TORCH:
            raise
    return _core.to_numpy(x.detach().to("cpu", copy=True).resolve_conj().resolve_neg())


def native_copy(x: Any) -> np.ndarray[Any, Any]:
    """Copy the values of `x` into a new C-contiguous ndarray in the machine's byte order."""
    values = _core.values_of(x)
    try:
        array = _core.to_numpy(values)
    except SharingError:  # managed memory, too, while a stream works on it
        if not _on_cuda(values):
            raise
        array = _core.copy_(_empty_array(values), values)
    return array.astype(array.dtype.newbyteorder("="), order="C", copy=True)


def torch_copy(x: Any) -> torch.Tensor:
    """Copy the values of `x` into a new tensor of the same dtype.

    A copy of a tensor stays part of its autograd graph, as `torch.Tensor.clone` has it.

    Raises
    ------
    SharingError
        If torch has no dtype for the values, or a tensor has lost its memory.
    """
    if is_tensor(x):
        try:
            _core.values_of(x)
        except SharingError as error:
            if error.field in _NO_MEMORY:
                raise
        return cast("torch.Tensor", x.clone())
    values = _core.values_of(x)
    try:
        return _core.to_torch(values, allow_readonly=True).clone()
    except SharingError:
        if not _on_cuda(values):
            return _core.to_torch(native_copy(values))
        new = _empty_cuda_tensor(values)
        if new is None:
            raise
    return cast("torch.Tensor", _core.copy_(new, values))


def _empty_cuda_tensor(values: _core.View) -> torch.Tensor | None:
    """Make a tensor like `values`, on the same device; None if torch lacks the dtype or the device."""
    import torch

    name = np.dtype(values.dtype).name if values.dtype.startswith(("<", ">")) else values.dtype
    dtype = getattr(torch, name, None)
    if dtype is None or not torch.cuda.is_available():
        return None
    device = torch.device("cuda", int(values.device.partition(":")[2]))
    return torch.empty(values.shape, dtype=dtype, device=device)
