"""Nothing leaks, nothing is touched that need not be, and threads and the end of Python are survived."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import itertools
import mmap
import sys
import threading
from array import array as numbers
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fakes import FakeTensor, Unversioned, Versioned, capsule_name, read_capsule, rename_capsule
from producers import (
    Legacy,
)
from support import (
    ml_dtypes,
    needs_ml_dtypes,
    needs_torch,
    readonly,
    run_python,
    torch,
)

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


# How to make the object, and what is done with it a hundred thousand times
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
@pytest.mark.parametrize(("make", "convert"), CASES)
def test_a_hundred_thousand_times(make: Callable[[], Any], convert: Callable[[Any], Any]) -> None:
    x = make()
    watched = (
        x,
        None,
        True,
        (),
        int,
        np.dtype("f8"),
        np.dtype("f4"),
        np.dtype("u1"),
        bridge.View,
        np.ndarray,
    )

    def repeat(times: int) -> None:
        for _ in itertools.repeat(None, times):
            convert(x)
        gc.collect()

    repeat(2000)
    references, resident = [sys.getrefcount(each) for each in watched], resident_bytes()
    repeat(100_000)
    grown = [sys.getrefcount(each) - before for each, before in zip(watched, references, strict=True)]
    assert max(map(abs, grown)) < 100
    assert resident_bytes() - resident < 1 << 20  # ten bytes a time


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


# Threads


@pytest.mark.parametrize("kind", [Unversioned, Versioned])
def test_a_deleter_runs_on_a_thread_that_python_does_not_know(kind: Any) -> None:
    """Started by C, and so without the GIL."""
    owner = bytearray(8)
    shared = bridge.view(owner)
    before = sys.getrefcount(shared)
    capsule = shared.__dlpack__(max_version=(1, 0) if kind is Versioned else None)
    managed = read_capsule(capsule)
    used = b"used_" + capsule_name(capsule)  # which the capsule does not keep
    rename_capsule(capsule, used)
    assert sys.getrefcount(shared) == before + 1
    c = ctypes.CDLL(None)
    thread = ctypes.c_ulong()
    start = ctypes.c_void_p(managed.deleter)
    assert c.pthread_create(ctypes.byref(thread), None, start, ctypes.byref(managed)) == 0
    assert c.pthread_join(thread, None) == 0
    assert sys.getrefcount(shared) == before
    del shared
    owner.extend(b"x")


def test_many_threads_share_and_drop() -> None:
    blocks = [bytearray(64) for _ in range(4)]
    array = np.ones(64)
    failures = []

    def work(block: bytearray) -> None:
        try:
            for _ in range(2000):
                shared = bridge.view(block)
                assert bridge.to_numpy(shared).nbytes == 64
                assert bridge.shares_memory(shared, block)
                assert not bridge.shares_memory(array, block)
                np.from_dlpack(bridge.view(array))
        except BaseException as error:
            failures.append(error)

    before = sys.getrefcount(array)
    threads = [threading.Thread(target=work, args=(block,)) for block in blocks * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sys.getrefcount(array) == before
    for block in blocks:
        block.extend(b"x")


@needs_torch
def test_first_use_of_torch_from_many_threads() -> None:
    run_python(
        """
import threading, numpy as np, numpy_bridge as bridge
results = []
def work():
    array = np.zeros(2)
    bridge.to_torch(array)[0] = 5
    results.append(array[0])
threads = [threading.Thread(target=work) for _ in range(8)]
[t.start() for t in threads], [t.join() for t in threads]
assert results == [5.0] * 8, results
"""
    )


# The end of the interpreter

# One process imports everything and forks for every way of leaving things behind. Modules clear their
# names in the order of definition; atexit comes before that, cycles and `sys` after it.
AT_EXIT = """
import atexit, itertools, os, sys
import numpy as np
import numpy_bridge as bridge
{imports}
kinds = {kinds}

class Cycle:
    def __init__(self, made): self.made, self.me = made, self

def as_globals(made, owner_first):
    for name, pair in made.items():
        for i, part in enumerate(pair if owner_first else reversed(pair)):
            globals()[name + str(i)] = part

keep = []
ways = [
    keep.append,
    lambda made: as_globals(made, True),
    lambda made: as_globals(made, False),
    Cycle,
    lambda made: setattr(sys, "kept", made),
    lambda made: atexit.register(made.clear),
]
children = {{}}
for number, way in enumerate(ways):
    child = os.fork()
    children[child] = number
    if child == 0:
        made = {{}}
        for name, (make, share) in kinds.items():
            owner = make()
            made[name] = (owner, share(owner))
        way(made)
        del made, owner
        break
else:
    waited = {{number: os.waitpid(child, 0)[1] for child, number in children.items()}}
    statuses = {{number: os.waitstatus_to_exitcode(status) for number, status in waited.items()}}
    print(len(statuses), set(statuses.values()))
    assert not any(statuses.values()), statuses
"""
KINDS = """{
    "array": (lambda: np.ones(8), bridge.view),
    "bytearray": (lambda: bytearray(8), bridge.to_numpy),
    "capsule": (lambda: bridge.view(b"abc"), lambda v: v.__dlpack__(max_version=(1, 0))),
    "unconsumed": (lambda: bridge.view(bytearray(8)), lambda v: v.__dlpack__()),
    "consumed": (lambda: bridge.view(bytearray(8)), np.from_dlpack),
    "memoryview": (lambda: bridge.view(bytearray(8)), memoryview),
}"""
KINDS_TORCH = """{
    "to_torch": (lambda: np.ones(8), bridge.to_torch),
    "to_torch-bytearray": (lambda: bytearray(8), bridge.to_torch),
    "to_numpy": (lambda: torch.ones(8), bridge.to_numpy),
    "view": (lambda: torch.ones(8), bridge.view),
    "from_dlpack": (lambda: bridge.view(torch.ones(8)), torch.from_dlpack),
}"""


def test_the_interpreter_ends_with_everything_alive() -> None:
    assert run_python(AT_EXIT.format(imports="", kinds=KINDS)) == "6 {0}\n"


@needs_torch
def test_the_interpreter_ends_with_tensors_alive() -> None:
    assert run_python(AT_EXIT.format(imports="import torch", kinds=KINDS_TORCH)) == "6 {0}\n"
