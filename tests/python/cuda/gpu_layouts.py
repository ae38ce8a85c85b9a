"""Blocks of numbers, and the layouts that each library makes of them by its own indexing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
FLOATS = ("float16", "float32", "float64", "bfloat16")
COMPLEX = ("complex64", "complex128")
ADDABLE = (*INTEGERS, *FLOATS, *COMPLEX)

SHAPES = ((4, 6), (97, 130), (1031, 517))
"""Less than a warp; some blocks with ends that are no multiple of a tile; many."""

LAYOUTS: dict[str, Callable[[Any, tuple[int, int]], Any]] = {
    "0-d": lambda b, _: b[5:6].reshape(()),
    "empty": lambda b, _: b[:0],
    "1-d": lambda b, _: b,
    "offset": lambda b, _: b[1:],
    "c-order": lambda b, shape: b.reshape(shape),
    "transposed": lambda b, shape: b.reshape(shape).T,
    "every-second": lambda b, _: b[1::2],
    "block": lambda b, shape: b.reshape(shape)[1:-1, 1:-1:2],
    "reversed": lambda b, _: b[::-1],
}


def dtype_named(name: str) -> np.dtype[Any]:
    if name == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(name)


def numbers(name: str, shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    """A block of whole numbers, of which every dtype holds the sums of two exactly."""
    drawn = np.random.default_rng(seed).integers(0, 60, shape[0] * shape[1])
    return drawn.astype(dtype_named(name))


def any_bits(name: str, count: int, seed: int = 0) -> np.ndarray:
    """A block of any bits at all: as floats they are NaNs, subnormal and huge as well."""
    dtype = dtype_named(name)
    return np.random.default_rng(seed).integers(0, 256, count * dtype.itemsize, np.uint8).view(dtype)
