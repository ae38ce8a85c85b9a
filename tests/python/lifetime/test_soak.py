"""Conversions of every kind, over and over, leave references, objects and memory where they were.

Twenty thousand of each here, `--times=1000000` in `nox -s soak`; and one of a gibibyte, which is not touched.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import itertools
import mmap
import pickle
import sys
from array import array as numbers
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fake_interfaces import FakeCudaInterface, FakeInterface, wrapper
from fakes import Exchanging, FakeBuffer, FakeTensor
from producers import Legacy
from support import ml_dtypes, needs_ml_dtypes, needs_torch, readonly, torch

linux = pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE


def refusal(function: Callable[[Any], Any]) -> Callable[[Any], None]:
    def call(x: Any) -> None:
        with contextlib.suppress(bridge.SharingError, TypeError):
            function(x)

    return call


def pinned() -> Any:
    tensor = torch.ones(8)
    bridge.to_numpy(tensor)
    return tensor


# How to make the object, and what is done with it many times
REPEATED: dict[str, Any] = {
    "view-array": (lambda: np.ones(8), bridge.view),
    "view-bytearray": (lambda: bytearray(8), bridge.view),
    "view-view": (lambda: bridge.view(b"abc"), bridge.view),
    "view-legacy": (lambda: Legacy(np.ones(8)), bridge.view),
    "to_numpy-bytearray": (lambda: bytearray(8), bridge.to_numpy),
    "to_numpy-array.array": (lambda: numbers("d", [1, 2]), bridge.to_numpy),
    "to_numpy-fake-dlpack": (lambda: FakeTensor(), bridge.to_numpy),
    "memoryview": (lambda: bridge.view(b"abc"), memoryview),
    "asarray": (lambda: bridge.view(bytearray(8)), np.asarray),
    "from_dlpack": (lambda: bridge.view(bytearray(8)), np.from_dlpack),
    "capsule-unversioned": (lambda: bridge.view(np.ones(8)), lambda v: v.__dlpack__()),
    "capsule-versioned": (lambda: bridge.view(np.ones(8)), lambda v: v.__dlpack__(max_version=(1, 0))),
    "view-exchange": (lambda: Exchanging(), bridge.view),
    "view-buffer": (lambda: FakeBuffer(), bridge.view),
    "view-dictionary": (lambda: FakeInterface(), bridge.view),
    "view-dictionary-of-bytes": (lambda: FakeInterface(data=bytes(24)), bridge.view),
    "view-cuda": (lambda: FakeCudaInterface(data=(4096, False)), bridge.view),
    "view-array-method": (lambda: wrapper(np.ones(8)), bridge.view),
    "dictionary": (lambda: bridge.view(np.ones(8)), lambda v: v.__array_interface__),
    "structure": (lambda: bridge.view(np.ones(8)), lambda v: v.__array_struct__),
    "from_pointer": (
        lambda: np.ones(8),
        lambda a: bridge.from_pointer(4096, (2, 3), "f4", owner=a, strides=(4, 8)),
    ),
    "shares_memory": (lambda: np.ones(8), lambda a: bridge.shares_memory(a, a)),
    "shares_memory-buffers": (lambda: bytearray(8), lambda b: bridge.shares_memory(b, b)),
    "properties": (
        lambda: bridge.view(np.ones((2, 3))),
        lambda v: (v.shape, v.strides, v.dtype, v.device, v.owner, repr(v)),
    ),
    "equality": (lambda: bridge.view(b"abc"), lambda v: v == b"abc"),
    "refused-dtype": (lambda: np.zeros(2, "M8[s]"), refusal(bridge.view)),
    "refused-fake": (lambda: FakeTensor(version=(2, 0)), refusal(bridge.view)),
    "refused-buffer": (lambda: FakeBuffer(ndim=65), refusal(bridge.view)),
    "refused-dictionary": (lambda: FakeInterface(shape=(-1,)), refusal(bridge.view)),
    "refused-name": (lambda: FakeTensor(name=b"used_dltensor"), refusal(bridge.view)),
    "refused-pickle": (lambda: bridge.view(b"abc"), refusal(pickle.dumps)),
    "refused-type": (lambda: [1], refusal(bridge.view)),
    "refused-request": (
        lambda: bridge.view(b"abc"),
        refusal(lambda v: (ctypes.c_char * 3).from_buffer(v)),
    ),
}
REPEATED_TORCH: dict[str, Any] = {
    "to_torch-array": (lambda: np.ones(8), lambda a: bridge.to_torch(a)),
    "to_torch-bytearray": (lambda: bytearray(8), lambda b: bridge.to_torch(b)),
    "to_torch-readonly": (lambda: readonly(np.ones(8)), lambda a: bridge.to_torch(a, allow_readonly=True)),
    "to_numpy-new-tensor": (lambda: None, lambda _: bridge.to_numpy(torch.ones(8))),
    "to_numpy-pinned-tensor": (pinned, bridge.to_numpy),
    "view-tensor": (lambda: torch.ones(8), bridge.view),
    "view-new-tensor": (lambda: None, lambda _: bridge.view(torch.ones(8))),
    "identity": (lambda: torch.ones(8), lambda t: bridge.to_torch(t)),
    "torch.from_dlpack": (lambda: bridge.view(np.ones(8)), lambda v: torch.from_dlpack(v)),
    "shares_memory-tensor": (lambda: torch.ones(8), lambda t: bridge.shares_memory(t, t)),
    "refused-grad": (lambda: torch.ones(2, requires_grad=True), refusal(bridge.to_numpy)),
    "refused-strides": (lambda: np.ones(8)[::-1], refusal(bridge.to_torch)),
}
CASES = [
    *(pytest.param(*case, id=name) for name, case in REPEATED.items()),
    *(pytest.param(*case, id=name, marks=needs_torch) for name, case in REPEATED_TORCH.items()),
    pytest.param(
        lambda: torch.ones(8, dtype=torch.bfloat16),
        bridge.to_numpy,
        id="to_numpy-bfloat16",
        marks=[needs_torch, needs_ml_dtypes],
    ),
    pytest.param(
        lambda: np.ones(8, ml_dtypes.bfloat16),
        lambda a: bridge.to_torch(a),
        id="to_torch-bfloat16",
        marks=[needs_torch, needs_ml_dtypes],
    ),
]


@linux
@pytest.mark.resident
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("make", "convert"), CASES)
def test_nothing_is_left(make: Callable[[], Any], convert: Callable[[Any], Any], times: int) -> None:
    x = make()
    types = (bridge.View, np.ndarray, *map(np.dtype, ("f8", "f4", "u1")))
    watched = (x, None, True, (), int, *types)

    def repeat(count: int) -> None:
        for _ in itertools.repeat(None, count):
            convert(x)
        gc.collect()

    repeat(2000)
    references, resident = [sys.getrefcount(each) for each in watched], resident_bytes()
    objects = sys.getallocatedblocks()
    repeat(times)
    grown = [sys.getrefcount(each) - before for each, before in zip(watched, references, strict=True)]
    assert max(map(abs, grown)) < 100
    assert sys.getallocatedblocks() - objects < 1000
    assert resident_bytes() - resident < max(1 << 19, times)  # less than any object takes, each time


# Size does not matter

GIB = 1 << 30
LARGE: dict[str, Any] = {
    "ndarray": lambda: np.empty(GIB, "u1"),
    "strided": lambda: np.empty(GIB, "u1")[::4096],
    "mmap": lambda: mmap.mmap(-1, GIB),
    "view": lambda: bridge.view(mmap.mmap(-1, GIB)),
    "tensor": pytest.param(lambda: torch.empty(GIB, dtype=torch.uint8), marks=needs_torch),
    "bfloat16": pytest.param(
        lambda: torch.empty(GIB // 2, dtype=torch.bfloat16), marks=[needs_torch, needs_ml_dtypes]
    ),
}


@linux
@pytest.mark.resident
@pytest.mark.parametrize("make", LARGE.values(), ids=LARGE)
def test_a_gibibyte_is_not_touched(make: Callable[[], Any]) -> None:
    conversions = [
        lambda x: bridge.view(x),
        lambda x: bridge.to_numpy(x),
        lambda x: np.asarray(bridge.view(x)),
        lambda x: memoryview(bridge.view(bridge.to_numpy(x).view("u1"))),
        lambda x: np.from_dlpack(bridge.view(bridge.to_numpy(x).view("u1"))),
        lambda x: bridge.shares_memory(x, x),
    ]
    if torch is not None:
        conversions += [lambda x: bridge.to_torch(x), lambda x: torch.from_dlpack(bridge.view(x))]
    x = make()
    before = resident_bytes()
    held = [convert(x) for convert in conversions]
    assert resident_bytes() - before < 16 << 20
    np.asarray(held[1]).reshape(-1).view("u1")[-1] = 77  # and it is the memory
    assert np.asarray(held[2]).reshape(-1).view("u1")[-1] == 77
