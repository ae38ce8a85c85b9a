"""Memory as bytes with a description: shape, byte strides, dtype, and the position of the first element."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from numpy_bridge import _core
from numpy_bridge.errors import SharingError


def bounds(shape: Sequence[int], strides: Sequence[int], itemsize: int) -> tuple[int, int]:
    """Return the bytes that elements touch, relative to the first element; (0, 0) if there are none."""
    if 0 in shape:
        return 0, 0
    low, high = 0, itemsize
    for extent, stride in zip(shape, strides, strict=True):
        reach = stride * (extent - 1)
        if reach < 0:
            low += reach
        else:
            high += reach
    return low, high


def has_gaps(shape: Sequence[int], strides: Sequence[int], itemsize: int) -> bool:
    """Return True if elements do not overlap and there are unused bytes between them.

    False also for the few layouts where it takes a search to find out whether they overlap.
    """
    gaps = False
    reach = itemsize
    for stride, extent in sorted((abs(s), n) for s, n in zip(strides, shape, strict=True) if s and n > 1):
        if stride < reach:
            return False
        gaps = gaps or stride > reach
        reach += stride * (extent - 1)
    return gaps


def c_strides(shape: Sequence[int], itemsize: int) -> tuple[int, ...]:
    """Return byte strides in C order."""
    strides = []
    step = itemsize
    for extent in reversed(shape):
        strides.append(step)
        step *= extent
    return tuple(reversed(strides))


class Elements:
    """Where the elements of a View are.

    Parameters
    ----------
    low, high : int
        The addresses between which they lie; equal if there are none.
    first : int
        The address of the first one.
    strides : tuple of int or None
        Their byte strides; None in C order.
    has_gaps : bool
        Whether bytes between them are not theirs, so that they are copied together.
    """

    __slots__ = ("first", "has_gaps", "high", "itemsize", "low", "strides")

    def __init__(self, view: _core.View) -> None:
        shape, strides, itemsize = view.shape, view.strides, view.itemsize
        self.first = self.low = view.ptr
        self.itemsize = itemsize
        self.has_gaps = False
        self.strides: tuple[int, ...] | None = None
        if strides == c_strides(shape, itemsize):
            self.high = self.low + view.nbytes
            return
        below, above = bounds(shape, strides, itemsize)
        self.low, self.high = self.first + below, self.first + above
        self.strides = strides
        self.has_gaps = has_gaps(shape, strides, itemsize)


def bytes_of(view: _core.View) -> memoryview:
    """Return the bytes between the first and the last element of a View, in the order of their addresses."""
    elements = Elements(view)
    nbytes = elements.high - elements.low
    flat: Any = _core.from_pointer(elements.low, (nbytes,), "uint8", None, "cpu", view, True)
    return memoryview(flat)


def _allocate(nbytes: int) -> _core.View:
    return _core.view(np.empty(nbytes, np.uint8))


def pack(
    view: _core.View, allocate: Callable[[int], _core.View] = _allocate
) -> tuple[_core.View, tuple[int, ...]]:
    """Copy the elements of a View together, in the order that they have in memory.

    Parameters
    ----------
    view : View
    allocate : callable, optional
        Returns memory for so many bytes.

    Returns
    -------
    View
        The bytes of the copy.
    tuple of int
        The strides of the elements in it. An axis that repeats its elements still does.
    """
    strides = list(view.strides)
    step = view.itemsize
    for axis in sorted(range(view.ndim), key=lambda axis: (abs(strides[axis]), -axis)):
        if strides[axis]:
            strides[axis] = step
            step *= view.shape[axis]
    block = allocate(step)
    once = [extent if stride else 1 for extent, stride in zip(view.shape, view.strides, strict=True)]
    source = _core.from_pointer(view.ptr, once, view.dtype, view.strides, "cpu", view, True)
    target = _core.from_pointer(block.ptr, once, view.dtype, strides, "cpu", block, False)
    _core.copy_(target, source)
    return block, tuple(strides)


def view_within(
    block: _core.View, offset: Any, dtype: Any, shape: Any, strides: Any, readonly: bool
) -> _core.View:
    """Return a View of elements in `block`, which is bytes.

    Nothing about the description is taken for granted: it comes from another process.

    Raises
    ------
    SharingError
        If the description is impossible, or of bytes outside the block.
    """
    try:
        view = _core.from_pointer(
            block.ptr + offset, shape, dtype, strides, "cpu", block, readonly or block.readonly
        )
        low, high = bounds(view.shape, view.strides, view.itemsize)
        outside = offset + low < 0 or offset + high > block.nbytes
    except SharingError as refusal:
        raise SharingError("unpickle", *refusal.args[1:]) from None
    except (TypeError, OverflowError):
        raise SharingError(
            "unpickle",
            "metadata",
            "offset, dtype, shape and strides",
            f"{(offset, dtype, shape, strides)!r:.200}",
        ) from None
    if outside:
        raise SharingError(
            "unpickle",
            "shape",
            f"elements within the {block.nbytes:,} bytes that arrived",
            f"bytes {offset + low:,} to {offset + high:,}",
            "the message is damaged, or its buffers are incomplete or in another order",
        )
    return view
