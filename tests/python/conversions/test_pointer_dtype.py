"""from_pointer: every spelling of a dtype, and what is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge import from_pointer
from support import (
    NUMBERS,
    assert_aliases,
    base_array,
    ml_dtypes,
    needs_ml_dtypes,
    needs_torch,
    refused,
    torch,
)


@pytest.fixture
def block() -> np.ndarray:
    return np.arange(12.0)


SPELLINGS: dict[str, Any] = {
    **{name: pytest.param(name, name, id=name) for name in NUMBERS},
    **{f"np.{name}": pytest.param(np.dtype(name), name, id=f"np.dtype-{name}") for name in NUMBERS},
    **{f"type.{name}": pytest.param(np.dtype(name).type, name, id=f"np.{name}") for name in NUMBERS},
    **{f"str.{name}": pytest.param(np.dtype(name).str, name, id=np.dtype(name).str) for name in NUMBERS},
    "no prefix": pytest.param("f4", "float32", id="f4"),
    "=": pytest.param("=i2", "int16", id="=i2"),
    "swapped typestr": pytest.param(">f8", ">f8", id=">f8"),
    "swapped dtype": pytest.param(np.dtype(">i4"), ">i4", id="np.dtype->i4"),
    "one byte has no order": pytest.param(">u1", "uint8", id=">u1"),
    "float": pytest.param(float, "float64", id="float"),
    "int": pytest.param(int, "int64", id="int"),
    "bool": pytest.param(bool, "bool", id="bool-type"),
    "complex": pytest.param(complex, "complex128", id="complex"),
    "longlong": pytest.param(np.longlong, "int64", id="np.longlong"),
    "intc": pytest.param(np.intc, "int32", id="np.intc"),
    "float8": pytest.param("float8_e4m3fn", "float8_e4m3fn", id="float8_e4m3fn"),
    "complex32": pytest.param("complex32", "complex32", id="complex32"),
}


@pytest.mark.parametrize(("spelling", "name"), SPELLINGS.values())
def test_spellings_of_a_dtype(spelling: Any, name: str, block: np.ndarray) -> None:
    shared = from_pointer(block.ctypes.data, (2,), spelling, owner=block)
    assert shared.dtype == name


@needs_torch
@pytest.mark.parametrize("name", [*NUMBERS, "bfloat16", "float8_e5m2", "complex32"])
def test_dtypes_of_torch(name: str, block: np.ndarray) -> None:
    assert from_pointer(block.ctypes.data, (1,), getattr(torch, name)).dtype == name


@needs_ml_dtypes
@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "float8_e3m4", "float8_e8m0fnu"])
def test_dtypes_of_ml_dtypes(name: str) -> None:
    array = base_array(name)
    for spelling in (getattr(ml_dtypes, name), array.dtype, name):
        assert_aliases(array, from_pointer(array.ctypes.data, (24,), spelling, owner=array))


NO_DTYPES = [
    *(
        "float",
        "f3",
        "f16",
        "i3",
        "u16",
        "",
        "<",
        "M8[s]",
        "V8",
        "S4",
        "O",
        "T",
        "float32 ",
        "FLOAT32",
        "2f4",
    ),
    *(np.dtype(name) for name in ("M8[s]", "V8", "i4,f4", "O", "S4", ">U2")),
]


@pytest.mark.parametrize("dtype", NO_DTYPES, ids=repr)
def test_dtypes_that_cannot_be_shared(dtype: Any, block: np.ndarray) -> None:
    with refused("dtype", "pointer", hint=None):
        from_pointer(block.ctypes.data, (1,), dtype)


@pytest.mark.parametrize("dtype", [None, 5, 1.5, object()], ids=repr)
def test_what_is_no_dtype(dtype: Any, block: np.ndarray) -> None:
    with pytest.raises((TypeError, bridge.SharingError), match="dtype"):
        from_pointer(block.ctypes.data, (1,), dtype)
