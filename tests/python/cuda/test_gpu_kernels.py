"""Kernels against the loops of the host, number by number, and on operands that are cut into parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge import add_, copy_

torch: Any = pytest.importorskip("torch", reason="the numbers are torch's")

SHORT = ("bool", "int8", "uint8", "int16", "uint16", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")
NUMBERS = (*SHORT, "int32", "uint32", "int64", "uint64", "float32", "float64")


def every_number(name: str) -> Any:
    """All numbers of a dtype of one or two bytes; of float32 those near the ones of 16 bits."""
    dtype = getattr(torch, name)
    if name == "float32":
        halves = np.arange(65536, dtype="u2").view("f2").astype("f4")
        with np.errstate(invalid="ignore"):
            near = [np.nextafter(halves, halves.dtype.type(end)) for end in (-np.inf, np.inf)]
        return torch.from_numpy(np.concatenate([halves, *near]))
    count = 256**dtype.itemsize
    words = np.arange(count, dtype=f"u{dtype.itemsize}")
    return torch.from_numpy((words % 2 if name == "bool" else words).view(np.uint8)).view(dtype)


def assert_same(got: Any, expected: Any) -> None:
    """Bit by bit; NaNs are equal."""
    if not got.is_floating_point():
        assert torch.equal(got.cpu().contiguous().view(torch.uint8), expected.view(torch.uint8))
        return
    wide = [each.to(torch.float64).numpy() for each in (got.cpu(), expected)]
    np.testing.assert_array_equal(*wide)
    np.testing.assert_array_equal(*(np.signbit(each) for each in wide))


@pytest.mark.parametrize("source", [*SHORT, "float32"])
def test_conversions_of_every_number(source: str) -> None:
    """As on the host, in rows that begin anywhere and at other strides."""
    numbers = every_number(source)
    count = len(numbers)
    on_device = torch.zeros(count + 1, dtype=numbers.dtype, device="cuda")
    on_device[:-1].view(torch.uint8)[:] = numbers.view(torch.uint8).cuda()
    converted = 0
    for name in NUMBERS:
        expected = torch.zeros(count, dtype=getattr(torch, name))
        try:
            copy_(expected, numbers)
        except bridge.SharingError:
            continue
        converted += 1
        target = torch.zeros(2 * count + 1, dtype=expected.dtype, device="cuda")
        for there in (target[:count], target[1 : count + 1], target[1::2]):
            copy_(there, on_device[:-1])
            assert_same(there, expected)
        copy_(target[: count - 1], on_device[1:-1])
        assert_same(target[: count - 1], expected[1:])
    assert converted >= 3


@pytest.mark.parametrize("name", ["uint8", "int16", "float32", "float64", "complex128"])
def test_transposes(name: str) -> None:
    """Of whole tiles, of parts of them, and of rows that are not aligned."""
    dtype = getattr(torch, name)
    for planes, rows, columns in ((1, 128, 128), (2, 260, 132), (3, 201, 67), (1, 16, 5000), (2, 64, 256)):
        size = planes * rows * columns
        values = torch.arange(size + 1, device="cuda").to(dtype)
        for first in (0, 1):
            source = values[first : size + first].view(planes, rows, columns).permute(0, 2, 1)
            target = torch.zeros((planes, columns, rows), dtype=dtype, device="cuda")
            copy_(target, source)
            assert torch.equal(target, source)


def test_operands_of_more_than_two_gigabytes() -> None:
    """They are cut into parts of 31 bits."""
    count = (2 << 30) + 12345
    if torch.cuda.mem_get_info()[0] < 6 * count:
        pytest.skip("needs 12 GiB of device memory")
    x = torch.arange(count, device="cuda", dtype=torch.uint8)
    y = torch.full((count,), 3, device="cuda", dtype=torch.uint8)
    expected = x + y
    assert torch.equal(add_(x, y), expected)
    add_(x[1:], y[:-1])
    expected[1:] += 3
    assert torch.equal(x, expected)
    del y, expected
    half = torch.empty(count, device="cuda", dtype=torch.bfloat16)
    copy_(half, x)
    assert torch.equal(half.to(torch.uint8), x)
    del half
    square = x[: 46336 * 46337].view(46336, 46337)
    turned = torch.empty((46337, 46336), device="cuda", dtype=torch.uint8)
    copy_(turned, square.T)
    assert torch.equal(turned, square.T)
