"""shares_memory is exact and agrees with NumPy; may_share_memory compares address ranges."""

from __future__ import annotations

import ctypes
import mmap
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import numpy_bridge as bridge
from numpy_bridge import TooHardError, may_share_memory, shares_memory
from producers import (
    Legacy,
    Versioned,
    shared_memory,
)
from strategies import BUFFER, layouts
from support import (
    MAX_NDIM,
    base_array,
    needs_ml_dtypes,
    needs_torch,
    strided,
    torch,
)

# All pairs of kinds, over 64 bytes each: two blocks, and two halves of one block

KINDS: dict[str, Callable[[np.ndarray], Any]] = {
    "ndarray": lambda a: a,
    "subclass": lambda a: a.view(np.recarray).view(np.ndarray),
    "float32": lambda a: a.view("f4"),
    "swapped": lambda a: a.view(">i2"),
    "reversed": lambda a: a[::-1],
    "readonly": lambda a: bridge.to_numpy(bridge.view(a, readonly=True)),
    "memoryview": memoryview,
    "view": bridge.view,
    "view-of-view": lambda a: bridge.view(bridge.view(a)),
    "ctypes": lambda a: (ctypes.c_int16 * (len(a) // 2)).from_buffer(memoryview(a)),
    "legacy": Legacy,
    "versioned": Versioned,
    "from_pointer": lambda a: bridge.from_pointer(a.ctypes.data, a.shape, "u1", owner=a),
    "bfloat16": pytest.param(lambda a: a.view(base_array("bfloat16").dtype), marks=needs_ml_dtypes),
    "tensor": pytest.param(lambda a: bridge.to_torch(a), marks=needs_torch),
    "tensor-2d": pytest.param(lambda a: bridge.to_torch(a).view(2, -1).T, marks=needs_torch),
    "parameter": pytest.param(lambda a: torch.nn.Parameter(bridge.to_torch(a.view("f4"))), marks=needs_torch),
    "conj": pytest.param(lambda a: bridge.to_torch(a.view("c8")).conj(), marks=needs_torch),
    "neg": pytest.param(lambda a: bridge.to_torch(a.view("f8"))._neg_view(), marks=needs_torch),
    "imag": pytest.param(lambda a: bridge.to_torch(a.view("c8")).imag, marks=needs_torch),
}
each_left = pytest.mark.parametrize("left", KINDS.values(), ids=KINDS)
each_right = pytest.mark.parametrize("right", KINDS.values(), ids=KINDS)


@each_left
@each_right
def test_pairs_of_kinds(left: Callable[[Any], Any], right: Callable[[Any], Any]) -> None:
    block, other = np.zeros(64, "u1"), np.zeros(64, "u1")
    a, b = left(block), right(block)
    assert shares_memory(a, b)
    assert shares_memory(b, a)
    assert may_share_memory(a, b)
    assert not shares_memory(a, right(other))
    first, second = left(block[:32]), right(block[32:])
    assert not shares_memory(first, second)
    assert not shares_memory(second, first)
    assert not may_share_memory(first, second)


OWNERS: dict[str, Callable[[], Any]] = {
    "bytes": lambda: bytes(range(64)),
    "bytearray": lambda: bytearray(64),
    "mmap": lambda: mmap.mmap(-1, 64),
    "ctypes": lambda: (ctypes.c_int * 16)(),
    "scalar": lambda: ctypes.c_double(),
}


@pytest.mark.parametrize("make", OWNERS.values(), ids=OWNERS)
def test_owners_of_memory(make: Callable[[], Any]) -> None:
    owner, other = make(), make()
    array = bridge.to_numpy(owner)
    for seen in (owner, array, bridge.view(owner), memoryview(owner)):
        assert shares_memory(seen, owner)
        assert shares_memory(array, seen)
        assert shares_memory(other, seen) == (other is owner)


def test_two_mappings_of_one_file_are_two_addresses() -> None:
    with shared_memory() as block:
        assert shares_memory(block.buf, np.frombuffer(block.buf, "u1"))
        assert not shares_memory(block.buf[:4], block.buf[4:])


# Exact


def columns() -> tuple[Any, Any]:
    matrix = np.zeros((6, 4))
    return matrix[:, 0], matrix[:, 1]


EXACT: dict[str, tuple[Callable[[], tuple[Any, Any]], bool, bool]] = {
    "same": (lambda: (lambda a: (a, a))(np.zeros(4)), True, True),
    "columns": (columns, False, True),
    "even-and-odd": (lambda: (lambda a: (a[::2], a[1::2]))(np.zeros(9)), False, True),
    "even-and-odd-reversed": (lambda: (lambda a: (a[::-2], a[1::2]))(np.zeros(9)), False, True),
    "reversed": (lambda: (lambda a: (a, a[::-1]))(np.zeros(4)), True, True),
    "in-a-gap": (lambda: (lambda a: (a[::4], a[1:4]))(np.zeros(9)), False, True),
    "not-quite-in-a-gap": (lambda: (lambda a: (a[::4], a[1:5]))(np.zeros(9)), True, True),
    "halves": (lambda: (lambda a: (a[:4], a[4:]))(np.zeros(8)), False, False),
    "one-byte": (lambda: (lambda a: (a[:9], a[8:16].view("f8")))(np.zeros(16, "u1")), True, True),
    "adjacent": (lambda: (lambda a: (a[:8], a[8:16].view("f8")))(np.zeros(16, "u1")), False, False),
    "fields": (lambda: (lambda a: (a["f0"], a["f1"]))(np.zeros(5, "i4,f8")), False, True),
    "broadcast": (lambda: (lambda a: (strided(a, (9,), (0,)), a[1:]))(np.zeros(4)), False, False),
    "broadcast-touching": (lambda: (lambda a: (strided(a, (9,), (0,)), a[:1]))(np.zeros(4)), True, True),
    "empty": (lambda: (lambda a: (a, a[:0]))(np.zeros(4)), False, False),
    "empty-2d": (lambda: (lambda a: (a, a.reshape(2, 2)[:, :0]))(np.zeros(4)), False, False),
    "0-d": (lambda: (lambda a: (a, a[1:2].reshape(())))(np.zeros(4)), True, True),
    "blocks": (lambda: (lambda a: (a[:2, :2], a[2:, 2:]))(np.zeros((4, 4))), False, False),
    "blocks-beside": (lambda: (lambda a: (a[:, :2], a[:, 2:]))(np.zeros((4, 4))), False, True),
    "windows": (
        lambda: (lambda a: (strided(a, (3, 4), (8, 8)), a[5:6]))(np.zeros(8)),
        True,
        True,
    ),
    "many-dimensions": (
        lambda: (lambda a: (a.reshape((1,) * (MAX_NDIM - 1) + (8,)), a[7:]))(np.zeros(8)),
        True,
        True,
    ),
}


@pytest.mark.parametrize("name", EXACT)
def test_exact(name: str) -> None:
    make, shares, may = EXACT[name]
    a, b = make()
    for left, right in ((a, b), (b, a), (bridge.view(a), b), (memoryview(a), bridge.view(b))):
        assert shares_memory(left, right) is shares
        assert may_share_memory(left, right) is may
    assert np.shares_memory(a, b) is shares
    a[...], b[...] = 1, 0  # and the proof: does zeroing b reach a?
    assert bool((a == 0).any()) is shares or a.size == 0


@needs_torch
def test_tensors_that_cannot_be_shared_can_be_compared() -> None:
    for tensor in (
        torch.ones(4, requires_grad=True),
        torch.ones(4, requires_grad=True) * 2,
        torch.ones(4)._neg_view(),
        torch.ones(4, dtype=torch.complex64).conj(),
        torch.ones(4, dtype=torch.complex64).conj().imag,
    ):
        assert shares_memory(tensor, tensor[1:2])
        assert shares_memory(tensor, tensor.detach())
        assert not shares_memory(tensor[:2], tensor[2:])
        assert not shares_memory(tensor, tensor.clone())


@needs_torch
def test_comparing_pins_and_holds_nothing() -> None:
    tensor, block = torch.ones(4), bytearray(8)
    assert not shares_memory(tensor, block)
    assert not may_share_memory(tensor, block)
    assert tensor.untyped_storage().resizable()
    tensor.resize_(1000)
    block.extend(b"x")


def test_devices_do_not_mix() -> None:
    host, managed = np.zeros(8, "u1"), "cuda_managed:0"

    def at(device: str) -> bridge.View:
        return bridge.from_pointer(host.ctypes.data, (8,), "u1", device=device)

    for device in ("cuda:0", "rocm:0", "metal:0", "cuda:1"):
        assert not shares_memory(host, at(device))
        assert not may_share_memory(at(device), host)
        assert shares_memory(at(device), at(device))
    assert not shares_memory(at("cuda:0"), at("cuda:1"))
    for device in (managed, "cuda_host:0", "cpu"):
        assert shares_memory(host, at(device))
    assert shares_memory(at(managed), at("cuda:0"))


# Against NumPy and sets of addresses, over views of one buffer with any strides


@settings(max_examples=1500)
@given(layouts(), layouts())
@example(BUFFER[::3], BUFFER[1::3])
@example(BUFFER[::-1], BUFFER[:1])
def test_agrees_with_numpy(a: np.ndarray, b: np.ndarray) -> None:
    expected = np.shares_memory(a, b)
    assert shares_memory(a, b) == expected
    assert shares_memory(bridge.view(b), bridge.view(a)) == expected
    assert may_share_memory(a, b) == np.may_share_memory(a, b)


def addresses(a: np.ndarray) -> set[int]:
    """Every byte of every element: what the exact answer is about."""
    steps = np.zeros(a.shape, np.int64)
    for axis, stride in enumerate(a.strides):
        steps += stride * np.arange(a.shape[axis]).reshape((-1,) + (1,) * (a.ndim - axis - 1))
    return set((a.ctypes.data + steps[..., None] + np.arange(a.itemsize)).ravel().tolist())


@settings(max_examples=500)
@given(layouts(), layouts())
@example(BUFFER[::3], BUFFER[1::3])
def test_agrees_with_sets_of_addresses(a: np.ndarray, b: np.ndarray) -> None:
    mine, others = addresses(a), addresses(b)
    assert shares_memory(a, b) == bool(mine & others)
    both = mine and others and max(mine) >= min(others) and max(others) >= min(mine)
    assert may_share_memory(a, b) == bool(both)


@settings(max_examples=500)
@given(st.data())
def test_agrees_with_numpy_on_long_strides(data: Any) -> None:
    """Few elements far apart, where nothing is decided by bounds or contiguity."""
    block = np.empty(1 << 16, "u1")

    def draw() -> np.ndarray:
        shape = data.draw(st.tuples(*[st.integers(1, 6)] * 3))
        strides = data.draw(st.tuples(*[st.integers(-2000, 2000)] * 3))
        return np.ndarray(shape, data.draw(st.sampled_from(["u1", "f8"])), block, 1 << 15, strides)

    a, b = draw(), draw()
    assert shares_memory(a, b) == np.shares_memory(a, b)


# The limit


def subset_sums(count: int) -> tuple[bridge.View, bridge.View]:
    """All sums of `count` random numbers, and one address that none of them is likely to be."""
    steps = random.Random(0).sample(range(1 << 40, 1 << 41), count)
    many = bridge.from_pointer(1 << 12, (2,) * count, "u1", strides=steps)
    return many, bridge.from_pointer((1 << 12) + sum(steps) // 2, (1,), "u1")


def test_too_hard_is_an_error_of_its_own() -> None:
    many, one = subset_sums(40)
    for a, b in ((many, one), (one, many)):
        with pytest.raises(TooHardError, match="may_share_memory"):
            shares_memory(a, b)
        assert may_share_memory(a, b) is True
    assert issubclass(TooHardError, RuntimeError)


def test_the_same_memory_is_never_too_hard() -> None:
    many, _ = subset_sums(40)
    assert shares_memory(many, many)
    assert shares_memory(bridge.from_pointer(many.ptr, (1,), "u1"), many)


def test_everyday_cases_of_any_size_are_decided() -> None:
    many, _ = subset_sums(40)
    matrix = bridge.from_pointer(1 << 20, (1 << 20, 1 << 10), "f8", strides=(1 << 14, 8))
    beside = bridge.from_pointer((1 << 20) + (1 << 13), (1 << 20, 1 << 10), "f8", strides=(1 << 14, 8))
    assert not shares_memory(matrix, beside)
    assert may_share_memory(matrix, beside)
    block = bridge.from_pointer(1 << 12, (1 << 45,), "u1")
    assert shares_memory(block, many)


# Errors


@pytest.mark.parametrize("function", [shares_memory, may_share_memory])
def test_errors(function: Callable[..., Any]) -> None:
    for wrong in (1, None, "text", [1.0], object()):
        with pytest.raises(TypeError, match="no memory"):
            function(wrong, b"")
        with pytest.raises(TypeError, match="no memory"):
            function(b"", wrong)
    for call in ((), (b"",), (b"", b"", b"")):
        with pytest.raises(TypeError, match=function.__name__):
            function(*call)
    with pytest.raises(TypeError, match="max_work"):
        function(b"", b"", max_work=1)
    assert function(a=b"ab", b=b"") is False
