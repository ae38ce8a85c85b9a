"""View as a Python object: hash and equality like memoryview, references, garbage collection."""

from __future__ import annotations

import gc
import sys
import weakref
from array import array as numbers
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge import view
from producers import (
    PRODUCERS,
    READONLY_PRODUCERS,
    Versioned,
)
from support import (
    base_array,
    needs_ml_dtypes,
    needs_torch,
    readonly,
    run_python,
    torch,
)

# Hash and equality, like memoryview


HASHABLE: dict[str, Callable[[], Any]] = {
    "empty": lambda: b"",
    "short": lambda: b"abc",
    "long": lambda: bytes(1000),
    "strided": lambda: memoryview(b"abcdef")[::2],
    "backwards": lambda: memoryview(b"abcdef")[::-1],
    "2-d": lambda: memoryview(b"abcdef").cast("B", (2, 3)),
    "signed": lambda: memoryview(b"abcdef").cast("b"),
}


@pytest.mark.parametrize("make", HASHABLE.values(), ids=HASHABLE)
def test_hash_is_that_of_memoryview(make: Callable[[], Any]) -> None:
    data = make()
    values = memoryview(data).tobytes()
    assert hash(view(data)) == hash(memoryview(data)) == hash(values)
    assert hash(view(view(data))) == hash(values)
    assert {view(data): 1}[view(data)] == 1


UNHASHABLE: dict[str, Any] = {
    "writable": lambda: bytearray(b"abc"),
    "read-only view of what others can write": lambda: memoryview(bytearray(b"abc")).toreadonly(),
    "array": lambda: readonly(np.ones(2, "u1")),
    "int16": lambda: memoryview(b"abcd").cast("h"),
    "float64": lambda: readonly(np.ones(2)),
}


@pytest.mark.parametrize("make", UNHASHABLE.values(), ids=UNHASHABLE)
def test_what_memoryview_does_not_hash(make: Callable[[], Any]) -> None:
    data = make()
    for wrap in (memoryview, view, lambda x: view(view(x))):
        with pytest.raises((TypeError, ValueError), match="hash"):
            hash(wrap(data))


def test_a_readonly_view_of_writable_memory_has_no_hash() -> None:
    block = bytearray(b"abc")
    guarded = view(block, readonly=True)
    with pytest.raises((TypeError, ValueError), match="hash"):
        hash(guarded)


@needs_ml_dtypes
def test_formats_that_memoryview_cannot_read_have_no_hash() -> None:
    with pytest.raises((TypeError, ValueError), match="hash"):
        hash(view(base_array("bfloat16"), readonly=True))


EQUALS: dict[str, tuple[Callable[[], Any], Callable[[], Any], bool]] = {
    "bytes": (lambda: b"abc", lambda: b"abc", True),
    "bytes and bytearray": (lambda: b"abc", lambda: bytearray(b"abc"), True),
    "other bytes": (lambda: b"abc", lambda: b"abd", False),
    "other length": (lambda: b"abc", lambda: b"abcd", False),
    "other dtype, same values": (lambda: numbers("i", [1, 2]), lambda: numbers("d", [1, 2]), True),
    "other shape": (lambda: np.zeros((2, 3)), lambda: np.zeros((3, 2)), False),
    "strided": (lambda: np.arange(6)[::2], lambda: np.array([0, 2, 4]), True),
    "byte order": (lambda: np.ones(2, "<i4"), lambda: np.ones(2, ">i4"), True),
    "not a number": (lambda: np.array([np.nan]), lambda: np.array([np.nan]), False),
    "0-d": (lambda: np.array(1.0), lambda: np.array(1.0), True),
    "empty": (lambda: np.zeros(0), lambda: np.zeros(0), True),
}


@pytest.mark.parametrize("wrap", [view, memoryview, lambda x: x], ids=["view", "memoryview", "itself"])
@pytest.mark.parametrize("name", EQUALS)
def test_equality_is_that_of_memoryview(name: str, wrap: Callable[[Any], Any]) -> None:
    left, right, equal = EQUALS[name]
    assert (memoryview(left()) == memoryview(right())) is equal
    assert (view(left()) == wrap(right())) is equal
    assert (view(left()) != wrap(right())) is not equal
    if wrap is memoryview:
        assert (memoryview(left()) == view(right())) is equal


@pytest.mark.parametrize("other", [1, "abc", None, object(), [97]], ids=lambda x: type(x).__name__)
def test_not_equal_to_what_is_no_memory(other: object) -> None:
    shared = view(b"a")
    assert (shared == other) is False
    assert (shared != other) is True
    with pytest.raises(TypeError, match="<"):
        shared < other  # noqa: B015


@needs_ml_dtypes
def test_formats_that_memoryview_cannot_read_compare_by_identity() -> None:
    shared, again = view(base_array("bfloat16")), view(base_array("bfloat16"))
    assert (shared == shared) is True
    assert (shared == again) is False
    assert (shared == b"a") is False


# Garbage collection and references


class Bytes(bytearray):
    """A bytearray with attributes."""


class Array(np.ndarray):
    """An array with attributes."""


CYCLES: dict[str, Any] = {
    "bytearray": lambda: Bytes(8),
    "ndarray": lambda: np.ones(8).view(Array),
    "ndarray-slice": lambda: np.ones(8).view(Array)[2:],
    "dlpack": lambda: Versioned(np.ones(8)),
    "tensor": pytest.param(lambda: torch.ones(8), marks=needs_torch),
    "tensor-subclass": pytest.param(
        lambda: torch.ones(8).as_subclass(type("Sub", (torch.Tensor,), {})), marks=needs_torch
    ),
}


@pytest.mark.parametrize(
    "through", [view, lambda x: view(view(x)), lambda x: [view(x)]], ids=["view", "view-of-view", "list"]
)
@pytest.mark.parametrize("make", CYCLES.values(), ids=CYCLES)
def test_a_cycle_is_collected(make: Callable[[], Any], through: Callable[[Any], Any]) -> None:
    owner = make()
    owner.attribute = through(owner)
    seen = weakref.ref(owner)
    del owner
    gc.collect()
    assert seen() is None


CYCLE_OF_MEMORYVIEW = """
import gc, sys
import numpy as np
from numpy_bridge import view

class Holder: pass

owner = bytearray(b"abcd")
gc.disable()
for _ in range(3):
    exporter = memoryview(owner)  # tracked first, so it would be cleared first
    holder = Holder()
    holder.itself, holder.exporter = holder, exporter
    holder.shared = eval(sys.argv[1])
    del holder, exporter
    gc.collect()
"""


@pytest.mark.parametrize(
    "shared", ["view(exporter)", "view(view(exporter))", "view(np.frombuffer(exporter, np.uint8))"]
)
def test_collection_of_a_cycle_with_a_memoryview_does_not_crash(shared: str) -> None:
    run_python(CYCLE_OF_MEMORYVIEW, shared)


def test_a_cycle_through_from_pointer_is_collected() -> None:
    owner = Array((8,))
    owner.attribute = bridge.from_pointer(owner.ctypes.data, (8,), "f8", owner=owner)
    seen = weakref.ref(owner)
    del owner
    gc.collect()
    assert seen() is None


def test_collection_leaves_a_used_cycle_alone() -> None:
    owner = Bytes(b"abcd")
    owner.attribute = view(owner)
    array = np.asarray(owner.attribute)
    seen = weakref.ref(owner)
    del owner
    gc.collect()
    array[0] = 7
    assert seen()[0] == 7


def test_weak_references_and_tracking() -> None:
    shared = view(b"abc")
    seen = weakref.ref(shared)
    assert gc.is_tracked(shared)
    assert seen() is shared
    del shared
    assert seen() is None


@pytest.mark.parametrize("name", {**PRODUCERS, **READONLY_PRODUCERS})
def test_a_view_gives_back_every_reference(name: str) -> None:
    producer = {**PRODUCERS, **READONLY_PRODUCERS}[name]()
    before = sys.getrefcount(producer)
    shared = [view(producer) for _ in range(10)]
    assert sys.getrefcount(producer) >= before + 10
    del shared
    assert sys.getrefcount(producer) == before
