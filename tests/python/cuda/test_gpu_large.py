"""Operands of more than 2 GiB, which kernels take in parts of 31-bit offsets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gpu_streams import torch
from numpy_bridge import add_, copy_

NEEDED = 20 << 30
COUNT = (1 << 31) + (1 << 20) + 3
"""Bytes: a part, and some more."""
PERIOD = 251


@pytest.fixture(autouse=True)
def room() -> Iterator[None]:
    torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info()
    if free < NEEDED:
        pytest.skip(f"needs {NEEDED >> 30} GiB of free device memory, and there are {free >> 30}")
    yield
    torch.cuda.empty_cache()


def counting(count: int, dtype: Any = torch.uint8) -> Any:
    """0 to 250 again and again, so that a wrong offset shows."""
    return torch.arange(PERIOD, device="cuda").to(dtype).repeat(-(-count // PERIOD))[:count]


OPERATIONS: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    "packed": (lambda x, y: add_(x, y), lambda x, y: x.add_(y)),
    "number": (lambda x, y: add_(x, 7), lambda x, y: x.add_(7)),
    "misaligned": (lambda x, y: add_(x[1:], y[:-1]), lambda x, y: x[1:].add_(y[:-1])),
    "strided": (lambda x, y: add_(x[::2], y[::2]), lambda x, y: x[::2].add_(y[::2])),
    "overlapping": (lambda x, y: add_(x[1:], x[:-1]), lambda x, y: x[1:].add_(x[:-1].clone())),
    "copy": (lambda x, y: copy_(x, y), lambda x, y: x.copy_(y)),
    "copy strided": (lambda x, y: copy_(x[1::2], y[::2][:-1]), lambda x, y: x[1::2].copy_(y[::2][:-1])),
}
"""What is done by the bridge, and by torch."""


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations(name: str) -> None:
    ours, torchs = OPERATIONS[name]
    x, y = counting(COUNT), counting(COUNT).flip(0)
    expected = x.clone()
    ours(x, y)
    torchs(expected, y)
    assert torch.equal(x, expected)


@pytest.mark.parametrize(
    ("source", "target"), [("float16", "float32"), ("uint8", "float32"), ("int16", "int64")]
)
def test_casts(source: str, target: str) -> None:
    count = COUNT // 4
    x = torch.zeros(count, dtype=getattr(torch, target), device="cuda")
    y = counting(count, getattr(torch, source))
    copy_(x, y)
    assert torch.equal(x, y.to(x.dtype))


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_transposed(dtype: str) -> None:
    shape = (46_400, 46_399) if dtype == "uint8" else (23_300, 23_299)
    y = counting(shape[0] * shape[1], getattr(torch, dtype)).view(shape)
    x = torch.zeros(shape[::-1], dtype=y.dtype, device="cuda")
    copy_(x, y.t())
    assert torch.equal(x, y.t())
