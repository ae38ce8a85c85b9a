"""Objects of every layout and dtype arrive as they were. Out of band they alias their source."""

from __future__ import annotations

import gc
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from sending import COPIES, buffers_of, out_of_band
from support import (
    ARRAY_DTYPES,
    FORWARD,
    LAYOUTS,
    NUMBERS,
    TENSOR_LAYOUTS,
    TORCH_DTYPES,
    assert_aliases,
    assert_independent,
    base_array,
    base_tensor,
    dtype_layouts,
    needs_torch,
    peek,
    readonly,
    torch,
)

ways = pytest.mark.parametrize("way", COPIES.values(), ids=COPIES.keys())


def described(x: Any) -> tuple[Any, ...]:
    return type(x), x.dtype, tuple(x.shape)


@pytest.mark.parametrize(("name", "layout"), dtype_layouts(ARRAY_DTYPES, LAYOUTS))
def test_arrays(name: str, layout: str) -> None:
    source = LAYOUTS[layout](base_array(name))
    arrived = out_of_band(source)
    assert described(arrived) == described(source)
    if bridge.processes.layout.has_gaps(source.shape, source.strides, source.itemsize):
        assert peek(arrived) == peek(source)
        assert source.size == 0 or not bridge.shares_memory(arrived, source)
    else:
        assert source.size == 0 or arrived.strides == source.strides
        assert_aliases(source, arrived)


@needs_torch
@pytest.mark.parametrize(("name", "layout"), dtype_layouts(TORCH_DTYPES, TENSOR_LAYOUTS))
def test_tensors(name: str, layout: str) -> None:
    source = TENSOR_LAYOUTS[layout](base_tensor(name))
    arrived = out_of_band(source)
    assert described(arrived) == described(source)
    if layout in ("every-second", "block"):
        assert peek(arrived) == peek(source)
        assert not bridge.shares_memory(arrived, source)
    else:
        assert source.numel() == 0 or arrived.stride() == source.stride()
        assert_aliases(source, arrived)


@pytest.mark.parametrize(("name", "layout"), dtype_layouts(NUMBERS, FORWARD))
def test_views(name: str, layout: str) -> None:
    source = bridge.view(LAYOUTS[layout](base_array(name)))
    arrived = out_of_band(source)
    assert described(arrived) == described(source)
    assert not arrived.readonly
    if layout not in ("every-second", "block"):
        assert_aliases(source, arrived)


@ways
@pytest.mark.parametrize("layout", [*LAYOUTS])
@pytest.mark.parametrize("make", [np.asarray, bridge.view], ids=["array", "View"])
def test_copies_of_arrays_and_views(
    make: Callable[[Any], Any], layout: str, way: Callable[[Any], Any]
) -> None:
    source = make(LAYOUTS[layout](base_array("int16")))
    arrived = way(source)
    assert described(arrived) == described(source)
    assert peek(arrived) == peek(source)
    assert not bridge.may_share_memory(arrived, source)


@needs_torch
@ways
@pytest.mark.parametrize("layout", [*TENSOR_LAYOUTS])
def test_copies_of_tensors(layout: str, way: Callable[[Any], Any]) -> None:
    source = TENSOR_LAYOUTS[layout](base_tensor("complex128"))
    arrived = way(source)
    assert described(arrived) == described(source)
    assert_independent(source, arrived)
    assert arrived.data_ptr() % arrived.element_size() == 0


@needs_torch
@ways
def test_tensors_can_be_written_by_every_way(way: Callable[[Any], Any]) -> None:
    arrived = way(torch.zeros(5))
    arrived += 1
    assert arrived.tolist() == [1] * 5


@pytest.mark.parametrize("make", [np.asarray, bridge.view], ids=["array", "View"])
@pytest.mark.parametrize("way", [*COPIES.values(), out_of_band], ids=[*COPIES.keys(), "out of band"])
def test_readonly_memory_stays_so(make: Callable[[Any], Any], way: Callable[[Any], Any]) -> None:
    arrived = way(make(readonly(base_array())))
    assert bridge.view(arrived).readonly
    assert peek(arrived) == base_array().tolist()


SLICES: dict[str, tuple[Callable[[Any], Any], int]] = {
    "rows": (lambda x: x[3:5], 2 * 64),
    "one element": (lambda x: x[3, 3], 1),
    "every second column": (lambda x: x[:, ::2], 64 * 32),
    "a column": (lambda x: x[:, 7], 64),
    "transposed": (lambda x: x.T, 64 * 64),
    "a block": (lambda x: x[:10, :10], 100),
    "all": (lambda x: x, 64 * 64),
    "none": (lambda x: x[:0], 0),
}
REPEATED: dict[str, tuple[Callable[[Any], Any], int]] = {
    "broadcast": (lambda x: x[3].expand(1000, 64), 64),
    "broadcast column": (lambda x: x[:, 3:4].expand(64, 1000), 64),
    "windows": (lambda x: x.view(-1).unfold(0, 5, 1), 64 * 64),
    "channels last": (lambda x: x.view(4, 4, 16, 16).to(memory_format=torch.channels_last), 64 * 64),
}


@pytest.mark.parametrize(("slice_of", "size"), SLICES.values(), ids=SLICES.keys())
def test_only_the_bytes_of_the_elements_leave_an_array(slice_of: Callable[[Any], Any], size: int) -> None:
    (buffer,) = buffers_of(slice_of(np.zeros((64, 64), np.int16)[:])[...])
    assert buffer.nbytes == 2 * size


@needs_torch
@pytest.mark.parametrize(
    ("slice_of", "size"), {**SLICES, **REPEATED}.values(), ids=[*SLICES.keys(), *REPEATED.keys()]
)
def test_only_the_bytes_of_the_elements_leave_a_tensor(slice_of: Callable[[Any], Any], size: int) -> None:
    source = slice_of(torch.randn(64, 64).bfloat16())
    (buffer,) = buffers_of(source)
    assert buffer.nbytes == 2 * size
    arrived = out_of_band(source)
    assert torch.equal(arrived, source)


def test_the_message_is_small() -> None:
    buffers: list[Any] = []
    assert len(bridge.dumps(np.zeros((1000, 1000)), buffer_callback=buffers.append)) < 200


def test_what_arrived_keeps_its_buffer_alive() -> None:
    buffer = bytearray(bridge.dumps(np.arange(3.0)))
    arrived = bridge.loads(buffer)
    data = bytearray(np.arange(3.0).tobytes())
    message = bridge.dumps(np.zeros(3), buffer_callback=lambda _: None)
    aliased = bridge.loads(message, [data])
    with pytest.raises(BufferError):
        data.append(0)
    del data, buffer
    gc.collect()
    assert peek(aliased) == peek(arrived) == [0, 1, 2]


def test_plain_pickle_sends_views_out_of_band() -> None:
    source = bridge.view(base_array())
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps([source, source], protocol=5, buffer_callback=buffers.append)
    assert len(buffers) == 1
    first, second = pickle.loads(data, buffers=buffers)
    assert first is second
    assert_aliases(source, first)


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.array(["text", "x"]),
        lambda: np.array(["2026-11-29"], "M8[D]"),
        lambda: np.array([{}, None], object),
        lambda: np.zeros(3, [("a", "i4"), ("b", "f8")]),
        lambda: np.array([1, 2], np.longdouble),
        lambda: np.array([b"abc"]),
        lambda: np.ma.array([1, 2], mask=[True, False]),
        lambda: np.float32(3),
        lambda: {"nested": [np.arange(3), (np.ones(2),)]},
    ],
)
def test_the_rest_of_numpy_pickles_as_ever(make: Callable[[], Any]) -> None:
    source = make()
    for arrived in (out_of_band(source), pickle.loads(bridge.dumps(source, 2))):
        assert type(arrived) is type(source)
        assert repr(arrived) == repr(source)
