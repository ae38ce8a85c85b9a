"""add_ and copy_ on simulated devices: every dtype and layout, and that not a byte beside it changes."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fakes import Exchanging, FakeTensor
from numpy_bridge import add_, copy_, from_pointer
from simulated import OnStream, Simulation
from support import (
    ARRAY_DTYPES,
    LAYOUTS,
    NUMBERS,
    base_array,
    dtype_layouts,
    dtype_named,
    refused,
)

ADDABLE = [name for name in NUMBERS if name != "bool"]
EVERY_LAYOUT = [name for name in LAYOUTS if name not in ("broadcast", "byte-swapped")]


def located(array: np.ndarray, device: str = "cuda:0") -> bridge.View:
    """Memory at an address: of any dtype, without a stream."""
    name = array.dtype.name if array.dtype.isnative else array.dtype.str
    return from_pointer(
        array.ctypes.data, array.shape, name, strides=array.strides, device=device, owner=array
    )


@pytest.mark.parametrize("layout", [name for name in EVERY_LAYOUT if name != "odd-strides"])
@pytest.mark.parametrize("name", ADDABLE)
def test_add(cuda: Simulation, name: str, layout: str) -> None:
    """A number, and an array of the same layout: each element, and nothing around."""
    base = base_array(name)
    block, other = cuda.block(base), cuda.block(base)
    expected = LAYOUTS[layout](base)
    x, y = OnStream(LAYOUTS[layout](block), 5), OnStream(LAYOUTS[layout](other), 5)
    assert add_(x, 1) is x
    assert add_(x, y) is x
    assert block.tolist() == base.tolist(), "the host waits for nothing"
    cuda.run()
    expected += dtype_named(name).type(1)
    expected += LAYOUTS[layout](base_array(name))
    np.testing.assert_array_equal(block, base)
    np.testing.assert_array_equal(other, base_array(name))


def test_sums_of_bfloat16(cuda: Simulation) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    values = np.arange(-40, 40).astype(ml_dtypes.bfloat16) / 3
    block = cuda.block(values)
    add_(located(block), located(cuda.block(values[::-1] * 7)))
    add_(located(block), 0.5)
    cuda.run()
    np.testing.assert_array_equal(block, values + values[::-1] * 7 + ml_dtypes.bfloat16(0.5))


@pytest.mark.parametrize(("name", "layout"), dtype_layouts(ARRAY_DTYPES, EVERY_LAYOUT))
def test_copy(cuda: Simulation, name: str, layout: str) -> None:
    """To packed memory and back, of elements that need not be aligned."""
    base = base_array(name)
    source = LAYOUTS[layout](cuda.block(base))
    source_values = source.copy()
    packed = cuda.block(np.zeros(source.shape, source.dtype))
    copy_(located(packed), located(source))
    cuda.run()
    assert packed.tobytes() == source_values.tobytes()
    target = cuda.block(np.zeros_like(base))
    copy_(located(LAYOUTS[layout](target)), located(packed))
    cuda.run()
    expected = np.zeros_like(base)
    LAYOUTS[layout](expected)[...] = source_values
    assert target.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("source", "target"),
    [pair for pair in itertools.product(NUMBERS, NUMBERS) if np.can_cast(*pair, "same_kind")],
)
def test_casts(cuda: Simulation, source: str, target: str) -> None:
    """As NumPy does, packed and with gaps."""
    base = base_array(source)
    block = cuda.block(base)
    for step in (1, 2):
        there = cuda.block(np.zeros(len(base), target))
        copy_(OnStream(there[::step], 5), OnStream(block[::step], 5))
        cuda.run()
        np.testing.assert_array_equal(there[::step], base[::step].astype(target))
        assert step == 1 or not there[1::2].any()


SHORT = ("bool", "int8", "uint8", "int16", "uint16", "float16")


@pytest.mark.parametrize("source", SHORT)
def test_every_number_of_one_or_two_bytes(cuda: Simulation, source: str) -> None:
    """As NumPy converts it, to every dtype of its kind or a wider one."""
    size = np.dtype(source).itemsize
    every = np.arange(256**size).astype(f"u{size}")
    values = every != 0 if source == "bool" else every.view(source)
    block = cuda.block(values)
    for target in (name for name in NUMBERS if np.can_cast(source, name, "same_kind")):
        there = cuda.block(np.zeros(len(values), target))
        copy_(OnStream(there, 5), OnStream(block, 5))
        cuda.run()
        with np.errstate(invalid="ignore"):
            np.testing.assert_array_equal(there, values.astype(target), target)


@pytest.mark.parametrize("short", ["float8_e4m3fn", "float8_e5m2", "bfloat16"])
def test_every_number_of_ml_dtypes(cuda: Simulation, short: str) -> None:
    """As ml_dtypes converts it: all numbers of the format, and all of 16 bits and their neighbours to it."""
    ml_dtypes = pytest.importorskip("ml_dtypes")
    named = {name: np.dtype(getattr(ml_dtypes, name, name)) for name in ("float16", "bfloat16", "float32")}
    dtype = np.dtype(getattr(ml_dtypes, short))
    words = np.arange(65536, dtype="u2")
    singles = np.nextafter(words.view("f2").astype("f4"), np.array([[-np.inf], [np.inf]], "f4")).ravel()
    all_of_it = words.astype(f"u{dtype.itemsize}").view(dtype)
    casts = [(all_of_it, other) for name, other in named.items() if name != short]
    casts += [
        (words.view(other), dtype) for name, other in named.items() if name != short and other.itemsize == 2
    ]
    casts.append((singles, dtype))
    for values, target in casts:
        there = cuda.block(np.zeros(len(values), target))
        copy_(located(there), located(cuda.block(values)))
        cuda.run()
        with np.errstate(all="ignore"):
            expected = values.astype(target)
        np.testing.assert_array_equal(
            there.astype("f4"), expected.astype("f4"), f"{values.dtype} to {target}"
        )
        np.testing.assert_array_equal(np.signbit(there), np.signbit(expected))


def test_byte_orders(cuda: Simulation) -> None:
    values = base_array("float32")
    there, back = cuda.block(np.zeros(24, "f8")), cuda.block(np.zeros(24, ">f4"))
    copy_(OnStream(there, 5), OnStream(cuda.block(values.astype(">f4")), 5))
    copy_(OnStream(back, 5), OnStream(there, 5))
    cuda.run()
    np.testing.assert_array_equal(there, values)
    np.testing.assert_array_equal(back, values)


def test_broadcast(cuda: Simulation) -> None:
    expected = np.arange(24.0).reshape(4, 6)
    block = cuda.block(expected)
    for shape in ((1, 6), (4, 1), (6,), (1,)):
        values = np.arange(float(np.prod(shape))).reshape(shape)
        add_(OnStream(block, 5), OnStream(cuda.block(values), 5))
        expected += values
    cuda.run()
    np.testing.assert_array_equal(block, expected)


@pytest.mark.parametrize("name", ["int32", "uint8", "float64"])
def test_operands_that_overlap(cuda: Simulation, name: str) -> None:
    """As if the operand that is read were read first; the copy of it is released."""
    base = np.arange(70).astype(name)
    block = cuda.block(base)
    later, earlier = slice(1, None), slice(None, -1)
    for there, here in ((later, earlier), (earlier, later)):
        for call in (add_, copy_):
            call(OnStream(block[there], 5), OnStream(block[here], 5))
            cuda.run()
            base[there] = base[here] + (base[there] if call is add_ else np.zeros(1, name))
            np.testing.assert_array_equal(block, base)
    square = cuda.block(np.arange(400.0).reshape(20, 20))
    expected = square + square.T
    add_(OnStream(square, 5), OnStream(square.T, 5))
    cuda.run()
    np.testing.assert_array_equal(square, expected)


def test_memory_of_every_protocol(cuda: Simulation) -> None:
    """Both capsules, an exchange table, the CUDA array interface, an address, and Views of them."""
    blocks = [cuda.block(np.arange(6, dtype="f4"), "cuda:1") for _ in range(5)]
    lies = [{"device": (2, 1), "data": block.ctypes.data} for block in blocks]
    producers: list[Any] = [
        FakeTensor(**lies[0]),
        FakeTensor(**lies[1], versioned=False),
        Exchanging(**lies[2]),
        OnStream(blocks[3], 15),
        located(blocks[4], "cuda:1"),
    ]
    for producer in producers:
        assert add_(producer, 1) is producer
        shared = bridge.view(producer)
        assert (shared.device, shared.__dlpack_device__()) == ("cuda:1", (2, 1))
        add_(shared, 1)
    cuda.run()
    for block in blocks:
        assert block.tolist() == [2, 3, 4, 5, 6, 7]


# What is refused


def test_nothing_is_queued_for_what_is_refused(cuda: Simulation) -> None:
    block = cuda.block(np.arange(6, dtype="f4"))
    x = OnStream(block, 5)
    other_device = OnStream(cuda.block(np.ones(6, "f4"), "cuda:1"), 15)
    odd = from_pointer(block.ctypes.data + 1, (2,), "f4", device="cuda:0", owner=block)
    sliding = OnStream(np.lib.stride_tricks.sliding_window_view(block, 3), 5)
    cuda.calls()
    for field, call in (
        ("dtype", lambda: add_(x, OnStream(cuda.block(np.ones(6)), 5))),
        ("dtype", lambda: copy_(OnStream(cuda.block(np.ones(6, "i4")), 5), x)),
        ("shape", lambda: add_(x, OnStream(cuda.block(np.ones(4, "f4")), 5))),
        ("readonly", lambda: add_(OnStream(block, 5, readonly=True), 1)),
        ("readonly", lambda: copy_(bridge.view(x, readonly=True), x)),
        ("strides", lambda: add_(sliding, 1)),
        ("alignment", lambda: add_(odd, 1)),
        ("alignment", lambda: add_(OnStream(block[:2], 5), odd)),
        ("device", lambda: add_(x, other_device)),
        ("device", lambda: add_(x, np.ones(6, "f4"))),
        ("device", lambda: add_(np.ones(6, "f4"), x)),
        ("y", lambda: add_(OnStream(cuda.block(np.ones(1, "u1")), 5), 300)),
    ):
        with refused(field, hint=None):
            call()
        assert cuda.calls() == []
    cuda.run()
    assert block.tolist() == [0, 1, 2, 3, 4, 5]


def test_read_only_memory_is_read(cuda: Simulation) -> None:
    x, y = cuda.block(np.ones(6)), cuda.block(np.arange(6.0))
    add_(OnStream(x, 5), OnStream(y, 5, readonly=True))
    add_(bridge.view(OnStream(x, 5)), bridge.view(OnStream(y, 5), readonly=True))
    cuda.run()
    assert x.tolist() == [1, 3, 5, 7, 9, 11]


def test_empty_memory_asks_nothing_of_cuda(cuda: Simulation) -> None:
    empty = OnStream(cuda.block(np.ones((0, 3))), 5)
    assert add_(empty, empty) is add_(empty, 1) is copy_(empty, empty) is empty
    assert cuda.calls() == []
