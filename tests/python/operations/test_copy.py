"""copy_ on the CPU, against NumPy: layouts, casts, byte orders, overlaps, and whose memory it may be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import numpy_bridge as bridge
from numpy_bridge import copy_
from strategies import BUFFER, elements_overlap, operands
from support import (
    ARRAY_DTYPES,
    FLOAT8_OF_BOTH,
    LAYOUTS,
    NUMBERS,
    base_array,
    byte_swapped,
    dtype_layouts,
    dtype_named,
    ml_dtypes,
    needs_ml_dtypes,
    needs_torch,
    peek,
    readonly,
    refused,
    strided,
    torch,
)

ANY_NUMBERS = (*NUMBERS, ">i2", ">i4", ">i8", ">u8", ">f2", ">f4", ">f8", ">c8", ">c16")


def fill(seed: int) -> None:
    """Numbers of moderate size in every type; bytes of bool are 0 or 1."""
    BUFFER[:] = np.random.default_rng(seed).integers(0, 2, len(BUFFER), dtype=np.uint8)


# Against NumPy


@given(operands(ANY_NUMBERS, ANY_NUMBERS), st.integers(0, 2**32))
def test_any_two_layouts(pair: tuple[np.ndarray, np.ndarray], seed: int) -> None:
    """As if the source were read first, whatever overlaps what; nothing beside the target is touched."""
    target, source = pair
    fill(seed)
    before = BUFFER.copy()
    if not np.can_cast(source.dtype, target.dtype, "same_kind"):
        with refused("dtype", "copy_", hint="convert src first: "):
            copy_(target, source)
    elif elements_overlap(target):
        with refused("strides", "copy_"):
            copy_(target, source)
    else:
        with np.errstate(all="ignore"):
            np.copyto(target, source.copy(), casting="same_kind")
        expected = BUFFER.copy()
        BUFFER[:] = before
        assert copy_(target, source) is target
        np.testing.assert_array_equal(BUFFER, expected)
        return
    assert np.array_equal(BUFFER, before)


def samples(name: str) -> np.ndarray:
    """Limits, signs, fractions and ties of a dtype."""
    dtype = dtype_named(name)
    if dtype.kind == "b":
        return np.array([True, False])
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        edges = [limits.min, limits.max, limits.max // 2, 0, 1, 2, 100]
        around = [2**k + d for k in (7, 8, 11, 15, 16, 24, 31, 32, 53) for d in (-1, 0, 1)]
        return np.array(edges + [v for v in around if v <= limits.max], dtype)
    real = [
        0.0,
        -0.0,
        1,
        -1.5,
        0.1,
        1 / 3,
        65504,
        65519.99,
        65520,
        1e-8,
        6e-8,
        2.0**-25,
        3e38,
        4e38,
        1e308,
        np.inf,
    ]
    ties = [2049, 2051, 1 + 2.0**-11, 1 + 3 * 2.0**-11, 1 + 2.0**-11 + 2.0**-40, 257, 259, 1 + 2.0**-8]
    values = np.array([*real, *ties, -np.inf, np.nan])
    with np.errstate(all="ignore"):
        return (values + 1j * values[::-1] if dtype.kind == "c" else values).astype(dtype)


@pytest.mark.parametrize("target", NUMBERS)
@pytest.mark.parametrize("source", NUMBERS)
@pytest.mark.parametrize("step", [1, 2])
def test_every_cast_of_numpy(source: str, target: str, step: int) -> None:
    values = np.resize(samples(source), 2000)[::step]
    if not np.can_cast(source, target, "same_kind"):
        with refused("dtype", "copy_", hint="convert src first: "):
            copy_(np.zeros(values.shape, target), values)
        return
    result = copy_(np.zeros(2 * len(values), target)[::step][: len(values)], values)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(result, values.astype(target))


@needs_ml_dtypes
@pytest.mark.parametrize("other", NUMBERS)
def test_every_cast_of_bfloat16(other: str) -> None:
    """Rounded once: bfloat16 has the first 16 bits of float32."""
    kind = np.dtype(other).kind
    brain = samples("bfloat16")
    if kind in "fc":
        with np.errstate(all="ignore"):
            expected = brain.astype(np.float32).astype(other)
        np.testing.assert_array_equal(copy_(np.zeros(brain.shape, other), brain), expected)
    else:
        with refused("dtype", "copy_", hint="convert src first: "):
            copy_(np.zeros(brain.shape, other), brain)
    values = samples(other)
    if kind == "c":
        with refused("dtype", "copy_", hint="convert src first: "):
            copy_(np.zeros(values.shape, brain.dtype), values)
        return
    exact = [float(v) for v in values] if kind == "f" else [float(np.float32(v)) for v in values]
    result = copy_(np.zeros(values.shape, brain.dtype), values)
    assert [str(float(v)) for v in result] == [str(nearest_bfloat16(v)) for v in exact]


@needs_ml_dtypes
@pytest.mark.parametrize("short", ["float8_e4m3fn", "float8_e5m2"])
@pytest.mark.parametrize("long", ["float16", "bfloat16", "float32", ">f4"])
def test_float8(short: str, long: str) -> None:
    """Every number of 8 bits, and those of 16 bits rounded to it, are what ml_dtypes makes of them."""
    ml_dtypes = pytest.importorskip("ml_dtypes")
    narrow, wide = np.dtype(getattr(ml_dtypes, short)), np.dtype(getattr(ml_dtypes, long, long))
    every = np.arange(256, dtype="u1").view(narrow)
    widened = np.zeros(256, wide)
    copy_(widened, every)
    np.testing.assert_array_equal(widened.astype("f4"), every.astype("f4"))
    with np.errstate(all="ignore"):
        values = np.arange(65536, dtype="u2").view("f2").astype(wide)
        expected = values.astype(narrow)
    rounded = np.zeros(65536, narrow)
    copy_(rounded, values)
    np.testing.assert_array_equal(rounded.astype("f4"), expected.astype("f4"))
    for unknown in (np.zeros(256, "f8"), np.zeros(256, "i1")):
        with refused("dtype", hint=None):
            copy_(every, unknown)


def nearest_bfloat16(value: float) -> float:
    """By comparing with the neighbours."""
    if not np.isfinite(value) or value == 0:
        return value
    patterns = np.arange(0x7F81, dtype=np.uint32) << 16
    numbers = patterns.view(np.float32).astype(np.float64)
    numbers[-1] = 2.0**128  # where infinity begins to be nearer
    at = int(np.searchsorted(numbers, abs(value)))
    at = min(at, len(numbers) - 1)
    low, high = max(at - 1, 0), at
    below, above = abs(value) - numbers[low], numbers[high] - abs(value)
    nearest = low if below < above or (below == above and low % 2 == 0) else high
    return float(np.copysign(np.inf if nearest == len(numbers) - 1 else numbers[nearest], value))


@pytest.mark.parametrize(("name", "layout"), dtype_layouts(ARRAY_DTYPES, LAYOUTS))
def test_every_dtype_and_layout(name: str, layout: str) -> None:
    """To packed memory and back, byte for byte."""
    source = LAYOUTS[layout](base_array(name))
    packed = copy_(np.zeros(source.shape, source.dtype.newbyteorder("=")), source)
    assert peek(packed) == peek(source)
    if layout == "broadcast":
        return
    target = LAYOUTS[layout](np.zeros_like(base_array(name)))
    copy_(target, packed)
    assert peek(target) == peek(source)


@pytest.mark.parametrize("name", [n for n in NUMBERS if np.dtype(n).itemsize > 1])
def test_byte_orders(name: str) -> None:
    values = np.resize(samples(name), 1500)
    swapped = byte_swapped(values)
    for target, source in ((values, swapped), (swapped, values), (swapped, swapped)):
        result = copy_(np.zeros_like(target), source)
        np.testing.assert_array_equal(result, values)
    wide = np.zeros(len(values), np.dtype("c16").newbyteorder())
    np.testing.assert_array_equal(copy_(wide, swapped), values.astype("c16"))


@pytest.mark.parametrize("shape", [(70, 90), (33, 1, 65), (5, 40, 41), (2, 3, 4, 5, 6)])
@pytest.mark.parametrize("name", ["u1", "i2", "f4", "f8", "c16"])
def test_transposed(name: str, shape: tuple[int, ...]) -> None:
    """Both operands packed, along different axes."""
    source = np.arange(np.prod(shape)).reshape(shape).astype(name)
    for axes in (tuple(reversed(range(len(shape)))), (len(shape) - 1, *range(len(shape) - 1))):
        target = np.zeros(source.transpose(axes).shape, name)
        np.testing.assert_array_equal(copy_(target, source.transpose(axes)), source.transpose(axes))
        np.testing.assert_array_equal(copy_(np.zeros_like(source).transpose(axes), target), target)


# Whose memory


def test_python_memory() -> None:
    block = bytearray(6)
    assert copy_(block, b"abcdef") is block
    assert block == b"abcdef"
    copy_(memoryview(block)[::2], np.array([1, 2, 3], np.uint8))
    assert block == b"\1b\2d\3f"


@needs_torch
def test_tensors_and_arrays() -> None:
    t = torch.zeros(2, 3)
    assert copy_(t, np.arange(3)) is t
    a = copy_(np.zeros((3, 2), ">f8"), t.T)
    assert a.tolist() == [[0, 0], [1, 1], [2, 2]]
    assert copy_(t, torch.ones(1, requires_grad=True)).tolist() == [[1] * 3] * 2


MOVED_FLOAT8 = [name for name in FLOAT8_OF_BOTH if name not in ("float8_e4m3fn", "float8_e5m2")]


@needs_torch
@pytest.mark.parametrize("name", [*MOVED_FLOAT8, "complex32", "float4_e2m1fn_x2"])
@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")
def test_dtypes_that_are_moved_only(name: str) -> None:
    dtype = getattr(torch, name, None)
    if dtype is None:
        pytest.skip(f"this torch has no {name}")
    size = 4 if name == "complex32" else 1
    source = torch.arange(3 * size, dtype=torch.uint8).view(dtype)
    target = torch.zeros(3 * size, dtype=torch.uint8).view(dtype)
    copy_(target, source)
    assert target.view(torch.uint8).tolist() == list(range(3 * size))
    if size == 1:
        with refused("dtype", "copy_", hint="convert src first: "):
            copy_(target, np.ones(3, np.float32))
        with refused("dtype", "copy_", hint="convert src first: "):
            copy_(np.ones(3, np.float32), target)


def test_the_source_may_be_a_copy_that_its_producer_makes() -> None:
    class Made:
        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
            return np.array([1.0, 2.0])

    assert copy_(np.zeros(2), Made()).tolist() == [1, 2]
    with pytest.raises(bridge.SharingError):
        copy_(Made(), np.zeros(2))


def test_read_only_memory_is_never_written() -> None:
    for target in (readonly(np.zeros(2, np.uint8)), bytes(2), bridge.view(bytearray(2), readonly=True)):
        with refused("readonly", "copy_", hint="copy=True"):
            copy_(target, bytearray(2))


def test_arguments() -> None:
    for call in (lambda: copy_(np.ones(1)), lambda: copy_(np.ones(1), np.ones(1), True)):
        with pytest.raises(TypeError, match=r"copy_\(\)"):
            call()
    assert copy_(dst=np.zeros(1), src=np.ones(1), non_blocking=True).tolist() == [1]
    with pytest.raises(TypeError, match="no memory"):
        copy_(np.ones(1), 1.0)


# Overlaps


def test_operands_that_overlap() -> None:
    whole = np.arange(10)
    copy_(whole[1:], whole[:-1])
    assert whole.tolist() == [0, 0, 1, 2, 3, 4, 5, 6, 7, 8]
    copy_(whole, whole[::-1])
    assert whole.tolist() == [8, 7, 6, 5, 4, 3, 2, 1, 0, 0]
    square = np.arange(9).reshape(3, 3)
    assert copy_(square, square.T).tolist() == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]
    bits = np.arange(4, dtype=np.float32)
    assert copy_(bits.view(np.int32), bits.view(np.int32)).tolist() == bits.view(np.int32).tolist()
    assert copy_(bits.view(">f4"), bits).byteswap().view("f4").tolist() == [0, 1, 2, 3]


def test_targets_that_overlap_themselves() -> None:
    base = np.arange(8.0)
    for target in (strided(base, (3, 4), (0, 8)), strided(base, (3, 3), (8, 16))):
        with refused("strides", "copy_"):
            copy_(target, 1 + base[:1])
    assert base.tolist() == list(range(8))


@needs_ml_dtypes
def test_double_rounding_is_avoided() -> None:
    """Through float32 this would become 1 + 2**-7 in bfloat16, and 1 + 2**-10 in float16."""
    for dtype, half_a_step in ((ml_dtypes.bfloat16, 2.0**-8), (np.float16, 2.0**-11)):
        below = np.array([1 + half_a_step - 2.0**-50, 1 + half_a_step + 2.0**-50])
        assert copy_(np.zeros(2, dtype), below).astype(float).tolist() == [1, 1 + 2 * half_a_step]
