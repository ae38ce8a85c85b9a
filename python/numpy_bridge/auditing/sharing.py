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


_MAJOR, _BEFORE_THE_TENSOR, _TO_THE_OFFSET = 1, 32, 40
"""Of DLPack: the version that is known, and bytes of what precedes the tensor and the offset in it."""


class Handed(NamedTuple):
    """A DLPack capsule as it was before somebody took its memory."""

    address: int


def before_the_call(x: Any) -> Any:
    """Return what can still be asked for its memory after the call that takes `x`."""
    if type(x).__name__ != "PyCapsule":
        return x
    is_dlpack = (capsules.name_of(x) or b"").startswith(b"dltensor")
    return Handed(address_in(x)) if is_dlpack else x


def share(a: Any, b: Any) -> bool | None:
    """Whether two objects may have a byte in common, by their bounds; None if one of them cannot tell."""
    if isinstance(a, Handed):
        span = block(b, a)
        return None if span is None else span[0] <= a.address < span[1]
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
    """The address in a DLPack capsule that nobody has taken yet; 0 without one."""
    start, name = capsules.pointer_in(capsule), capsules.name_of(capsule)
    if name == b"dltensor_versioned" and ctypes.c_uint32.from_address(start).value == _MAJOR:
        start += _BEFORE_THE_TENSOR
    elif name != b"dltensor":
        return 0
    address = ctypes.c_void_p.from_address(start).value or 0
    return address + ctypes.c_uint64.from_address(start + _TO_THE_OFFSET).value if address else 0


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
    variable: Any = getattr(sys.modules.get("tensorflow"), "Variable", None)
    kind: Any = variable if isinstance(variable, type) else ()
    return x.value() if isinstance(x, kind) else x
