"""Damaged and forged messages: an error, or memory within the frame. Never a read outside."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import numpy_bridge as bridge
from numpy_bridge import _core
from numpy_bridge.processes.frame import Frame
from numpy_bridge.processes.reducing import describe, rebuild, rebuilt
from sending import buffers_of
from support import needs_torch, torch

HUGE = 2**63


def block() -> np.ndarray:
    """Sixty-four bytes in the middle of others, which nothing may reach."""
    return np.arange(192, dtype=np.uint8)[64:128]


def assert_within(x: Any, frame: np.ndarray) -> None:
    memory = _core.describe(x)
    start = frame.ctypes.data
    assert memory["low"] == memory["high"] or start <= memory["low"] <= memory["high"] <= start + frame.nbytes


integers = (
    st.integers(-10, 100)
    | st.sampled_from([0, 1, 63, 64, 65, -64, HUGE - 1, HUGE, -HUGE, 2**57, 2**64, 2**100])
    | st.integers(-(2**65), 2**65)
)
odd_values = st.sampled_from([None, "x", b"", 1.5, True, (), [], {}, object(), "float32"])
tuples = st.lists(integers | odd_values, max_size=4).map(tuple) | odd_values | st.just((1,) * 100)
dtypes = (
    st.sampled_from(["uint8", "float32", "complex128", "bfloat16", "float99", "", ">f4", "O", "V8"])
    | odd_values
)
kinds = st.sampled_from(["view", "array", "subclass", *(["tensor"] if torch else [])])


@settings(max_examples=500)
@given(kinds, integers | odd_values, dtypes, tuples, tuples, integers | odd_values | tuples)
@example("view", 64, "uint8", (0,), None, False)
@example("view", 64, "uint8", (1,), None, False)
@example("view", 0, "uint8", (64,), (HUGE - 1,), False)
@example("array", 63, "uint8", (64,), (-1,), False)
@example("array", HUGE - 1, "uint8", (2,), (HUGE - 1,), False)
@example("tensor", 60, "float32", (2,), (4,), 0)
@example("tensor", 0, "uint8", (4,), (1,), 1)
@example("tensor", 0, "float32", (4, 4), (4, 4), 15)
@example("tensor", 2, "float32", (1,), (4,), 0)
def test_forged_descriptions(
    kind: Any, offset: Any, dtype: Any, shape: Any, strides: Any, extra: Any
) -> None:
    assume(torch or kind != "tensor")
    frame = block()
    try:
        x = rebuilt(Frame(frame, 1, 1, 0), kind, offset, dtype, shape, strides, extra)
    except bridge.SharingError:
        return
    assert_within(x, frame)


@given(integers | odd_values, integers | odd_values, integers | odd_values)
def test_forged_frames(use: Any, alignment: Any, phase: Any) -> None:
    frame = block()
    metadata = ("array", (use, alignment, phase), 0, "uint8", (64,), None, False)
    try:
        x = rebuild(metadata, [frame])
    except bridge.SharingError:
        return
    assert x.tobytes() == frame.tobytes()


def whole(data: Any) -> Any:
    return rebuilt(Frame(data, 1, 1, 0), "array", 0, "uint8", (64,), None, False)


@pytest.mark.parametrize(
    "data",
    [
        b"too short",
        b"",
        block()[::2],
        block()[:63],
        "text",
        None,
        7,
        [1, 2],
        memoryview(block())[::-1],
        np.zeros(64, object),
        object(),
    ],
    ids=repr,
)
def test_buffers_that_do_not_fit(data: Any) -> None:
    with pytest.raises(bridge.SharingError, match="cannot rebuild what was sent"):
        whole(data)


def test_a_larger_buffer_is_not_read_beyond() -> None:
    assert whole(bytes(100)).nbytes == 64


@pytest.mark.parametrize(
    "metadata",
    [
        (),
        None,
        ("view",),
        ("nothing", (0, 1, 0), 0, "uint8", (1,), None, False),
        (["view"], (0, 1, 0), 0, "uint8", (1,), None, False),
        ("view", 3, 0, "uint8", (1,), None, False),
        ("view", (0, 1), 0, "uint8", (1,), None, False),
        ("view", (0, 1, 0), 0, "uint8", (1,), None, False, int, {}),
        ("tensor", (2, 1, 0), 0, "uint8", (1,), None, 0, int),
    ],
    ids=repr,
)
def test_damaged_metadata(metadata: Any) -> None:
    with pytest.raises(bridge.SharingError) as caught:
        rebuild(metadata, [bytes(8)])
    assert (caught.value.protocol, caught.value.field) == ("unpickle", "metadata")
    assert caught.value.expected == "what numpy_bridge has written"


@pytest.mark.parametrize("frames", [[], [b"a", b"b"], None])
def test_the_number_of_frames(frames: Any) -> None:
    _, metadata = describe(np.arange(3))
    with pytest.raises(bridge.SharingError, match=r"\[unpickle\.metadata\]"):
        rebuild(metadata, frames)


def test_the_error_says_what_does_not_fit() -> None:
    data = bridge.dumps(np.arange(100.0), buffer_callback=lambda _: None)
    with pytest.raises(bridge.SharingError) as caught:
        bridge.loads(data, [bytes(700)])
    error = caught.value
    assert (error.protocol, error.field) == ("unpickle", "shape")
    assert error.expected == "elements within the 700 bytes that arrived"
    assert error.got == "bytes 0 to 800"
    assert error.hint == "the message is damaged, or its buffers are incomplete or in another order"


def test_buffers_in_another_order() -> None:
    source = [np.arange(3.0), np.arange(30.0)]
    data = bridge.dumps(source, buffer_callback=lambda _: None)
    with pytest.raises(bridge.SharingError, match="in another order"):
        bridge.loads(data, buffers_of(source)[::-1])
    with pytest.raises(pickle.UnpicklingError, match="not enough out-of-band buffers"):
        bridge.loads(data, buffers_of(source)[:1])


class Restricted(pickle.Unpickler):
    """Damage to a name must not call functions that have nothing to do with this."""

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("numpy_bridge.processes.") and name in ("rebuilt", "Frame"):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name}")


def sources() -> list[Any]:
    array = np.arange(12.0).reshape(3, 4)
    objects = [array, array[1:].T, bridge.view(array, readonly=True), np.arange(6)[::-2]]
    if torch is not None:
        tensor = torch.arange(12).to(torch.bfloat16)
        objects += [tensor, tensor[3:], torch.ones(2, requires_grad=True)]
    return objects


@settings(max_examples=1000)
@given(st.data())
def test_flipped_bytes(data: Any) -> None:
    """Whatever the damage: an exception, or objects that can be read."""
    buffers: list[bytearray] = []
    message = bytearray(
        bridge.dumps(sources(), buffer_callback=lambda buffer: buffers.append(bytearray(buffer.raw())))
    )
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(message) - 1))
        message[place] = data.draw(st.integers(0, 255))
    try:
        arrived = Restricted(io.BytesIO(message), buffers=buffers).load()
    except (Exception, MemoryError):
        return
    for x in arrived if isinstance(arrived, list) else []:
        if isinstance(x, (np.ndarray, bridge.View)):
            np.asarray(x).tobytes()
        elif torch is not None and isinstance(x, torch.Tensor):
            x.detach().float().sum()


@needs_torch
@pytest.mark.parametrize("flags", [-1, 16, 1.5, "1", None, HUGE, 1, True])
def test_forged_flags(flags: Any) -> None:
    with pytest.raises(bridge.SharingError, match=r"expected the flags of a tensor.*\[unpickle\.metadata\]"):
        rebuilt(Frame(bytearray(8), 2, 1, 0), "tensor", 0, "int64", (1,), None, flags)


@needs_torch
def test_a_description_that_counts_elements_twice() -> None:
    """As many bytes as the frame has, but not all of those, and then the whole."""
    frame = Frame(bytearray(1 << 16), 2, 1, 0)
    first = rebuilt(frame, "tensor", 0, "uint8", (1 << 15, 2), (1, 0), 0)
    whole = rebuilt(frame, "tensor", 0, "uint8", (1 << 16,), (1,), 0)
    whole[5] = 7
    assert first[5].tolist() == [7, 7]
    assert whole.shape == (1 << 16,)
    assert first.untyped_storage().data_ptr() == whole.untyped_storage().data_ptr()


@needs_torch
def test_a_storage_that_is_too_small_is_refused() -> None:
    frame = Frame(bytearray(8), 2, 1, 0)
    frame.tensor = torch.frombuffer(bytearray(4), dtype=torch.uint8)
    with pytest.raises(bridge.SharingError, match="expected a tensor in the storage of its frame"):
        rebuilt(frame, "tensor", 0, "uint8", (8,), (1,), 0)
