"""What a caller reads when no overload of a C++ function takes an array, and which one does."""

from __future__ import annotations

from types import ModuleType

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
