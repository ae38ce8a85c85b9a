"""Every object of the suite, explained one by one; run as a program, which a bad explanation ends.

Imports from `helpers` and `protocols/hostile`. Prints the name of each object before it is
explained, and what is wrong with the explanation.
"""

from __future__ import annotations

import os
import resource
import time
import tracemalloc
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import numpy as np

import hostile_buffer
import hostile_dlpack
import hostile_interfaces
import hostile_structs
import numpy_bridge as bridge
from explained import EVERYTHING, TENSORS
from fake_interfaces import (
    ArrayMethod,
    FakeCudaInterface,
    FakeInterface,
    FakeStruct,
    FreshBytes,
    OldArrayMethod,
    Wandering,
)
from fakes import Exchanging, FakeBuffer, FakeTensor
from producers import PRODUCERS, READONLY_PRODUCERS, Legacy, Versioned
from support import torch

ANOTHER = np.ones(3)
LONGEST, MOST = 0.05, 1 << 20  # seconds, bytes
if "asan" in os.environ.get("LD_PRELOAD", ""):
    LONGEST *= 20  # it makes all memory that is allocated slower
Maker = Callable[[], Any]

HOSTILE: dict[str, tuple[Callable[..., Any], tuple[dict[str, Any], ...]]] = {
    "DLPack": (FakeTensor, (hostile_dlpack.LIES, hostile_dlpack.VERSIONED_LIES, hostile_dlpack.ODD_BUT_TRUE)),
    "exchange API": (Exchanging, (hostile_dlpack.LIES, hostile_dlpack.VERSIONED_TRUTHS)),
    "buffer": (FakeBuffer, (hostile_buffer.LIES, hostile_buffer.ODD_BUT_TRUE)),
    "interface": (FakeInterface, (hostile_interfaces.DICTIONARY, hostile_interfaces.TRUE_DICTIONARIES)),
    "interface of CUDA": (FakeCudaInterface, (hostile_interfaces.CUDA,)),
    "struct": (FakeStruct, (hostile_structs.STRUCT,)),
}


class Sound:
    """Six float32 in DLPack and in the array interface. A subclass replaces one of the two with a lie."""

    def __init__(self) -> None:
        self.memory = np.arange(6, dtype=np.float32)

    @property
    def __array_interface__(self) -> Any:
        return self.memory.__array_interface__

    def __dlpack__(self, **keywords: Any) -> Any:
        return self.memory.__dlpack__(**keywords)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


class OtherwiseSound(Sound):
    """A liar in one protocol, and right in the others."""

    def __init__(self, liar: Any) -> None:
        super().__init__()
        self.liar = liar


class LiesInDlpack(OtherwiseSound):
    def __dlpack__(self, **keywords: Any) -> Any:
        return self.liar.__dlpack__(**keywords)


class LiesInInterface(OtherwiseSound):
    @property
    def __array_interface__(self) -> Any:
        return self.liar.__array_interface__


class LiesInStruct(OtherwiseSound):
    @property
    def __array_struct__(self) -> Any:
        return self.liar.__array_struct__


def claiming(kind: type, base: type = Sound) -> Any:
    """An object whose `__class__` is another than its type."""
    return type("Claims", (base,), {"__class__": property(lambda _: kind)})()


def reversed_dlpack(axes: Any) -> Maker:
    return lambda: Versioned(np.arange(24.0).reshape(4, 6)[axes])


def pointer(device: str, **form: Any) -> Maker:
    block = np.ones(64)
    return lambda: bridge.from_pointer(
        block.ctypes.data,
        form.get("shape", (4,)),
        "f4",
        device=device,
        strides=form.get("strides"),
        owner=block,
    )


DEVICES = [
    *("cuda:0", "cuda:200", "cuda_host:0", "cuda_managed:0", "rocm:0", "rocm_host:0", "metal:0", "opencl:0"),
    *("vulkan:0", "oneapi:0", "vpi:0", "extension:0", "webgpu:0", "hexagon:0", "maia:0", "trainium:0"),
]
KEPT = np.ones(10_000)
OF_THIS_TEST: dict[str, Maker] = {
    **{f"a View on {device}": pointer(device) for device in DEVICES},
    "DLPack reversed": reversed_dlpack(np.s_[::-1]),
    "DLPack reversed along one axis": reversed_dlpack(np.s_[:, ::-1]),
    "legacy DLPack reversed": lambda: Legacy(np.arange(24.0)[::-1]),
    "legacy DLPack misaligned": lambda: Legacy(np.zeros(200, "u1")[1:193].view("f8")),
    "broadcast to 2**60 bytes": pointer("cpu", shape=(2**20,) * 2 + (2**18,), strides=(0, 0, 0)),
    "memoryview of a broadcast": lambda: memoryview(
        pointer("cpu", shape=(2**20,) * 2 + (2**18,), strides=(0, 0, 0))()
    ),
    "memoryview, 4 long rows": lambda: memoryview(np.zeros((4, 100_000), "f4")),
    "memoryview, rows backwards": lambda: memoryview(np.zeros((400, 100), "f4"))[::-1],
    "ndarray, 4 long rows": lambda: np.zeros((4, 100_000)),
    "ndarray, long and empty": lambda: np.zeros((2**40, 0)),
    "DLPack, long and empty": lambda: Versioned(np.zeros((2**40, 0))),
    "DLPack, 4 long rows": lambda: Versioned(np.zeros((4, 100_000))),
    "computed": lambda: ArrayMethod(lambda: np.ones(10_000)),
    "computed, without keywords": lambda: OldArrayMethod(lambda: np.ones(3)),
    "computed once": lambda: ArrayMethod(lambda: KEPT),
    "fresh bytes": FreshBytes,
    "wandering": Wandering,
    "a mock": mock.MagicMock,
    "a dead weak reference": lambda: weakref.proxy(type("Gone", (), {})()),
    "claims to be an array": lambda: claiming(np.ndarray),
    "claims to be a View": lambda: claiming(bridge.View),
    "claims to be bytes": lambda: claiming(bytes),
    "claims to be an array, and has nothing": lambda: claiming(np.ndarray, object),
}
if torch is not None:
    KEPT_TENSOR = torch.zeros(3)
    OF_THIS_TEST |= {
        "a mock of a tensor": lambda: mock.MagicMock(spec=torch.Tensor),
        "claims to be a tensor": lambda: claiming(torch.Tensor),
        "claims to be a tensor, and has nothing": lambda: claiming(torch.Tensor, object),
        "claims to be a storage": lambda: claiming(torch.UntypedStorage),
        "a proxy of a tensor": lambda: weakref.proxy(KEPT_TENSOR),
    }


def hostile() -> Iterator[tuple[str, Maker]]:
    for name, (make, tables) in HOSTILE.items():
        for table in tables:
            for title, row in table.items():
                fields = row[0] if isinstance(row, tuple) and not hasattr(row, "fields") else row.fields
                known = {
                    key: value for key, value in fields.items() if key not in ("first", "offset_of_data")
                }
                yield f"{name}: {title}", lambda make=make, known=known: make(**known)
    for liar, lies, table in (
        (LiesInDlpack, FakeTensor, hostile_dlpack.LIES | hostile_dlpack.VERSIONED_LIES),
        (LiesInInterface, FakeInterface, hostile_interfaces.DICTIONARY),
        (LiesInStruct, FakeStruct, hostile_structs.STRUCT),
    ):
        for title, row in table.items():
            yield f"{liar.__name__}: {title}", lambda liar=liar, lies=lies, row=row: liar(lies(**row.fields))


def objects() -> Iterator[tuple[str, Maker]]:
    for table in (EVERYTHING, TENSORS, PRODUCERS, READONLY_PRODUCERS, OF_THIS_TEST):
        yield from table.items()
    yield from hostile()


def faults(x: Any) -> Iterator[str]:
    """Explain an object, alone and beside another, and tell what that costs too much of."""
    str(bridge.explain(x, ANOTHER))
    start = time.process_time()
    bridge.explain(x)
    taken = time.process_time() - start
    for _ in range(3):  # CPU time, but caches that others use make it longer
        if taken > LONGEST:
            start = time.process_time()
            bridge.explain(x)
            taken = min(taken, time.process_time() - start)
    if taken > LONGEST:
        yield f"{taken * 1000:.0f} ms"
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    str(bridge.explain(x))
    grown = tracemalloc.get_traced_memory()[1] - before
    if grown > MOST:
        yield f"{grown:,} bytes"


def main() -> None:
    warnings.simplefilter("ignore")
    bridge.explain(np.ones(3))  # imports what is imported once
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    count = 0
    for name, make in objects():
        print("explain", name, flush=True)
        for fault in faults(make()):
            print(f"too much: {name}: {fault}", flush=True)
        count += 1
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - resident) // 1024
    print(f"{count} objects, {grown} MiB")


if __name__ == "__main__":
    main()
