"""Dtypes that only NumPy has, and arrays of them."""

from __future__ import annotations

from typing import Any

import numpy as np

RECORD = np.dtype([("x", "f4"), ("id", "i8")])

DTYPES: dict[str, np.dtype[Any]] = {
    "record": RECORD,
    "aligned": np.dtype([("x", "i1"), ("y", "f8")], align=True),
    "nested": np.dtype([("at", [("x", "f4"), ("y", "f4")]), ("n", "u1")]),
    "sub-arrays": np.dtype([("m", "f4", (2, 3)), ("s", "S3", 2)]),
    "titles": np.dtype([(("a title", "x"), "i4"), ("y", ">f8")]),
    "holes": np.dtype({"names": ["b", "a"], "formats": ["i2", "i4"], "offsets": [8, 1], "itemsize": 16}),
    "overlapping": np.dtype({"names": ["all", "low"], "formats": ["u4", "u2"], "offsets": [0, 0]}),
    "recarray": np.dtype((np.record, [("x", "f4")])),
    "bool and half": np.dtype([("p", "?"), ("h", "f2"), ("c", "c8")]),
    "long names": np.dtype([("f" * 300, "i4"), ("ü", "i4")]),
    "times": np.dtype("M8[ns]"),
    "days, swapped": np.dtype(">M8[D]"),
    "25 seconds": np.dtype("m8[25s]"),
    "no unit": np.dtype("M8"),
    "bytes": np.dtype("S5"),
    "text": np.dtype("U3"),
    "text, swapped": np.dtype(">U3"),
    "void": np.dtype("V7"),
    "long double": np.dtype(np.longdouble),
    "long double, swapped": np.dtype(np.longdouble).newbyteorder(),
    "complex long double": np.dtype(np.clongdouble),
    "record of times": np.dtype([("t", "M8[ms]"), ("v", "f8")]),
}


def has_format(array: Any) -> bool:
    """Whether NumPy exports a buffer: not of times, nor of fields that overlap or are out of order."""
    try:
        memoryview(array)
    except ValueError:
        return False
    return True


def filled(dtype: np.dtype[Any], shape: tuple[int, ...] = (4, 3)) -> Any:
    """An array whose bytes count up to 99, so that no element is like its neighbour."""
    count = int(np.prod(shape))
    return np.resize(np.arange(100, dtype="u1"), count * dtype.itemsize).view(dtype).reshape(shape)


def assert_same_values(a: Any, b: Any) -> None:
    """By their text, as NaN and NaT are equal to nothing, and bytes between fields are no values."""
    assert str(a.tolist()) == str(b.tolist())
