"""How many CUDA calls an operation makes, as docs/cuda.md has it, and what is set up once."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from numpy_bridge import View, add_, copy_, from_pointer
from repository import ROOT
from simulated import OnStream, Simulation
from support import run_python

GUIDE = (ROOT / "docs/cuda.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| (.+?) \| (\d+: .+?) \|$", GUIDE, re.MULTILINE))
"""Operations, and "2: `cuCtxGetDevice` `launch`"."""

Pair = tuple[np.ndarray, np.ndarray]
OPERATIONS: dict[str, list[Callable[[Pair], object]]] = {
    "`add_(x, 1)`, or both operands on one stream": [
        lambda p: add_(OnStream(p[0], 5), 1),
        lambda p: add_(OnStream(p[0], 5), OnStream(p[1], 5)),
        lambda p: copy_(OnStream(p[0][::2], 5), OnStream(p[1][::2], 5)),
    ],
    "operands on two streams": [
        lambda p: add_(OnStream(p[0], 5), OnStream(p[1], 6)),
        lambda p: copy_(OnStream(p[0].T, 5), OnStream(p[1], 6)),
    ],
    "one of them without a stream, whose memory is kept": [
        lambda p: add_(OnStream(p[0], 5), OnStream(p[1], None)),
        lambda p: add_(OnStream(p[0], None), OnStream(p[1], 5)),
    ],
    "the same on the legacy default stream": [
        lambda p: add_(OnStream(p[0], 1), OnStream(p[1], None)),
    ],
    "operands that overlap": [
        lambda p: add_(OnStream(p[0][1:], 5), OnStream(p[0][:-1, ::-1], 5)),
    ],
    "`copy_` to or from the host": [
        lambda p: copy_(OnStream(p[0], 5), np.ones((20, 20))),
        lambda p: copy_(np.ones((20, 20)), OnStream(p[0], 5)),
    ],
    "the same with `non_blocking=True` and pinned memory, which is kept": [
        lambda p: copy_(OnStream(p[0], 5), pinned(p[1]), non_blocking=True),
        lambda p: copy_(pinned(p[1]), OnStream(p[0], 5), non_blocking=True),
    ],
}


def two(cuda: Simulation, second: str = "cuda:0") -> Pair:
    return cuda.block(np.ones((20, 20))), cuda.block(np.ones((20, 20)), second)


def pinned(block: np.ndarray) -> View:
    return from_pointer(block.ctypes.data, block.shape, "f8", device="cpu", owner=block)


@pytest.mark.parametrize("row", OPERATIONS)
def test_calls_of_an_operation(cuda: Simulation, row: str) -> None:
    """Once the device is set up and earlier work is done, in a thread that uses the device."""
    number, _, named = ROWS[row].partition(": ")
    expected = re.findall(r"`(\w+)`", named)
    assert len(expected) == int(number)
    cuda.runtime.set_device(0)
    for operation in OPERATIONS[row]:
        second = "cuda_host:0" if "pinned" in row else "cuda:0"
        for _ in range(2):  # the first one's event is in use until the second one looks
            operation(two(cuda, second))
            cuda.run()
        pair = two(cuda, second)
        cuda.calls()
        operation(pair)
        assert cuda.calls() == expected


def test_aims() -> None:
    numbers = [int(words.partition(":")[0]) for words in ROWS.values()]
    assert len(numbers) == len(OPERATIONS)
    assert numbers[0] <= 3
    assert numbers[1] <= 8


def test_a_thread_that_does_not_use_the_device(cuda: Simulation) -> None:
    """Its context is set and restored: three calls more."""
    add_(OnStream(two(cuda)[0], 5), 1)
    x, _ = two(cuda)
    cuda.calls()
    add_(OnStream(x, 5), 1)
    assert cuda.calls() == ["cuCtxGetDevice", "cuCtxGetCurrent", "cudaSetDevice", "launch", "cuCtxSetCurrent"]


def test_events_are_made_once(cuda: Simulation) -> None:
    x, y = two(cuda)
    add_(OnStream(x, 5), OnStream(y, 6))
    cuda.calls()
    for _ in range(20):
        add_(OnStream(x, 5), OnStream(y, 6))
    counted = Counter(cuda.calls())
    assert counted["cudaEventRecord"] == 40
    assert not counted.keys() & {"cudaEventCreateWithFlags", "cudaEventDestroy"}


FIRST_USE = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import simulated
simulated.without_torch()
cuda = simulated.install(Path(sys.argv[1]))
import numpy as np
from numpy_bridge import CudaError, SharingError, add_, copy_
from simulated import OnStream

x, far = cuda.block(np.zeros(8)), cuda.block(np.zeros(8), "cuda:1")
def use():
    add_(OnStream(x[1:], 5), OnStream(x[:-1], 5))
    copy_(OnStream(far[::2], 15), OnStream(x[::2], 5))
"""


def first_use(code: str) -> list[str]:
    """What a process prints that uses devices for the first time."""
    folder = Path(str(sys.modules["numpy_bridge._cuda"].__file__)).parent
    return run_python(FIRST_USE + code, str(folder), str(Path(__file__).parent)).splitlines()


def test_what_is_set_up_at_the_first_use_of_a_device(cuda: Simulation) -> None:
    """Modules, pools of memory and access to each other's: once, and a capture of others goes on."""
    lines = first_use(
        """
graph = cuda.runtime.begin_capture((0, 6), True)
for _ in range(2):
    use()
    print(*cuda.calls())
print(cuda.runtime.end_capture(graph))
"""
    )
    first, second = (Counter(line.split()) for line in lines[:2])
    once = {
        "cudaGetDriverEntryPointByVersion": 3,
        "cudaFuncGetAttributes": 4,
        "cudaMemPoolCreate": 2,
        "cudaMemPoolSetAttribute": 2,
        "cudaDeviceCanAccessPeer": 2,
        "cudaDeviceEnablePeerAccess": 2,
        "cudaEventCreateWithFlags": 2,
    }
    assert {name: first[name] for name in once} == once
    assert not second.keys() & once.keys()
    assert lines[2] == "True"


def test_a_failure_while_setting_up_is_not_final(cuda: Simulation) -> None:
    """What the operation needs is reported, and tried again at the next use."""
    lines = first_use(
        """
for calls in (
    "cudaGetDeviceCount", "cudaGetDriverEntryPointByVersion", "cudaFuncGetAttributes cudaMemPoolCreate",
    "cudaMemPoolSetAttribute cudaDeviceCanAccessPeer cudaEventCreateWithFlags", "cudaDeviceEnablePeerAccess",
):
    for call in calls.split():
        cuda.runtime.fail(call)
    try:
        use()
    except CudaError as error:
        print(error.call)
    except SharingError:
        print("cannot be used")
assert cuda.runtime.last_error() == 0
use()
"""
    )
    assert lines == ["cannot be used", "cuCtxGetDevice", "cudaMemPoolCreate", "cudaEventCreateWithFlags"]
