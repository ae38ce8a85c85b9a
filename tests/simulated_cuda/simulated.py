"""CUDA devices that the host plays: their memory, their streams, and other libraries' work on them.

Nothing that a stream is given happens before it must (`tests/cpp/simulated_cuda/late_runtime.hpp`): where a
wait is missing, the numbers are wrong. Device memory is memory of the host, which tests see through ndarrays.
"""

from __future__ import annotations

import ctypes
import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from loading import module_from

_KINDS = {"cuda_host": 1, "cuda": 2, "cuda_managed": 3}  # as cudaMemoryType has them
Stream = tuple[int, int]
"""Device and number: 1 and 2 are the default streams of each device, 5 is one of device 0, 15 of device 1."""


def install(folder: Path) -> Simulation:
    """Load the module that was built in `folder` in the place of `numpy_bridge._cuda`."""
    (built,) = folder.glob("_cuda*.so")
    kernels = module_from(built, "numpy_bridge._cuda")
    return Simulation(module_from(built, "simulation"), kernels.release_finished)


def _place(device: str) -> tuple[int, int]:
    kind, _, index = device.partition(":")
    return _KINDS[kind], int(index)


def at(number: int) -> Stream:
    """The stream of device 0, or 1 from 10 on, of a number."""
    return (number // 10, number)


class Simulation:
    """All devices. The raw module is `runtime`."""

    def __init__(self, runtime: ModuleType, release_finished: Callable[[], None]) -> None:
        self.runtime, self.release_finished = runtime, release_finished
        self._kept: list[np.ndarray] = []

    def reset(self) -> None:
        self.release_finished()
        self.runtime.reset()
        self._kept.clear()

    def block(self, values: Any, device: str = "cuda:0") -> np.ndarray:
        """Memory of a device that holds `values` now, as an ndarray, which knows nothing of streams."""
        wanted = np.asarray(values)
        address = self.runtime.new_block(*_place(device), max(1, wanted.nbytes))
        memory = (ctypes.c_uint8 * wanted.nbytes).from_address(address)
        array = np.frombuffer(memory, np.uint8).view(wanted.dtype).reshape(wanted.shape)
        array[...] = wanted
        return array

    def write(self, stream: Stream, target: np.ndarray, value: Any) -> None:
        """Give a stream the filling of a contiguous block."""
        source = np.full_like(target, value)
        self._kept.append(source)
        self.runtime.copy(stream, target.ctypes.data, source.ctypes.data, target.nbytes)

    def read(self, stream: Stream, source: np.ndarray) -> np.ndarray:
        """Give a stream the reading of a contiguous block. The result is NaN until it has got there."""
        seen = np.full_like(source, np.nan)
        self._kept.append(seen)
        self.runtime.copy(stream, seen.ctypes.data, source.ctypes.data, source.nbytes)
        return seen

    def run(self, *order: Stream) -> None:
        """Let everything happen: at each step what the first of these streams, then any other one, can do."""
        others = itertools.product((0, 1), (1, 2, 5, 6, 15, 16))
        assert self.runtime.run([*order, *others]), "a stream waits for ever"

    def calls(self) -> list[str]:
        """Names of the CUDA functions called since the last call of this."""
        found = self.runtime.calls()
        self.runtime.fail_after(-1)
        return list(found)


class OnStream:
    """An array's memory by the CUDA array interface, and the stream that its owner uses it on, if any."""

    def __init__(self, array: np.ndarray, stream: int | None = None, *, readonly: bool = False) -> None:
        self.array, self.stream, self.readonly = array, stream, readonly

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        told = dict(self.array.__array_interface__)
        address = told["data"][0] if self.array.size else 0
        return {**told, "data": (address, self.readonly), "version": 3, "stream": self.stream}


def without_torch() -> None:
    """Let `import torch` fail: it would bring a driver along, where there is one."""
    sys.modules["torch"] = None  # type: ignore[assignment]
