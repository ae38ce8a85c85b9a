"""A library that is known exactly, by one row of functions: tests/extension/cupy_row.cpp."""

from __future__ import annotations

import gc
import re
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge


def new(extension: ModuleType, size: int = 4) -> Any:
    x = extension.ndarray(size)
    assert type(x).__module__ == "cupy"
    return x


def test_its_arrays_are_taken_through_the_row(extension: ModuleType) -> None:
    """They offer no protocol, so a module without the row cannot take them."""
    x = new(extension)
    with pytest.raises(TypeError):
        bridge.view(x)
    for function in (extension.facts, extension.facts_of_shared):
        seen = function(x)
        assert seen["ptr"] == x.ptr
        assert (seen["dtype"], seen["shape"], seen["readonly"]) == ("float32", (4,), False)
    assert extension.writable(x) == 4
    assert extension.optional(x) == extension.by_reference(x) == extension.by_rvalue(x) == 4
    assert extension.cast(x) == 4
    assert extension.by_dtype(x) == "float32"
    assert extension.visit_total(x) == 0
    assert extension.many([x, new(extension)]) == 0


class Meddling:
    """A number whose conversion resizes an array."""

    def __init__(self, x: Any, size: int = 1000) -> None:
        self.x, self.size = x, size

    def __float__(self) -> float:
        self.x.resize(self.size)
        return 0.0


@pytest.mark.parametrize("function", ["then_convert", "optional_then_convert"])
def test_a_resize_by_a_later_argument_is_noticed(extension: ModuleType, function: str) -> None:
    x = new(extension)
    assert getattr(extension, function)(x, 1.0) == 0
    with pytest.raises(TypeError, match="the memory of a borrowed array changed"):
        getattr(extension, function)(x, Meddling(x))
    assert getattr(extension, function)(x, 1.0) == 0


def test_a_share_holds_it_in_place(extension: ModuleType) -> None:
    x = extension.ndarray(4)
    kept = extension.Keeper(x)
    assert kept.source() is x
    with pytest.raises(BufferError, match="cannot resize an array that is shared"):
        x.resize(1000)
    del kept
    gc.collect()
    x.resize(1000)


def test_it_is_pinned_where_the_gil_is_released(extension: ModuleType) -> None:
    x = new(extension)

    def meddle() -> None:
        with pytest.raises(BufferError):
            x.resize(1000)

    assert extension.read_without_gil(x, meddle) == 0
    assert extension.read_under_guard(x, meddle) == 0
    x.resize(1000)


@pytest.mark.parametrize(
    ("function", "remedy"),
    [
        ("vector", "call x.astype(cp.int64)"),
        ("matrix", "assign it first, or the writes are lost: x = x.reshape(...)"),
        ("on_cuda", "call cp.asarray(x)"),
    ],
)
def test_remedies_are_in_its_dialect(extension: ModuleType, function: str, remedy: str) -> None:
    got = "; got float32 (4,), a cupy.ndarray; " + remedy
    with pytest.raises(TypeError, match=re.escape(got) + "$"):
        getattr(extension, function)(new(extension))


def test_the_remedy_for_read_only_memory(extension: ModuleType) -> None:
    x = new(extension)
    x.readonly = True
    with pytest.raises(
        TypeError,
        match=re.escape("read-only, a cupy.ndarray; assign it first, or the writes are lost: x = x.copy()"),
    ):
        extension.writable(x)
    assert extension.float32(x) == 4


def test_results_are_of_its_class(extension: ModuleType) -> None:
    result = extension.like_of_size(new(extension), 5)
    assert type(result) is extension.ndarray
    facts = extension.facts(result)
    assert (facts["shape"], facts["ptr"]) == ((5,), result.ptr)
    assert extension.visit_total(result) == 35
    assert type(extension.like_of_size(np.zeros(1), 5)) is np.ndarray


def test_memory_that_it_cannot_take_is_freed(extension: ModuleType) -> None:
    before = extension.freed()
    with pytest.raises(BufferError, match=r"expected float32 in one dimension, .*\[CuPy\.dtype\]"):
        extension.like(new(extension))  # six float32 in two dimensions
    assert extension.freed() == before + 1
    with pytest.raises(BufferError, match="got float64"):
        extension.double_like(new(extension))
