"""Whether two objects share memory, also those that no protocol describes: where is it?"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import numpy as np

from numpy_bridge import _core, capsules
from numpy_bridge.errors import SharingError

may_share_memory = _core.may_share_memory

Span = tuple[int, int]
"""The first address of a block, and the one behind its last."""

_byte_bounds = getattr(np.lib, "array_utils", np).byte_bounds  # NumPy 2 has moved it


class Handed(NamedTuple):
    """A DLPack capsule as it was before somebody took its memory."""

    address: int


def before_the_call(x: Any) -> Any:
    """Return what can still be asked for its memory after the call that takes `x`."""
    return Handed(address_in(x)) if type(x).__name__ == "PyCapsule" else x


def share(a: Any, b: Any) -> bool | None:
    """Whether two objects may have a byte in common, by their bounds; None if one of them cannot tell."""
    if isinstance(a, Handed):
        return any(low <= a.address < high for low, high in _spans(b, a))
    a, b = _readable(a), _readable(b)
    try:
        return may_share_memory(a, b)
    except SharingError:
        pass
    of_a, of_b = _spans(a, b), _spans(b, a)
    if not (of_a and of_b):
        return None
    return any(low < end and start < high for low, high in of_a for start, end in of_b)


def scalar_shares(scalar: Any, result: Any) -> bool:
    """Whether somebody has taken the buffer of a scalar, which most take for a number."""
    try:
        return may_share_memory(scalar, result)
    except (SharingError, TypeError):
        return False


def block(x: Any, other: Any) -> Span | None:
    """Where the one block of `x` is, which was converted from or to `other`; None if it has none."""
    if isinstance(x, np.ndarray):
        return cast("Span", _byte_bounds(x))
    try:
        found = _core.describe(x)
    except (SharingError, TypeError):
        return _of_times(x) if isinstance(other, np.ndarray) and other.dtype.kind in "mM" else None
    return found["low"], found["high"]


def _spans(x: Any, other: Any) -> list[Span]:
    """Where the memory of `x` is, in one block or in several; empty if it cannot tell."""
    arrow: Any = sys.modules.get("pyarrow")
    if arrow is not None and isinstance(x, arrow.Array | arrow.ChunkedArray):
        return list(_of_arrow(x))
    span = block(x, other)
    return [] if span is None else [span]


def address_in(capsule: Any) -> int:
    """The address in a capsule that nobody has taken yet, where DLPack puts it; 0 without one."""
    start = capsules.pointer_in(capsule)
    if not start:
        return 0
    versioned = capsules.name_of(capsule) == b"dltensor_versioned"
    before = 32 if versioned else 0  # version, context, deleter, flags
    return ctypes.c_void_p.from_address(start + before).value or 0


def _of_arrow(x: Any) -> Iterator[Span]:
    for chunk in getattr(x, "chunks", [x]):
        for buffer in chunk.buffers():
            if buffer is not None:
                yield buffer.address, buffer.address + buffer.size


def _of_times(x: Any) -> Span | None:
    """Of a series of times, which no protocol carries but `__array__`: two answers alike are its memory."""
    first, again = np.asarray(x), np.asarray(x)
    return cast("Span", _byte_bounds(first)) if np.may_share_memory(first, again) else None


def _readable(x: Any) -> Any:
    """The tensor that a variable of TensorFlow holds now. The variable itself only makes copies."""
    variable = getattr(sys.modules.get("tensorflow"), "Variable", ())
    return x.value() if isinstance(x, variable) else x
