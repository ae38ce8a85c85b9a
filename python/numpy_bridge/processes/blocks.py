"""Making blocks."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from math import prod
from typing import Any

from numpy_bridge import _core
from numpy_bridge.pointer import from_pointer

from . import handle, in_flight, segment


def shared_empty(shape: int | Sequence[int], dtype: Any, align: int, sole_writer: bool) -> _core.SharedBlock:
    extents = tuple(operator.index(n) for n in (shape if isinstance(shape, Iterable) else (shape,)))
    none = from_pointer(0, (0, *(min(n, 0) for n in extents)), dtype)  # refuses what cannot be described
    handle.register()
    in_flight.release()
    memory = segment.create(prod(extents) * none.itemsize, align, sole_writer=sole_writer)
    return memory.block(extents, none.dtype)


def deep_copy(block: _core.SharedBlock) -> _core.SharedBlock:
    new = shared_empty(block.shape, block.dtype, 64, sole_writer=False)
    _core.copy_(new, block)
    return new
