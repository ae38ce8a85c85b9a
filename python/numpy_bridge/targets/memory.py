"""Memory that every target can share: its alignment and layout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from numpy_bridge import _core
from numpy_bridge.errors import SharingError
from numpy_bridge.pointer import from_pointer
from numpy_bridge.processes.layout import c_strides
from numpy_bridge.tensors import is_tensor


def aligned(shape: int | Sequence[int], dtype: Any, align: int) -> _core.View:
    """Return a View of new memory in C order whose address is a multiple of `align`."""
    if align < 1 or align & (align - 1):
        raise SharingError("empty", "align", "a power of two", str(align))
    described = from_pointer(align, shape, dtype)  # refuses what cannot be described
    block = np.empty(max(described.nbytes, 1) + align - 1, np.uint8)
    address = block.ctypes.data
    return from_pointer(address + -address % align, described.shape, dtype, owner=block)


def values_of(x: Any) -> _core.View:
    """Return a View to copy from. The values of a conjugated or negated tensor are computed by torch."""
    return _core.values_of(x.detach().resolve_conj().resolve_neg() if is_tensor(x) else x)  # type: ignore[no-any-return]


def is_packed(view: _core.View, *, any_order: bool = False) -> bool:
    """Return whether elements lie in C order without gaps; with `any_order`, in any order of the axes."""
    if view.strides == c_strides(view.shape, view.itemsize):
        return True
    axes = [pair for pair in zip(view.strides, view.shape, strict=True) if pair[1] != 1]
    ordered = sorted(axes, reverse=True) if any_order else axes
    extents = tuple(extent for _, extent in ordered)
    return tuple(stride for stride, _ in ordered) == c_strides(extents, view.itemsize)


def may_be_written(view: _core.View) -> _core.View:
    """Return a View of read-only host memory for a library that never writes and takes no read-only mark."""
    if not view.readonly or view.device != "cpu":
        return view
    return _core.from_pointer(view.ptr, view.shape, view.dtype, view.strides, view.device, view, False)
