"""The aliasing proof: write through each side, read through the other, then compare memory.

Values are written and read with the libraries' own indexing, so the writes are evidence that does not
depend on numpy-bridge; only the exact overlap does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import numpy_bridge as bridge
from numpy_bridge.libraries import library_of
from numpy_bridge.memory import Memory
from numpy_bridge.sharing import Number, write_through
from numpy_bridge.tensors import is_tensor

from .model import Pair, Proof, Side, Write


def prove(pair: Pair, namespace: dict[str, Any]) -> Proof:
    """Prove that a pair of expressions is one block of memory, or that it is two.

    The memory holds its old values again afterwards.
    """
    first, second = (eval(expression, namespace) for expression in (pair.first, pair.second))
    if first.shape != second.shape:
        raise ValueError(f"{pair.first} and {pair.second} have different shapes")
    return Proof(
        expected=pair.shares,
        first=_side(pair.first, first),
        second=_side(pair.second, second),
        writes=(
            _write(pair.first, first, pair.second, second),
            _write(pair.second, second, pair.first, first),
        ),
        overlap=bridge.shares_memory(first, second),
    )


class _Values:
    """The values of an array or tensor, read and written by its own library."""

    def __init__(self, x: Any) -> None:
        self._x = x

    def read(self) -> tuple[float, ...]:
        array = self._x.cpu().numpy() if is_tensor(self._x) else np.asarray(self._x)
        return tuple(float(value) for value in array.ravel())

    def write(self, values: Sequence[Number]) -> bool:
        if is_tensor(self._x):
            self._x.copy_(self._x.new_tensor(values).reshape(self._x.shape))
        else:
            array = np.asarray(self._x)
            array[...] = np.reshape(values, array.shape)
        return True


def _write(via: str, writer: Any, seen_by: str, reader: Any) -> Write:
    # Whole numbers, all different and above everything that was there: an element that arrives twice,
    # in the wrong place or rounded can't pass for the right one.
    source, result = _Values(writer), _Values(reader)
    old, before = source.read(), result.read()
    start = math.ceil(max(0, *old, *before)) + 100
    found = write_through(source, result, before, [float(start + place) for place in range(len(old))])
    source.write(old)
    return Write(found.before, found.wrote, found.read, via=via, seen_by=seen_by)


def _side(expression: str, x: Any) -> Side:
    address = x.data_ptr() if is_tensor(x) else np.asarray(x).ctypes.data
    return Side(expression, library_of(x), address, Memory.of(x))
