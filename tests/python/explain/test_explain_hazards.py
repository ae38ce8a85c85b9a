"""`explain` never ends the process: what may do so is not tried, and what is tried is small."""

from __future__ import annotations

import mmap
import os
import signal
import subprocess
import sys
import threading
import warnings
import weakref
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fake_interfaces import ArrayMethod, FakeInterface
from fakes import FakeTensor
from numpy_bridge.explanation import trial
from numpy_bridge.memory import Memory
from numpy_bridge.memory.readable import is_readable
from producers import Legacy, Versioned
from support import needs_torch, torch


@pytest.mark.timeout(1500)  # under sanitizers it takes minutes
def test_every_object_of_the_suite_in_little_time_and_memory() -> None:
    folders = [str(Path(__file__).parents[1] / folder) for folder in ("helpers", "protocols/hostile")]
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("everything.py"))],
        capture_output=True,
        text=True,
        timeout=1400,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*folders, os.environ.get("PYTHONPATH", "")])},
    )
    *lines, last = done.stdout.splitlines()
    assert done.returncode == 0, f"ended by: {last}\n{done.stderr[-2000:]}"
    assert [line for line in lines if line.startswith("too much")] == []
    assert int(last.split()[0]) > 3000


class Beside(Versioned):
    """Shares an array by the array interface too, whatever its `__dlpack__` hands out."""

    @property
    def __array_interface__(self) -> Any:
        return np.arange(6.0).__array_interface__


class Refusing(Legacy):
    def __dlpack__(self, **_: Any) -> Any:
        raise BufferError("not today")

    @property
    def __array_interface__(self) -> Any:
        return self.memory.__array_interface__


class Claiming(Versioned):
    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return torch.UntypedStorage


def outcomes(x: Any) -> dict[str, str]:
    return {target.call: str(target.outcome) for target in bridge.explain(x).targets}


BLOCK = np.ones(64, np.float32)


def on(device: str) -> bridge.View:
    return bridge.from_pointer(BLOCK.ctypes.data, (4,), "f4", device=device, owner=BLOCK)


READS_DLPACK = ("torch.as_tensor(x)", "torch.tensor(x)", "torch.from_dlpack(x)")


@needs_torch
@pytest.mark.parametrize(
    ("x", "calls", "outcome"),
    [
        (Versioned(np.arange(4.0)[::-1]), READS_DLPACK, "unsafe"),
        (Legacy(np.zeros((2, 3), np.uint8)[:, ::-1]), READS_DLPACK, "unsafe"),
        (Versioned(np.zeros(65, "u1")[1:].view("f8")), READS_DLPACK, "unsafe"),
        (Versioned(np.arange(4.0)), ("torch.from_dlpack(x)", "torch.as_tensor(x)"), "shares"),
        (Beside(BLOCK), ("np.asarray(x)",), "unsafe"),  # describes other memory
        (Refusing(BLOCK), (*READS_DLPACK, "np.from_dlpack(x)"), "untried"),
        (Refusing(BLOCK), ("np.asarray(x)",), "shares"),
        (Claiming(BLOCK), READS_DLPACK, "unsafe"),
        (Claiming(BLOCK), ("np.from_dlpack(x)",), "shares"),
        (np.arange(4.0)[::-1], ("torch.from_dlpack(x)",), "unsafe"),
        (np.arange(4.0)[::-1], ("torch.as_tensor(x)", "torch.from_numpy(x)", "torch.tensor(x)"), "refuses"),
        (np.ones(3, ">f4"), ("torch.from_dlpack(x)", "np.from_dlpack(x)"), "refuses"),
        (FakeInterface(data=(8, False)), ("np.asarray(x)", "memoryview(x)", *READS_DLPACK), "unsafe"),
        (FakeTensor(data=8), ("np.from_dlpack(x)", *READS_DLPACK), "unsafe"),
    ],
)
def test_what_is_fatal_is_not_handed_over(x: Any, calls: tuple[str, ...], outcome: str) -> None:
    found = outcomes(x)
    assert {call: found[call] for call in calls} == dict.fromkeys(calls, outcome)


@needs_torch
def test_an_object_in_place_of_a_tensor() -> None:
    tensor = torch.zeros(3)
    found = outcomes(weakref.proxy(tensor))
    assert {found.get(call, "refuses") for call in READS_DLPACK} <= {"refuses", "unsafe"}


@needs_torch
def test_memory_on_a_device_that_torch_crashes_on() -> None:
    found = outcomes(on("opencl:0"))
    assert {found[call] for call in READS_DLPACK} == {"unsafe"}
    assert found["bridge.to_torch(x)"] == "refuses"


# Large objects


class Counted(Versioned):
    """Counts the elements that are read one by one, as torch reads what it does not know."""

    def __init__(self, memory: Any) -> None:
        super().__init__(memory)
        self.asked: list[Any] = []

    def __len__(self) -> int:
        return len(self.memory)

    def __getitem__(self, index: Any) -> Any:
        self.asked.append(index)
        part = self.memory[index]
        return Counted(part) if isinstance(part, np.ndarray) else part


@pytest.mark.parametrize("shape", [(4, 100_000), (100_000, 4), (100_000,), (2,) * 20, (2**40, 0)])
def test_a_part_is_small_along_every_axis(shape: tuple[int, ...]) -> None:
    x = Counted(np.zeros(shape, np.float32))
    assert outcomes(x)["np.from_dlpack(x)"] == "shares"
    (index,) = x.asked
    part = x.memory[index]
    assert part.ndim == len(shape)
    assert part.nbytes <= 4096


@pytest.mark.parametrize(
    "x",
    [
        memoryview(np.zeros((4, 100_000), np.float32)),
        memoryview(np.zeros((400, 100), np.float32))[::-1],
        memoryview(np.zeros((400, 100), np.float32)).toreadonly(),
    ],
)
def test_memoryviews_that_cannot_be_sliced(x: memoryview) -> None:
    found = outcomes(x)
    shared = "read-only" if x.readonly else "shares"
    assert found["np.asarray(x)"] == found["memoryview(x)"] == shared


# Objects that compute themselves


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize(
    "use",
    [
        bridge.explain,
        lambda x: bridge.explain(x, np.ones(3)),
        lambda x: bridge.explain(np.ones(3), x),
        lambda x: bridge.to_numpy(x, copy=None),
        lambda x: bridge.to_numpy(x, copy=True),
        *([lambda x: bridge.to_torch(x, copy=None)] if torch is not None else []),
    ],
)
def test_a_computed_object_is_asked_as_often_as_view_asks(fresh: bool, use: Any) -> None:
    values = np.ones(3)
    x = ArrayMethod(lambda: np.ones(3) if fresh else values)
    with pytest.raises(bridge.SharingError) if fresh else memoryview(b""):
        bridge.view(x)
    by_view, x.calls = x.calls, 0
    assert by_view == 2
    use(x)
    assert 1 <= x.calls <= by_view


class Computing:
    """Computes its values each time it is asked, by each protocol that it has."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.calls: list[str] = []

    def compute(self, protocol: str) -> np.ndarray:
        self.calls.append(protocol)
        return np.ones(self.size)


class ComputingDLPack(Computing):
    def __dlpack__(self, **keywords: Any) -> object:
        return self.compute("__dlpack__").__dlpack__(**keywords)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


class ComputingInterface(Computing):
    @property
    def __array_interface__(self) -> Any:
        computed = self.compute("__array_interface__")
        return {**computed.__array_interface__, "data": computed}


class ComputingBoth(ComputingDLPack, ComputingInterface):
    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.compute("__array__")


def asked(x: Computing, use: Any) -> Counter[str]:
    x.calls.clear()
    with suppress(bridge.SharingError):
        use(x)
    return Counter(x.calls)


@pytest.mark.parametrize("size", [3, 100_000])
def test_each_protocol_is_asked_as_often_as_view_asks_it(size: int) -> None:
    dlpack, interface, both = ComputingDLPack(size), ComputingInterface(size), ComputingBoth(size)
    for x in (dlpack, interface):
        assert asked(x, bridge.explain) == asked(x, bridge.view) != Counter()
    assert asked(both, bridge.view) == asked(dlpack, bridge.view)
    assert asked(both, bridge.explain) == asked(dlpack, bridge.view) + asked(interface, bridge.view)


class Passing:
    """Passes everything on, so that its class has no protocol."""

    def __getattr__(self, name: str) -> Any:
        return getattr(BLOCK, name)


class Given:
    def __init__(self) -> None:
        self.__dlpack__, self.__dlpack_device__ = BLOCK.__dlpack__, BLOCK.__dlpack_device__


@pytest.mark.parametrize("kind", [Passing, Given])
def test_protocols_that_the_class_does_not_have(kind: type) -> None:
    x = kind()
    assert bridge.shares_memory(bridge.view(x), BLOCK)
    assert outcomes(x)["np.from_dlpack(x)"] == "shares"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_while_another_thread_explains() -> None:
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with trial._of_all_threads:
            held.set()
            done.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(20)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads and forks
        pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        bridge.explain(np.ones(3))
        os._exit(0)
    done.set()
    thread.join()
    assert os.waitpid(pid, 0)[1] == 0


@pytest.mark.parametrize("size", [3, 100_000])
def test_calls_are_tried_on_a_likeness_of_a_computing_object(size: int) -> None:
    assert outcomes(ComputingDLPack(size)) == {
        **outcomes(Versioned(np.ones(size))),
        "np.asarray(x)": "wrong",  # an array of one object, as it cannot be indexed
    }


def test_what_is_said_of_a_computed_object() -> None:
    fresh = bridge.explain(ArrayMethod(lambda: np.ones(3)))
    assert not fresh
    assert [(p.name, p.outcome) for p in fresh.protocols] == [("__array__", "refuses")]
    instead = {target.library: target.instead for target in fresh.targets}
    assert instead["NumPy"] == "bridge.to_numpy(x, copy=None)"
    values = np.ones(3)
    kept = bridge.explain(ArrayMethod(lambda: values))
    assert [(p.name, p.outcome) for p in kept.protocols] == [("__array__", "shares")]
    found = {target.call: target.outcome for target in kept.targets}
    assert found["np.asarray(x)"] == found["bridge.to_numpy(x)"] == "shares"
    assert found["np.from_dlpack(x)"] == "untried"


def test_a_copy_if_needed_is_writable_and_of_its_own() -> None:
    frozen = np.ones(3)
    frozen.flags.writeable = False
    copies = ArrayMethod(lambda: frozen.copy())
    assert bridge.to_numpy(copies, copy=None).flags.writeable
    shared = bridge.to_numpy(ArrayMethod(lambda: frozen), copy=None)
    assert not shared.flags.writeable
    assert np.shares_memory(shared, frozen)


# Memory that cannot be read


def test_memory_that_is_readable() -> None:
    numbers = np.arange(4096, dtype=np.uint8)
    for x in (numbers, numbers[::-1], numbers[:0], numbers[::100], np.broadcast_to(numbers[:2], (2000, 2))):
        assert is_readable(Memory.of(x))


@pytest.mark.parametrize(
    ("address", "shape", "strides"),
    [(8, (4,), (4,)), (2**46, (4,), (4,)), (None, (2, 2), (2**47, 4))],
)
def test_memory_that_is_not(address: int | None, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
    start = BLOCK.ctypes.data if address is None else address
    x = bridge.from_pointer(start, shape, "f4", strides=strides)
    assert not is_readable(Memory.of(x))


def test_a_file_that_was_truncated_while_it_was_mapped(tmp_path: Path) -> None:
    file = tmp_path / "numbers"
    file.write_bytes(bytes(mmap.PAGESIZE))
    numbers = np.memmap(file, np.uint8)
    assert outcomes(numbers)["np.asarray(x)"] == "shares"
    with file.open("r+b") as opened:
        opened.truncate(0)
    assert outcomes(numbers)["np.asarray(x)"] == "unsafe"


def test_a_dead_weak_reference_is_explained() -> None:
    assert not bridge.explain(weakref.proxy(type("Gone", (), {})()))
