"""What is pickled, and what is sent to other processes: counted, with what would share instead."""

from __future__ import annotations

import io
import multiprocessing
import pickle
import queue as queues
import tracemalloc
import unittest.mock
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge.auditing.judging import messages
from support import needs_torch, torch

OUT_OF_BAND, BLOCK = messages._OUT_OF_BAND, messages._BLOCK
ARRAY = np.arange(1000.0)


def big() -> Any:
    return torch.zeros(100, 1000)


@pytest.fixture
def pipe() -> Iterator[tuple[Connection, Connection]]:
    here, there = multiprocessing.Pipe()
    with here, there:
        yield here, there


def dumped(x: Any, **options: Any) -> Any:
    """The one conversion of pickling an object."""
    with bridge.audit() as log:
        data = pickle.dumps(x, **options)
    (conversion,) = log
    assert conversion.call == "pickle.dumps"
    if conversion.outcome == "copied":
        assert conversion.nbytes == len(data)
    return conversion


def sent(x: Any, pipe: tuple[Connection, Connection]) -> Any:
    """The one conversion of sending an object; nothing moves it before."""
    with bridge.audit() as log:
        pipe[0].send(x)
    pipe[1].recv_bytes()
    (conversion,) = log
    assert conversion.call == "Connection.send"
    return conversion


@pytest.mark.parametrize(
    ("make", "kind", "reason", "instead"),
    [
        (lambda: ARRAY, "numpy float64", messages.PICKLED, OUT_OF_BAND),
        (lambda: ARRAY.reshape(10, 100).T, "numpy float64", messages.PICKLED, OUT_OF_BAND),
        (lambda: ARRAY[::2], "numpy float64", messages.PICKLED, ""),
        (lambda: ARRAY.view(np.recarray), "numpy float64", messages.PICKLED, ""),
        (lambda: bridge.view(ARRAY), "numpy_bridge float64", messages.PICKLED, OUT_OF_BAND),
        (lambda: [{"a": ARRAY}, (ARRAY, 1)], "list of numpy float64", messages.PICKLED, OUT_OF_BAND),
    ],
)
def test_pickled_arrays(make: Callable[[], Any], kind: str, reason: str, instead: str) -> None:
    found = dumped(make())
    assert (found.source, found.result, found.outcome) == (kind, "message", "copied")
    assert (found.reason, found.alternative, found.hidden) == (reason, instead, False)
    if instead:
        buffers: list[Any] = []
        data = eval(instead.replace("(x", "(make()"), {"bridge": bridge, "make": make, "buffers": buffers})
        assert len(data) < 1000 < sum(memoryview(buffer).nbytes for buffer in buffers)


@needs_torch
@pytest.mark.parametrize(
    ("make", "nbytes", "reason", "instead"),
    [
        (lambda: big(), 400_000, messages.PICKLED, OUT_OF_BAND),
        (lambda: big()[:1], 400_000, messages.WHOLE_STORAGE, OUT_OF_BAND),
        (lambda: big()[:, ::2], 400_000, messages.PICKLED, ""),
        (lambda: {"x": big(), "n": ARRAY}, 408_000, messages.PICKLED, OUT_OF_BAND),
    ],
)
def test_pickled_tensors(make: Callable[[], Any], nbytes: int, reason: str, instead: str) -> None:
    found = dumped(make())
    assert nbytes < found.nbytes < nbytes + 2000
    assert (found.outcome, found.reason, found.alternative) == ("copied", reason, instead)


def test_out_of_band_and_handles_are_shared() -> None:
    found = dumped(ARRAY, protocol=5, buffer_callback=[].append)
    assert (found.outcome, found.nbytes, found.reason) == ("shared", 8000, messages.OUT_OF_BAND)
    block = bridge.shared_empty(1000, "float64")
    found = dumped([block])
    assert (found.outcome, found.nbytes, found.reason) == ("shared", 8000, messages.HANDLE)
    assert dumped([block, ARRAY]).outcome == "copied"


def test_what_is_sent(pipe: tuple[Connection, Connection]) -> None:
    found = sent([ARRAY, ARRAY], pipe)
    assert (found.source, found.result) == ("list of numpy float64", "another process")
    assert (found.outcome, found.nbytes, found.alternative) == ("copied", 8000, BLOCK)
    assert found.place.text == "pipe[0].send(x)"
    block = bridge.shared_empty(1000, "float64")
    found = sent({"block": block}, pipe)
    assert (found.outcome, found.nbytes, found.alternative) == ("shared", 8000, "")


@needs_torch
def test_torch_moves_the_storage_once(pipe: tuple[Connection, Connection]) -> None:
    x = big()
    found = sent((x[:1], x[1:]), pipe)
    assert (found.outcome, found.nbytes, found.reason) == ("copied", 400_000, messages.MOVED)
    assert x.is_shared()
    found = sent(x, pipe)
    assert (found.outcome, found.nbytes, found.reason) == ("shared", 400_000, messages.IN_SHARED_MEMORY)


@pytest.mark.parametrize("kind", ["Queue", "JoinableQueue", "SimpleQueue"])
def test_queues(kind: str) -> None:
    queue = getattr(multiprocessing, kind)()
    with bridge.audit() as log:
        queue.put(ARRAY)
        assert np.array_equal(queue.get(), ARRAY)
    (found,) = log
    assert (found.call, found.nbytes, found.outcome) == (f"{kind}.put", 8000, "copied")


def test_no_finding_without_arrays_of_the_program(pipe: tuple[Connection, Connection]) -> None:
    loop: list[Any] = []
    loop.append(loop)
    nothing = [
        *(1, "text", [1, 2], {"a": b"bytes"}, loop, np.float64(1), range(3)),
        *(np.empty(0), np.array([None]), {ARRAY.tobytes()}),
    ]
    thread_queue: Any = queues.Queue()
    with bridge.audit() as log:
        for x in nothing:
            pickle.dumps(x)
            pipe[0].send(x)
        pickle.Pickler(io.BytesIO()).dump(ARRAY)
        pickle.dump(ARRAY, io.BytesIO())
        thread_queue.put(ARRAY)
        multiprocessing.reduction.ForkingPickler.dumps(ARRAY)
        bridge.dumps(ARRAY)
    assert not log.conversions


def test_conversions_in_pickling_count_where_no_array_is_sent() -> None:
    class Converts:
        def __reduce__(self) -> Any:
            return float, (np.array(memoryview(b"12345678"))[0],)

    with bridge.audit() as log:
        pickle.dumps(Converts())
    assert [c.call for c in log] == ["np.array"]


def test_messages_are_no_hidden_copies(pipe: tuple[Connection, Connection]) -> None:
    with bridge.no_copies():
        pickle.dumps(ARRAY)
        pipe[0].send(ARRAY)
    pipe[1].recv()


def test_everything_is_as_before(pipe: tuple[Connection, Connection]) -> None:
    original = pickle.dumps, Connection.__dict__.get("send"), Connection.send
    plain = pickle.dumps({"a": ARRAY})
    with bridge.audit():
        assert pickle.dumps({"a": ARRAY}) == plain
        assert pickle.loads(pickle.dumps(pickle.dumps)) in (original[0], pickle.dumps)
        with pytest.raises((pickle.PicklingError, AttributeError)):
            pickle.dumps([ARRAY, lambda: None])
        pipe[0].send([ARRAY])
    assert np.array_equal(pipe[1].recv()[0], ARRAY)
    assert (pickle.dumps, Connection.__dict__.get("send"), Connection.send) == original


@needs_torch
def test_subclasses_are_not_asked() -> None:
    asked = []

    class Watching(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function, types, arguments=(), options=None):
            asked.append(function)
            return super().__torch_function__(function, types, arguments, options or {})

        def __reduce_ex__(self, protocol):
            return int, ()

    x = torch.ones(10).as_subclass(Watching)
    asked.clear()
    pickle.dumps(x)
    plain = list(asked)
    asked.clear()
    with bridge.audit():
        pickle.dumps(x)
    assert asked == plain


def without_strides() -> Any:
    class Strideless(torch.Tensor):
        def stride(self, *dim: int) -> Any:
            raise RuntimeError

        def __reduce_ex__(self, protocol: Any) -> Any:
            return int, ()

    return torch.ones(3).as_subclass(Strideless)


def without_dtype() -> Any:
    class Typeless(np.ndarray):
        @property
        def dtype(self) -> Any:
            raise RuntimeError

        def __reduce__(self) -> Any:
            return int, ()

    return np.ones(3).view(Typeless)


def nested() -> Any:
    return torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)])


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("call", ["pickle.dumps", "Connection.send"])
@pytest.mark.parametrize(
    ("make", "found"),
    [
        (without_dtype, 0),
        pytest.param(without_strides, 0, marks=needs_torch),
        pytest.param(nested, 1, marks=needs_torch),  # the array beside it
    ],
)
def test_what_cannot_be_described_is_sent_as_before(
    call: str, make: Callable[[], Any], found: int, pipe: tuple[Connection, Connection]
) -> None:
    with bridge.audit() as log:
        pickle.dumps([make(), ARRAY]) if call == "pickle.dumps" else pipe[0].send([make(), ARRAY])
    assert [c.call for c in log] == [call] * found


def test_a_method_is_replaced_where_it_is_defined(pipe: tuple[Connection, Connection]) -> None:
    with (
        bridge.audit(),
        unittest.mock.patch.object(multiprocessing.connection._ConnectionBase, "send") as send,
    ):
        pipe[0].send(ARRAY)
    assert send.called


@pytest.mark.parametrize("kind", [list, tuple, dict.fromkeys])
def test_long_objects_are_not_copied(kind: Callable[[Any], Any]) -> None:
    long = kind(range(200_000))
    tracemalloc.start()
    try:
        messages.outgoing(long)
        assert tracemalloc.get_traced_memory()[1] < 200_000
    finally:
        tracemalloc.stop()


def test_reports(pipe: tuple[Connection, Connection]) -> None:
    pytest.importorskip("rich", reason="the table needs rich")
    from rich.console import Console

    from numpy_bridge.auditing.document import document
    from numpy_bridge.auditing.install.installation import installation
    from numpy_bridge.auditing.page import html
    from numpy_bridge.auditing.pictures import Pictures
    from numpy_bridge.auditing.run import Run
    from numpy_bridge.auditing.terminal import table

    pictures = Pictures()
    with installation.listening(pictures), bridge.audit() as log:
        pipe[0].send(ARRAY)
    run = Run(log, 0, Path.cwd())
    (line,) = document(run, ["send.py"])["lines"]
    assert line["copied_bytes"] == 8000
    assert line["conversions"][0]["alternative"] == BLOCK
    console = Console(file=io.StringIO(), width=300)
    console.print(table(run))
    for text in (console.file.getvalue(), html(run, ["send.py"], pictures)):
        assert "Connection.send: numpy float64 → another process" in text
        assert "bridge.shared_empty(shape, dtype)" in text
