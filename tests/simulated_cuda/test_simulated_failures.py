"""A call of CUDA that fails, whichever it is: the error names it, nothing leaks, no other call is blamed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge import CudaError, add_, copy_, from_pointer
from simulated import OnStream, Simulation
from support import refused, run_python

RELEASES = {"cudaFree", "cudaFreeAsync"}
UNHEARD = RELEASES | {
    "cuCtxGetDevice",  # as in a thread without a context
    "cuCtxSetCurrent",
    "cudaEventQuery",  # then the device does nothing more
    "cudaThreadExchangeStreamCaptureMode",  # what it would have allowed fails then
}
"""What fails without a word. All others are heard of, but for changes back to the former device."""


class Operands:
    """Two arrays of device 0 on streams of their own, one of device 1, and one of the host."""

    def __init__(self, cuda: Simulation) -> None:
        block = cuda.block(np.arange(40.0))
        self.x = OnStream(block[:20], 5)
        self.backwards = OnStream(block[19::-1], 5)
        self.y = OnStream(block[20:], 6)
        self.floats = OnStream(cuda.block(np.arange(21, dtype="f4"))[1:], 6)
        self.odd = OnStream(_odd(cuda.block(np.zeros(90, "u1"))), 6)
        self.far = OnStream(cuda.block(np.arange(40.0), "cuda:1")[::2], 15)
        self.host = np.arange(20.0)


def _odd(block: np.ndarray) -> np.ndarray:
    return np.ndarray((20,), "f4", block, offset=1)


CALLS: dict[str, Callable[[Operands], Any]] = {
    "number": lambda o: add_(o.x, 1),
    "array": lambda o: add_(o.x, o.y),
    "overlapping": lambda o: add_(o.x, o.backwards),
    "copy": lambda o: copy_(o.x, o.y),
    "copy overlapping": lambda o: copy_(o.x, o.backwards),
    "cast": lambda o: copy_(o.x, o.floats),
    "cast unaligned": lambda o: copy_(o.x, o.odd),
    "to the host": lambda o: copy_(o.host, o.x),
    "to the host, staged": lambda o: copy_(o.host[::-1], o.far),
    "from the host": lambda o: copy_(o.far, o.host),
    "to another device": lambda o: copy_(o.far, o.floats),
    "consumer": lambda o: bridge.view(o.y).__dlpack__(stream=5),
    "copy for a consumer": lambda o: bridge.view(o.y).__dlpack__(stream=5, copy=True),
    "copy elsewhere": lambda o: bridge.view(o.y).__dlpack__(stream=15, copy=True, dl_device=(2, 1)),
    "copy to the host": lambda o: bridge.view(o.far).__dlpack__(copy=True, dl_device=(1, 0)),
    "ndarray": lambda o: bridge.to_numpy(o.far, copy=True),
    "kept": lambda o: [add_(o.x, OnStream(o.y.array)) for _ in range(2)],
    "named stream": lambda o: add_(o.x, OnStream(o.y.array), stream=6),
    "address": lambda o: from_pointer(o.x.array.ctypes.data, 20, "f8", device="cuda:0"),
}


NAMED = {"launch": "launch of ", "cudaGetDriverEntryPointByVersion": "cuCtx"}
"""How errors name a call: the second one by the function that it looks for."""


def failures(cuda: Simulation, call: str) -> Iterator[tuple[str, Exception | None]]:
    """What comes of it when the first call of CUDA fails, when the second does, and so on until none does."""
    for number in range(200):
        cuda.run()
        cuda.reset()
        operands = Operands(cuda)
        cuda.runtime.fail_after(number)
        error = None
        try:
            CALLS[call](operands)
        except (CudaError, bridge.SharingError) as caught:
            error = caught.with_traceback(None)
        called = cuda.calls()
        cuda.run()
        cuda.release_finished()
        if len(called) <= number:
            assert error is None
            return
        assert cuda.runtime.unreleased() == int(called[number] in RELEASES), called[number]
        yield called[number], error
    raise AssertionError("there is no end")


@pytest.mark.parametrize("call", CALLS)
def test_each_call_fails_in_turn(cuda: Simulation, call: str) -> None:
    seen = []
    for name, error in failures(cuda, call):
        seen.append(name)
        assert cuda.runtime.last_error() == 0, f"{name}: left for the next one who asks"
        if name == "cuCtxSetCurrent":
            continue  # what follows in a wrong context fails, too
        if isinstance(error, CudaError):
            expected = NAMED.get(name, name)
            assert error.call.startswith(expected), name
            if name == "cuCtxGetCurrent":
                assert (error.name, error.text[:15]) == ("CUresult 1", "the CUDA driver")
                continue
            assert error.name in ("cudaErrorInvalidValue", "cudaErrorMemoryAllocation")
            assert error.text == "as the simulation has it"
            assert str(error) == f"{error.call}: {error.name}: {error.text}"
        else:
            assert name in UNHEARD | {"cuCtxGetCurrent", "cudaSetDevice", "cudaGetDeviceCount"}, name
    assert seen


def test_memory_that_runs_out(cuda: Simulation) -> None:
    shared = bridge.view(OnStream(cuda.block(np.zeros(3)), 5))
    shared.__dlpack__(copy=True)
    cuda.runtime.fail_after(cuda.runtime.calls().index("cudaMalloc"))
    with pytest.raises(CudaError) as caught:
        shared.__dlpack__(copy=True)
    assert (caught.value.call, caught.value.name) == ("cudaMalloc", "cudaErrorMemoryAllocation")


def test_a_device_that_is_not_there(cuda: Simulation) -> None:
    """Memory may be described as on any; what is done there fails."""
    block = cuda.block(np.zeros(3))
    shared = bridge.view(OnStream(block, 5))
    with pytest.raises(CudaError, match="cudaSetDevice"):
        shared.__dlpack__(copy=True, dl_device=(2, 7))
    with refused("dl_device", hint="copies are made on the CPU and on CUDA devices"):
        shared.__dlpack__(copy=True, dl_device=(10, 0))


def test_a_machine_that_cannot_use_cuda(simulation: Simulation) -> None:
    """Found out once in a process, so in one of its own."""
    code = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import simulated
simulated.without_torch()
cuda = simulated.install(Path(sys.argv[1]))
import numpy as np, numpy_bridge as bridge
x = simulated.OnStream(cuda.block(np.zeros(3)), 5)
shared = bridge.view(x)
for call in (
    lambda: bridge.add_(x, 1), lambda: bridge.copy_(np.zeros(3), x), lambda: shared.__dlpack__(copy=True),
    lambda: shared.__dlpack__(stream=6), lambda: bridge.from_pointer(4096, 1, "f4", device="cuda:0"),
):
    cuda.runtime.fail_after(0)
    try:
        call()
        print("no error")
    except bridge.SharingError as error:
        print(error.protocol, error.field, error.hint)
cuda.runtime.fail_after(-1)
bridge.add_(x, 1)
"""
    folder = Path(str(sys.modules["numpy_bridge._cuda"].__file__)).parent
    lines = run_python(code, str(folder), str(Path(__file__).parent)).splitlines()
    why = "cudaErrorInvalidValue: as the simulation has it (see numpy-bridge info)"
    assert lines == [
        f"add_ device {why}",
        f"copy_ device {why}",
        f"DLPack device {why}",
        "DLPack stream wait for that stream yourself, and pass -1",
        "no error",
    ]
