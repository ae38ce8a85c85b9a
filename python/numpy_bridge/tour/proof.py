"""The aliasing proof: write through each side, read through the other, then compare memory.

Values are written and read with the libraries' own indexing, so the writes are evidence that does not
depend on numpy-bridge; only the exact overlap does.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import numpy_bridge as bridge

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


def _write(via: str, writer: Any, seen_by: str, reader: Any) -> Write:
    # Whole numbers, all different and above everything that was there: an element that arrives twice,
    # in the wrong place or rounded can't pass for the right one.
    old = _values(writer)
    before = _values(reader)
    start = math.ceil(max(0, *old, *before)) + 100
    wrote = tuple(float(start + place) for place in range(len(old)))
    _assign(writer, wrote)
    read = _values(reader)
    _assign(writer, old)
    return Write(via=via, seen_by=seen_by, before=before, wrote=wrote, read=read)


def _side(expression: str, x: Any) -> Side:
    view = bridge.view(x)
    return Side(
        expression=expression,
        library=_library(x),
        address=x.data_ptr() if _is_tensor(x) else np.asarray(x).ctypes.data,
        shape=tuple(view.shape),
        strides=tuple(view.strides),
        dtype=str(view.dtype),
        nbytes=view.nbytes,
        device=str(view.device),
    )


def _values(x: Any) -> tuple[float, ...]:
    array = x.cpu().numpy() if _is_tensor(x) else np.asarray(x)
    return tuple(float(value) for value in array.ravel())


def _assign(x: Any, values: tuple[float, ...]) -> None:
    if _is_tensor(x):
        x.copy_(x.new_tensor(values).reshape(x.shape))
    else:
        array = np.asarray(x)
        array[...] = np.reshape(values, array.shape)


def _library(x: Any) -> str:
    package = type(x).__module__.partition(".")[0]
    return type(x).__name__ if package == "builtins" else package


def _is_tensor(x: Any) -> bool:
    return hasattr(x, "data_ptr")
