"""Whether two objects share memory, decided by addresses, also for objects that no protocol describes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import numpy as np

from numpy_bridge import _core
from numpy_bridge.errors import SharingError

may_share_memory = _core.may_share_memory

Span = tuple[int, int]
"""The first address of a block, and the one after its last."""

_byte_bounds = getattr(np.lib, "array_utils", np).byte_bounds  # NumPy 2 has moved it


class Capsule(NamedTuple):
    """A DLPack capsule before a call consumed it.

    Parameters
    ----------
    address : int
        Of the first element; 0 if the capsule does not say.
    """

    address: int


def before_the_call(x: Any) -> Any:
    """Return `x`, or for a DLPack capsule what remains known of it after the call that consumes it."""
    address = _core.capsule_address(x) if is_capsule(x) else None
    return x if address is None else Capsule(address)


def is_capsule(x: object) -> bool:
    """Whether `x` is a PyCapsule, of DLPack or not."""
    return type(x).__name__ == "PyCapsule"


def share(a: Any, b: Any) -> bool | None:
    """Whether two objects may have a byte in common, by their bounds; None if bounds are unknown."""
    if isinstance(a, Capsule):
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
    """Whether a result uses the buffer of a scalar, which most libraries read as a number."""
    try:
        return may_share_memory(scalar, result)
    except (SharingError, TypeError):
        return False


def block(x: Any, other: Any) -> Span | None:
    """Return the one block of `x`, which was converted from or to `other`; None if it has none."""
    if isinstance(x, np.ndarray):
        return cast("Span", _byte_bounds(x))
    try:
        found = _core.describe(x)
    except (SharingError, TypeError):
        return _of_times(x) if isinstance(other, np.ndarray) and other.dtype.kind in "mM" else None
    return found["low"], found["high"]


def _spans(x: Any, other: Any) -> list[Span]:
    """Return the blocks of `x`; empty if they are unknown."""
    arrow: Any = sys.modules.get("pyarrow")
    if arrow is not None and isinstance(x, arrow.Array | arrow.ChunkedArray):
        return list(_of_arrow(x))
    span = block(x, other)
    return [] if span is None else [span]


def _of_arrow(x: Any) -> Iterator[Span]:
    for chunk in getattr(x, "chunks", [x]):
        for buffer in chunk.buffers():
            if buffer is not None:
                yield buffer.address, buffer.address + buffer.size


def _of_times(x: Any) -> Span | None:
    """Return the block of a series of times, which has only `__array__`: two equal answers are its memory."""
    first, again = np.asarray(x), np.asarray(x)
    return cast("Span", _byte_bounds(first)) if np.may_share_memory(first, again) else None


def _readable(x: Any) -> Any:
    """Return the tensor that a variable of TensorFlow holds now. The variable itself only makes copies."""
    variable: Any = getattr(sys.modules.get("tensorflow"), "Variable", None)
    kind: Any = variable if isinstance(variable, type) else ()
    return x.value() if isinstance(x, kind) else x
