"""What benchmarks/cuda_kernels.py measures: add_ and copy_, each beside what users would write instead.

A case says how many bytes it reads and writes, and how fast it should be. `NO_SLOWER` allows for noise: where
both sides queue the same operation, each is the faster one half of the time.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

import numpy_bridge as bridge

NO_SLOWER = 0.97
CONTIGUOUS, CAST, NEAR = 0.95, 0.92, 0.85  # parts of the floor
TRANSPOSED = {1: 0.60, 2: 0.60, 4: 0.80, 8: 0.80}  # by itemsize
CUPY = 1 / 1.5  # half as long again as CuPy's own += at most


@dataclass(frozen=True)
class Case:
    """`call` ("add_" or "copy_") of `x` and `y`, ours and torch's, and how many bytes that reads and writes.

    `of_floor` is the part of the memory's speed aimed at, `times_torch` how many times faster than torch.
    `other` is what ours is compared with if it is not the method of `x`.
    """

    what: str
    call: str
    x: Any
    y: Any
    moved_bytes: int
    of_floor: float | None = None
    times_torch: float | None = NO_SLOWER
    other: Callable[[], object] | None = None

    def ours(self) -> object:
        """Call ours."""
        return getattr(bridge, self.call)(self.x, self.y)

    def theirs(self) -> object:
        """Call torch's, or the other."""
        return getattr(self.x, self.call)(self.y) if self.other is None else self.other()


def large_cases(a: Any, b: Any) -> list[Case]:
    """Calls on two blocks of bytes that no cache holds."""
    return [*_sums(a, b), *_copies(a, b), *_casts(a, b), *_transposes(a, b)]


def _sums(a: Any, b: Any) -> list[Case]:
    size, x, y = a.numel(), a.view(torch.float32), b.view(torch.float32)
    half, more = a.view(torch.bfloat16), b.view(torch.bfloat16)
    # Of every second element whole sectors are moved.
    return [
        Case("add_(x, 1)", "add_", x, 1, 2 * size, CONTIGUOUS),
        Case("add_(x, y)", "add_", x, y, 3 * size, CONTIGUOUS),
        Case("add_(x, y), bfloat16", "add_", half, more, 3 * size, CONTIGUOUS),
        Case("add_(x, y), uint8", "add_", a, b, 3 * size, CONTIGUOUS),
        Case("add_(x[1::2], y[::2])", "add_", x[1::2], y[::2], 3 * size),
        Case("add_(x[1:], y[:-1])", "add_", x[1:], y[:-1], 3 * size, NEAR),
        Case("add_(x[1:], y[:-1]), bfloat16", "add_", half[1:], more[:-1], 3 * size),
        Case("add_(rows, row)", "add_", x.view(-1, 1024), y[:1024], 2 * size, NEAR),
        Case("add_(rows, row), bfloat16", "add_", half.view(-1, 1024), more[:1024], 2 * size, NEAR),
        _overlapping(x),
    ]


def _overlapping(x: Any) -> Case:
    """The operand that is read is copied first, as users of torch have to do."""
    size, there, here = x.numel() * x.element_size(), x[1:], x[:-1]
    return Case("add_(x[1:], x[:-1])", "add_", there, here, 5 * size, other=lambda: there.add_(here.clone()))


def _copies(a: Any, b: Any) -> list[Case]:
    size, x, y = a.numel(), a.view(torch.float32), b.view(torch.float32)
    return [
        Case("copy_(x, y)", "copy_", x, y, 2 * size, CONTIGUOUS),
        Case("copy_(x[1::2], y[::2])", "copy_", x[1::2], y[::2], 3 * size),
    ]


def _casts(a: Any, b: Any) -> list[Case]:
    size = a.numel()
    pairs = [  # target, source
        (torch.float32, torch.float64),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.bfloat16),
        (torch.float16, torch.float32),
        (torch.float32, torch.float16),
        (torch.float32, torch.int64),
        (torch.float32, torch.uint8),
    ]
    cases = []
    for to, source in pairs:
        elements = size // max(to.itemsize, source.itemsize)
        x, y = (block[: elements * dtype.itemsize].view(dtype) for block, dtype in ((a, to), (b, source)))
        what = f"copy_({str(to)[6:]}, {str(source)[6:]})"
        cases.append(Case(what, "copy_", x, y, elements * (to.itemsize + source.itemsize), CAST))
    return cases


def _transposes(a: Any, b: Any) -> list[Case]:
    size, cases = a.numel(), []
    dtypes = {1: torch.uint8, 2: torch.bfloat16, 4: torch.float32, 8: torch.float64}
    for itemsize, aim in TRANSPOSED.items():
        side = int((size // itemsize) ** 0.5) // 128 * 128
        x, y = (block.view(dtypes[itemsize])[: side * side].view(side, side) for block in (a, b))
        what = f"copy_(x, y.T), {itemsize} byte{'s' * (itemsize > 1)}"
        cases.append(Case(what, "copy_", x, y.T, 2 * itemsize * side * side, aim))
    x, y = a.view(torch.float32), b.view(torch.float32)
    permuted = y.view(256, -1, 64).permute(2, 1, 0)
    cases.append(Case("copy_(x, y.permute(2, 1, 0))", "copy_", x.view(64, -1, 256), permuted, 2 * size))
    return cases


def middle_cases(a: Any, b: Any) -> Iterator[tuple[Case, Any, Any]]:
    """Calls on 1 to 16 MiB, which caches hold, with the blocks whose copy is their floor."""
    for mib in (1, 4, 16):
        small, other = a[: mib << 20], b[: mib << 20]
        x, y = small.view(torch.float32), other.view(torch.float32)
        yield Case(f"add_(x, y), {mib} MiB", "add_", x, y, 3 * mib << 20), small, other


def small_cases() -> list[Case]:
    """Calls that do next to nothing: the time from Python to the queue."""
    x, y = (torch.ones(256, device="cuda") for _ in range(2))
    cases = [Case("add_(x, 1), 1 KiB, to the queue", "add_", x, 1, 2048), _two_streams(x, y)]
    if importlib.util.find_spec("cupy") is not None:
        cases.append(_cupy_case())
    if importlib.util.find_spec("numba") is not None and importlib.util.find_spec("numba.cuda") is not None:
        cases.append(_numba_case(x))
    return cases


def _two_streams(x: Any, y: Any) -> Case:
    """Each stream waits for the other, as users of torch have to write."""
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    with torch.cuda.stream(side):
        view = bridge.view(y)  # which remembers the stream

    def ordered() -> None:
        current = torch.cuda.current_stream()
        current.wait_stream(side)
        x.add_(y)
        side.wait_stream(current)

    return Case("add_(x, y), two streams, to the queue", "add_", x, view, 3072, other=ordered)


def _cupy_case() -> Case:
    x = importlib.import_module("cupy").ones(256, "f4")
    return Case("add_(x, 1) of CuPy, to the queue", "add_", x, 1, 2048, None, CUPY, lambda: x.__iadd__(1))


def _numba_case(x: Any) -> Case:
    """Numba has no such operation. Beside torch, without an aim."""
    array = importlib.import_module("numba.cuda").device_array(256, "f4")
    return Case("add_(x, 1) of Numba, to the queue", "add_", array, 1, 2048, None, None, lambda: x.add_(1))


def require_same_results(case: Case) -> None:
    """Raise unless both calls do the same to what holds ones. Arrays that torch has no methods of pass."""
    if not isinstance(case.x, torch.Tensor):
        return
    case.x.fill_(1)
    case.ours()
    ours = case.x.clone()
    case.x.fill_(1)
    case.theirs()
    if not torch.equal(ours, case.x):
        raise AssertionError(f"{case.what}: our result is not torch's")
