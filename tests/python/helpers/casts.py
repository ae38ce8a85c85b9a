"""What copy_ with casting="unsafe" makes of numbers, found one by one with Python's own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from support import NUMBERS, dtype_named, ml_dtypes

EXTENSIONS = ("bfloat16", "float8_e4m3fn", "float8_e5m2")
CONVERTIBLE = (*NUMBERS, *(EXTENSIONS if ml_dtypes is not None else ()))
"""The dtypes that are converted to each other."""


def edges(name: str) -> np.ndarray:
    """Limits of every integer, with their neighbours, signs, fractions, and what is no number."""
    dtype = dtype_named(name)
    limits = [s * (2**k) + d for k in (0, 7, 8, 15, 16, 31, 32, 63, 64) for s in (-1, 1) for d in (-1, 0, 1)]
    if dtype.kind in "biu":
        whole = [0, *limits]
        low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        return np.array([v for v in whole if low <= v <= high], dtype)
    fractions = [0.0, -0.0, 0.25, -0.25, 0.99, -0.99, 1.5, -2.5, 1e-30, 1e30, -1e30]
    real = np.array([*fractions, *map(float, limits), math.inf, -math.inf, math.nan])
    with np.errstate(all="ignore"):
        return (real + 1j * real[::-1] if dtype.kind == "c" else real).astype(dtype)


def _truncated(number: float, dtype: np.dtype[Any]) -> int:
    limits = np.iinfo(dtype)
    if math.isnan(number):
        return 0
    if math.isinf(number):
        return int(limits.max if number > 0 else limits.min)
    return min(max(int(number), int(limits.min)), int(limits.max))


def converted(values: np.ndarray, target: str) -> np.ndarray:
    """As NumPy and ml_dtypes convert them, and as is documented where these leave it to the processor."""
    to = dtype_named(target)
    if to.kind == "b" and values.dtype.kind == "c":
        return np.asarray(values != 0)
    if to.kind != "c":
        values = values.real
    if to.kind in "iu" and values.dtype.kind not in "biu":
        return np.array([_truncated(float(v), to) for v in values], to)
    with np.errstate(all="ignore"):
        if target in EXTENSIONS and values.dtype.kind in "iu":
            values = values.astype(np.float32)
        return values.astype(to)


def assert_same(got: np.ndarray, expected: np.ndarray, what: str = "") -> None:
    """Of one dtype, with the same values. NaNs are equal, which NumPy does not know of those of ml_dtypes."""
    assert got.dtype == expected.dtype, what
    if got.dtype.name in EXTENSIONS:
        got, expected = got.astype(np.float32), expected.astype(np.float32)
    np.testing.assert_array_equal(got, expected, what)
