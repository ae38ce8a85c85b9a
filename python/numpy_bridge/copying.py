"""Copies, where the caller asked for one. NumPy and torch make them.

Called by `to_numpy` and `to_torch`, which share without coming here.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from numpy_bridge import _core
from numpy_bridge.errors import SharingError

if TYPE_CHECKING:
    import torch


def _is_tensor(x: object) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(x, torch.Tensor)


def numpy_copy(x: Any) -> np.ndarray[Any, Any]:
    """Copy the values of `x` into a new, writable ndarray of the same dtype.

    Of a tensor the values count, not the bits in memory: negation and conjugation are applied,
    device memory is fetched, and autograd is left behind.

    Raises
    ------
    SharingError
        If NumPy has no dtype for the values, or `x` has none (meta and fake tensors).
    """
    if _is_tensor(x):
        values = x.detach().to("cpu", copy=True).resolve_conj().resolve_neg()
        return _core.to_numpy(values)
    return np.array(_core.to_numpy(x))


def torch_copy(x: Any) -> torch.Tensor:
    """Copy the values of `x` into a new tensor of the same dtype.

    A copy of a tensor stays part of its autograd graph, as `torch.Tensor.clone` has it.

    Raises
    ------
    SharingError
        If torch has no dtype for the values.
    """
    if _is_tensor(x):
        return cast("torch.Tensor", x.clone())
    try:
        return _core.to_torch(x, allow_readonly=True).clone()
    except SharingError:
        array = _core.to_numpy(x)
        native = array.astype(array.dtype.newbyteorder("="), order="C", copy=True)
        return _core.to_torch(native)
