"""Objects of one message that share memory share it where they arrive: one buffer, one storage."""

from __future__ import annotations

import io
import pickle
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import numpy_bridge as bridge
from numpy_bridge.processes import message
from sending import COPIES, buffers_of, out_of_band
from strategies import BUFFER, layouts
from support import assert_aliases, needs_torch, peek, torch

ways = pytest.mark.parametrize("way", COPIES.values(), ids=COPIES.keys())

# Two objects over one block of 24 float32, the bytes that are sent, and an element of each that is the same
PAIRS: dict[str, tuple[Callable[[Any], tuple[Any, Any]], int, tuple[Any, Any]]] = {
    "the same": (lambda x: (x, x[:]), 96, (0, 0)),
    "whole, slice": (lambda x: (x, x[3:5]), 96, (4, 1)),
    "slice, whole": (lambda x: (x[3:5], x), 96, (1, 4)),
    "overlapping": (lambda x: (x[:10], x[8:20]), 80, (9, 1)),
    "overlapping, later first": (lambda x: (x[8:20], x[:10]), 80, (1, 9)),
    "row, column": (lambda x: (x.reshape(4, 6)[2], x.reshape(4, 6)[:, 1]), 4 * 19, (1, 2)),
    "column, row": (lambda x: (x.reshape(4, 6)[:, 1], x.reshape(4, 6)[2]), 4 * 19, (2, 1)),
    "every second, whole": (lambda x: (x[::2], x), 96, (3, 6)),
    "every second, every third": (lambda x: (x[::2], x[::3]), 92, (3, 2)),
    "every second, the same": (lambda x: (x[::2], x[::2]), 48, (3, 3)),
    "transposed": (lambda x: (x.reshape(4, 6).T, x), 96, ((1, 2), 13)),
}


def over(make: Callable[[Any], Any]) -> Any:
    return make(np.arange(24, dtype=np.float32))


makers = pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda x: x, id="arrays"),
        pytest.param(lambda x: torch.from_numpy(x), marks=needs_torch, id="tensors"),
    ],
)


@needs_torch
@pytest.mark.parametrize("whole_first", [False, True])
@pytest.mark.parametrize(
    "repeated", [lambda x: x[:5].unfold(0, 4, 1), lambda x: x[:1].expand(8)], ids=["windows", "broadcast"]
)
def test_elements_that_overlap_are_not_taken_for_all_of_the_frame(repeated: Any, whole_first: bool) -> None:
    """They are as many as those of the frame, in fewer bytes."""
    x = torch.arange(8.0)
    pair = (x, repeated(x)) if whole_first else (repeated(x), x)
    for way in COPIES.values():
        arrived = way(pair)
        assert [a.tolist() for a in arrived] == [a.tolist() for a in pair]
        whole, other = arrived if whole_first else arrived[::-1]
        whole[0] = 7
        assert other.flatten()[0] == 7


@makers
@ways
@pytest.mark.parametrize(("pair", "size", "common"), PAIRS.values(), ids=PAIRS.keys())
def test_two_objects_of_one_block(
    make: Callable[[Any], Any], way: Callable[[Any], Any], pair: Any, size: int, common: Any
) -> None:
    source = pair(over(make))
    (buffer,) = buffers_of(source)
    assert buffer.nbytes == size
    a, b = way(source)
    assert [peek(a), peek(b)] == [peek(x) for x in source]
    if not bridge.view(a).readonly:
        a[common[0]] = 77
        assert b[common[1]] == 77
        b[common[1]] = 78
        assert a[common[0]] == 78
    else:
        assert bridge.shares_memory(a[common[0]], b[common[1]]) or bridge.shares_memory(a, b)


APART: dict[str, tuple[Callable[[Any], Any], list[int]]] = {
    "halves": (lambda x: (x[:12], x[12:]), [48, 48]),
    "interleaved": (lambda x: (x[::2], x[1::2]), [48, 48]),
    "columns": (lambda x: (x.reshape(4, 6)[:, 0], x.reshape(4, 6)[:, 5]), [16, 16]),
    "one inside the gaps": (lambda x: (x[::4], x[1:3]), [24, 8]),
}


@makers
@pytest.mark.parametrize(("pair", "sizes"), APART.values(), ids=APART.keys())
def test_disjoint_objects_send_their_own_bytes(
    make: Callable[[Any], Any], pair: Any, sizes: list[int]
) -> None:
    source = pair(over(make))
    assert [buffer.nbytes for buffer in buffers_of(source)] == sizes
    assert [peek(x) for x in out_of_band(source)] == [peek(x) for x in source]


@needs_torch
@ways
def test_objects_of_several_libraries(way: Callable[[Any], Any]) -> None:
    tensor = torch.arange(6.0)
    source = [bridge.view(tensor), tensor.numpy(), tensor, tensor[2:], bridge.view(tensor)]
    view, array, whole, part, _ = way(source)
    assert len(buffers_of(source)) == 1
    whole[2] = 70
    assert np.asarray(view)[2] == array[2] == part[0] == 70


@needs_torch
@ways
def test_tensors_have_one_storage(way: Callable[[Any], Any]) -> None:
    base = torch.arange(24.0)
    arrived = way([base[:10], base.view(4, 6).T, base.view(torch.int32)[5:], base[3]])
    assert len({x.untyped_storage()._cdata for x in arrived}) == 1
    again = way(arrived)
    assert [x.tolist() for x in again] == [x.tolist() for x in arrived]


@needs_torch
def test_a_readonly_view_does_not_make_the_tensor_beside_it_readonly() -> None:
    tensor = torch.arange(6.0)
    view, arrived = COPIES["in band"]([bridge.view(tensor, readonly=True), tensor])
    arrived[1] = 9
    assert view.readonly
    assert np.asarray(view)[1] == 9


@needs_torch
@ways
@pytest.mark.parametrize("part", [lambda x: x, lambda x: x[::2]], ids=["whole", "gaps"])
@pytest.mark.parametrize("order", [1, -1])
def test_the_one_that_writes_most_decides(way: Callable[[Any], Any], part: Any, order: int) -> None:
    tensor = torch.arange(8.0)
    source = [bridge.view(part(tensor), readonly=True), part(tensor).numpy(), part(tensor)][::order]
    view, array, arrived = way(source)[::order]
    arrived[1] = 9
    assert np.asarray(view)[1] == array[1] == 9
    array[2] = 8
    assert arrived[2] == 8
    assert len(buffers_of(source)) == 1


@pytest.mark.parametrize("count", [10, 300])
def test_many_columns(count: int) -> None:
    """Few are sent alone. Where asking which of them overlap takes too long, the block is sent."""
    block = np.arange(4 * 1000).reshape(4, 1000)
    columns = [block[:, i] for i in range(count)]
    assert sum(buffer.nbytes for buffer in buffers_of(columns)) <= 8 * 4 * (count if count < 256 else 1000)
    arrived = COPIES["in band"](columns)
    assert [x.tolist() for x in arrived] == [x.tolist() for x in columns]


def test_many_objects_take_time_in_proportion() -> None:
    def seconds(count: int) -> float:
        arrays = [np.zeros(4) for _ in range(count)] + [np.zeros((3, 4))[:, ::2] for _ in range(count)]
        start = time.process_time()
        bridge.dumps(arrays, buffer_callback=lambda _: None)
        return time.process_time() - start

    seconds(100)
    assert seconds(4000) < 60 * min(seconds(200) for _ in range(5))


@needs_torch
@pytest.mark.parametrize("order", [1, -1])
def test_wider_elements_of_one_block_are_aligned(order: int) -> None:
    """The first user of a frame decides nothing: complex numbers beside bytes."""
    block = torch.zeros(64, dtype=torch.complex128)
    source = [block.view(torch.uint8)[8:], block[1:], block.view(torch.float32)[5:]][::order]
    arrived = COPIES["at odd addresses"](source)
    for x in arrived:
        assert x.data_ptr() % x.element_size() == 0
    arrived[1][3] = 5
    assert [x.view(torch.uint8).tolist() for x in arrived] != [x.view(torch.uint8).tolist() for x in source]
    source[1][3] = 5
    assert [x.view(torch.uint8).tolist() for x in arrived] == [x.view(torch.uint8).tolist() for x in source]


@pytest.mark.parametrize("way", [*COPIES.values(), out_of_band], ids=[*COPIES.keys(), "out of band"])
@settings(max_examples=60)
@given(sources=st.lists(layouts(), min_size=1, max_size=5), data=st.data())
def test_every_write_reaches_the_same_objects(way: Any, sources: list[np.ndarray], data: Any) -> None:
    """Random layouts over one buffer: what a write changes is the same here and where the message arrives."""
    BUFFER[:] = np.arange(BUFFER.size) * 37 % 251
    arrived = way(sources)
    assert [x.tobytes() for x in arrived] == [x.tobytes() for x in sources]
    writers = [i for i, x in enumerate(sources) if x.size and arrived[i].flags.writeable]
    if way is out_of_band or not writers:
        return
    for _ in range(3):
        i = data.draw(st.sampled_from(writers))
        element = data.draw(st.integers(0, sources[i].size - 1))
        value = data.draw(st.integers(0, 100))
        for objects in (sources, arrived):
            objects[i][np.unravel_index(element, objects[i].shape)] = value
    assert [x.tobytes() for x in arrived] == [x.tobytes() for x in sources]


def test_a_second_message_has_buffers_of_its_own() -> None:
    array = np.arange(4.0)
    buffers: list[Any] = []

    class File:
        def write(self, data: Any) -> None:
            written.append(bytes(data))

    written: list[bytes] = []
    pickler = bridge.Pickler(File(), buffer_callback=buffers.append)
    pickler.dump([array, array[1:]])
    pickler.clear_memo()
    array[0] = 9
    pickler.dump([array[:2], array])
    assert len(buffers) == len(written) == 2
    assert bridge.loads(written[1], [buffers[1]])[0].tolist() == [9, 1]


def test_memory_made_by_pickling_is_not_confused() -> None:
    """The blocks of temporary arrays lie at one address after the other was freed."""

    class Computed:
        def __init__(self, value: int) -> None:
            self.value = value

        def __reduce__(self) -> Any:
            block = np.full(1000, self.value)
            return list, ([block[:600], block[400:]],)

    arrived = COPIES["in band"]([Computed(i) for i in range(20)])
    assert [[set(x.tolist()) for x in pair] for pair in arrived] == [[{i}, {i}] for i in range(20)]


class TestCallback:
    """A buffer that the callback does not take is in the message, as in `pickle`."""

    def test_it_is_called_once_for_each_buffer(self) -> None:
        array = np.arange(24)
        sizes: list[int] = []
        source = [array[:4], array[2:], np.ones(2)]
        bridge.dumps(source, buffer_callback=lambda buffer: sizes.append(buffer.raw().nbytes))
        assert sizes == [192, 16]

    def test_it_decides(self) -> None:
        source = [np.ones(100), np.zeros(2), np.full(50, 3.0), np.zeros(2)]
        taken: list[Any] = []

        def take_large(buffer: Any) -> bool:
            if buffer.raw().nbytes < 100:
                return True
            taken.append(buffer)
            return False

        data = bridge.dumps(source, buffer_callback=take_large)
        assert len(taken) == 2
        arrived = bridge.loads(data, taken)
        assert [x.tolist() for x in arrived] == [x.tolist() for x in source]
        assert_aliases(arrived[0], source[0])
        arrived[1][0] = 5
        assert source[1][0] == 0

    def test_decisions_of_one_message_do_not_reach_the_next(self) -> None:
        answers = iter([True, False, False])
        pickler = bridge.Pickler(io.BytesIO(), buffer_callback=lambda _: next(answers))
        pickler.dump(np.ones(2))
        pickler.clear_memo()
        pickler.dump([np.ones(3), np.ones(4)])
        assert next(answers, None) is None

    def test_other_buffers_go_with_ours(self) -> None:
        fields = np.zeros(3, [("a", "i4")])
        buffers: list[Any] = []
        data = bridge.dumps([fields, np.ones(2)], buffer_callback=buffers.append)
        assert len(buffers) == 2
        assert bridge.loads(data, buffers)[0].dtype == fields.dtype

    def test_its_exception_is_the_callers(self) -> None:
        with pytest.raises(ZeroDivisionError):
            bridge.dumps(np.ones(1), buffer_callback=lambda _: 1 // 0)

    def test_it_needs_protocol_5(self) -> None:
        with pytest.raises(ValueError, match="protocol >= 5"):
            bridge.dumps(np.ones(1), 4, buffer_callback=lambda _: None)


def test_frames_of_other_picklers_are_equal_or_apart() -> None:
    array = np.arange(10)
    views = [bridge.view(array), bridge.view(array), bridge.view(array[:3])]
    first, second, part = pickle.loads(pickle.dumps(views))
    assert bridge.shares_memory(first, second)
    assert not bridge.shares_memory(first, part)
    assert not message.alone._frames
