"""What a caller reads when no overload of a C++ function takes an array, and which one does."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

try:
    import torch
except ImportError:
    torch = None

F32 = np.float32


def test_overloads_resolve_on_dtype_ndim_device_and_arity(extension: ModuleType) -> None:
    for name in ("float32", "float64", "int64"):
        assert extension.by_dtype(np.zeros(3, name)) == name
    assert extension.by_ndim(np.zeros(3, F32)) == 1
    assert extension.by_ndim(np.zeros((3, 3), F32)) == 2
    assert extension.by_device(np.zeros(3, F32)) == "cpu"
    assert extension.by_arity(np.zeros(3, F32)) == 1
    assert extension.by_arity(np.zeros(3, F32), np.zeros(3, F32)) == 2


def test_every_overload_says_why(extension: ModuleType) -> None:
    with pytest.raises(TypeError) as caught:
        extension.by_dtype(np.zeros((2, 3), "i2"))
    lines = str(caught.value).splitlines()
    assert lines[0] == "by_dtype(): no overload accepts these arguments:"
    assert [line[:4] for line in lines[1::2]] == ["  1.", "  2.", "  3."]
    for line, name in zip(lines[2::2], ["float32", "float64", "int64"], strict=True):
        assert line == (
            f"     x: expected {name}, CPU; got int16 (2, 3), a numpy.ndarray; call x.astype(np.{name})"
        )


def test_overloads_of_other_arity_do_not_silence_the_reason(extension: ModuleType) -> None:
    with pytest.raises(TypeError, match="x: expected float32, CPU; got float64"):
        extension.by_arity(np.zeros(3))
    with pytest.raises(TypeError, match="y: expected float32, CPU; got float64"):
        extension.by_arity(np.zeros(3, F32), np.zeros(3))


def test_reasons_are_those_of_this_call(extension: ModuleType) -> None:
    for _ in range(2):
        with pytest.raises(TypeError) as caught:
            extension.by_ndim(np.zeros((1, 1, 1), F32))
        assert str(caught.value).count("expected") == 2
        assert extension.by_ndim(np.zeros((1, 1), F32)) == 2


def test_other_overloads_keep_their_turn(extension: ModuleType) -> None:
    """Later overloads that accept the call, even by a conversion, are called."""
    assert extension.or_number(np.zeros(3, F32)) == "array"
    assert extension.or_number(3) == "number"
    assert extension.or_number(np.float32(3)) == "number"
    assert extension.or_list(np.float32(1), np.zeros(3)) == "list"
    assert extension.or_list(np.float32(1), np.zeros(3, F32)) == "array"
    assert extension.or_list(1.0, [1.0, 2.0]) == "list"
    assert extension.or_text("x") == "text"
    assert extension.or_text(np.zeros(3, F32)) == "array"
    with pytest.raises(TypeError, match="x: expected float32, CPU; got float64"):
        extension.or_text(np.zeros(3))
    with pytest.raises(TypeError, match="incompatible function arguments"):
        extension.or_number(np.zeros(3))


class Counted:
    """Six of one dtype, and how often they were asked for."""

    def __init__(self, dtype: str = "i2") -> None:
        self.values = np.zeros(6, dtype)
        self.asked = 0

    def __dlpack__(self, **keywords: Any) -> object:
        self.asked += 1
        return self.values.__dlpack__(**keywords)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


def test_each_overload_asks_once_a_pass(extension: ModuleType) -> None:
    """pybind11 tries all overloads without conversions, then again with. Nobody asks for the wording."""
    x = Counted()
    with pytest.raises(TypeError) as caught:
        extension.by_dtype(x)
    assert str(caught.value).count("got int16 (6,)") == 3
    assert x.asked == 6
    x = Counted("i8")  # the last overload
    assert extension.by_dtype(x) == "int64"
    assert x.asked == 3


def test_reasons_of_overloads_in_the_sixth_position(extension: ModuleType) -> None:
    assert extension.sixfold(*range(5), np.zeros(3, F32)) == "float32"
    assert extension.sixfold(*range(5), np.zeros(3)) == "float64"
    assert extension.sixfold(*range(5), np.zeros(3, "i8")) == extension.sixfold(*range(5), None) == "int64"
    x = Counted()
    with pytest.raises(TypeError) as caught:
        extension.sixfold(*range(5), x)
    lines = str(caught.value).splitlines()
    assert lines[0] == "sixfold(): no overload accepts these arguments:"
    for line, name in zip(lines[2::2], ["float32", "float64", "int64"], strict=True):
        assert line.startswith(f"     arg5: expected {name}, writable, CPU; got int16 (6,)")
    assert x.asked == 6
