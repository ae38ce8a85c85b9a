"""What is pickled, and what is sent to other processes: counted, with what would share instead."""

from __future__ import annotations

import copyreg
import io
import multiprocessing
import pickle
import queue as queues
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge.auditing.judging import messages, parts
from support import needs_torch, torch

OUT_OF_BAND, BLOCK = messages._OUT_OF_BAND, messages._BLOCK
ARRAY = np.arange(1000.0)


if torch is not None:

    class Subclass(torch.Tensor):
        pass


def big() -> Any:
    return torch.zeros(100, 1000)


def dumped(x: Any, **options: Any) -> Any:
    """The one conversion of pickling an object."""
    with bridge.audit() as log:
        pickle.dumps(x, **options)
    (conversion,) = log
    assert conversion.call == "pickle.dumps"
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
        (lambda: {"x": ARRAY, "text": "a" * 10**6}, "dict of numpy float64", parts.PICKLED, OUT_OF_BAND),
        (lambda: ARRAY.astype("M8[s]"), "numpy datetime64[s]", parts.PICKLED, ""),
        (lambda: ARRAY.astype(np.longdouble), f"numpy {np.dtype(np.longdouble).name}", parts.PICKLED, ""),
        (lambda: bridge.view(ARRAY[::2]), "numpy_bridge float64", parts.PACKED, ""),
        (lambda: ARRAY, "numpy float64", parts.PICKLED, OUT_OF_BAND),
        (lambda: ARRAY.reshape(10, 100).T, "numpy float64", parts.PICKLED, OUT_OF_BAND),
        (lambda: ARRAY[::2], "numpy float64", parts.PICKLED, ""),
        (lambda: ARRAY.view(np.recarray), "numpy float64", parts.PICKLED, ""),
        (lambda: bridge.view(ARRAY), "numpy_bridge float64", parts.PICKLED, OUT_OF_BAND),
        (lambda: [{"a": ARRAY}, (ARRAY, 1)], "list of numpy float64", parts.PICKLED, OUT_OF_BAND),
    ],
)
def test_pickled_arrays(make: Callable[[], Any], kind: str, reason: str, instead: str) -> None:
    made = make()
    found = dumped(made)
    assert (found.source, found.result, found.outcome) == (kind, "message", "copied")
    assert (found.reason, found.alternative, found.hidden) == (reason, instead, False)
    assert found.nbytes == sum(each.nbytes for each in messages._arrays(made))
    if instead:
        buffers: list[Any] = []
        eval(instead.replace("(x", "(made"), {"bridge": bridge, "made": made, "buffers": buffers})
        assert sum(memoryview(buffer).nbytes for buffer in buffers) == found.nbytes


@needs_torch
@pytest.mark.parametrize(
    ("make", "nbytes", "reason", "instead"),
    [
        (lambda: big(), 400_000, parts.PICKLED, OUT_OF_BAND),
        (lambda: big()[:1], 400_000, parts.WHOLE_STORAGE, OUT_OF_BAND),
        (lambda: big()[:, ::2], 400_000, parts.WHOLE_STORAGE, ""),
        (lambda: (x := big(), x[:1]), 800_000, f"{parts.PICKLED}; {parts.WHOLE_STORAGE}", OUT_OF_BAND),
        (lambda: torch.zeros(1).expand(1000, 1000), 4, parts.PICKLED, OUT_OF_BAND),
        (lambda: {"x": big(), "n": ARRAY}, 408_000, parts.PICKLED, OUT_OF_BAND),
    ],
)
def test_pickled_tensors(make: Callable[[], Any], nbytes: int, reason: str, instead: str) -> None:
    found = dumped(make())
    assert found.nbytes == nbytes
    assert (found.outcome, found.reason, found.alternative) == ("copied", reason, instead)


def test_handles_are_shared() -> None:
    block = bridge.shared_empty(1000, "float64")
    found = dumped([block])
    assert (found.outcome, found.nbytes, found.reason) == ("shared", 8000, parts.HANDLE)
    assert dumped([block, ARRAY]).outcome == "copied"


GAPS = np.zeros((1000, 2))[:, 0]


@pytest.mark.parametrize(
    ("make", "outcome", "nbytes", "reason"),
    [
        (lambda: ARRAY, "shared", 8000, messages.OUT_OF_BAND),
        (lambda: bridge.view(ARRAY), "shared", 8000, messages.OUT_OF_BAND),
        (lambda: [ARRAY, ARRAY[1:]], "shared", 15992, messages.OUT_OF_BAND),
        (lambda: {"beside": np.zeros(2000), "within": GAPS}, "copied", 8000, parts.PICKLED),
        (lambda: {"beside": ARRAY, "within": bridge.view(GAPS)}, "copied", 8000, parts.PACKED),
        (lambda: (ARRAY, "a" * 10**6), "unknown", 0, messages.UNCLEAR),
        pytest.param(lambda: (ARRAY, big()), "copied", 400_000, parts.PICKLED, marks=needs_torch),
    ],
)
def test_what_a_callback_takes(make: Callable[[], Any], outcome: str, nbytes: int, reason: str) -> None:
    found = dumped(make(), protocol=5, buffer_callback=[].append)
    assert (found.outcome, found.nbytes, found.reason) == (outcome, nbytes, reason)


def test_a_callback_may_refuse() -> None:
    assert dumped(ARRAY, protocol=5, buffer_callback=lambda buffer: True).outcome == "unknown"
    assert dumped(ARRAY, protocol=5, buffer_callback=None).outcome == "copied"


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
    assert (found.outcome, found.nbytes, found.reason) == ("copied", 400_000, parts.MOVED)
    assert x.is_shared()
    found = sent(x, pipe)
    assert (found.outcome, found.nbytes, found.reason) == ("shared", 400_000, parts.IN_SHARED_MEMORY)


class Reduced(np.ndarray):
    def __reduce__(self) -> Any:
        return int, ()


def a_reducer(x: object) -> Any:
    return int, ()


@pytest.fixture
def reducers(monkeypatch: pytest.MonkeyPatch) -> type[ForkingPickler]:
    """The pickler of multiprocessing, which forgets afterwards what is registered."""
    monkeypatch.setattr(ForkingPickler, "_extra_reducers", dict(ForkingPickler._extra_reducers))
    monkeypatch.setattr(copyreg, "dispatch_table", dict(copyreg.dispatch_table))
    return ForkingPickler


LARGE = np.zeros(100_000)


@pytest.mark.parametrize(
    ("make", "nbytes", "reason"),
    [
        (lambda: LARGE, 800_000, parts.COPIED_ONCE),
        (lambda: LARGE[::2], 400_000, parts.COPIED_ONCE),
        (lambda: bridge.view(LARGE), 800_000, parts.COPIED_ONCE),
        (lambda: bridge.view(np.broadcast_to(ARRAY, (100, 1000))), 8000, parts.COPIED_ONCE),
        (lambda: ARRAY, 8000, parts.PICKLED),
        (lambda: LARGE.astype("M8[s]"), 800_000, parts.PICKLED),
        (lambda: LARGE.view(np.recarray), 800_000, parts.PICKLED),
        pytest.param(lambda: big(), 400_000, parts.COPIED_ONCE, marks=needs_torch),
        pytest.param(lambda: big()[0], 4000, parts.PICKLED, marks=needs_torch),
    ],
)
def test_our_reducers_are_known(
    make: Callable[[], Any], nbytes: int, reason: str, reducers: Any, pipe: tuple[Connection, Connection]
) -> None:
    bridge.register_reducers(reducers, shared_memory=True)
    received = threading.Thread(target=pipe[1].recv_bytes)
    received.start()
    with bridge.audit() as log:
        pipe[0].send(make())
    received.join()
    found = log.conversions[-1]
    assert (found.call, found.outcome) == ("Connection.send", "copied")
    assert (found.nbytes, found.reason) == (nbytes, reason)


@pytest.mark.parametrize("registry", ["multiprocessing", "copyreg", "method"])
def test_what_other_reducers_send_is_unknown(
    registry: str, reducers: Any, pipe: tuple[Connection, Connection]
) -> None:
    x = ARRAY.view(Reduced if registry == "method" else np.recarray)
    if registry != "method":
        {"multiprocessing": reducers.register, "copyreg": copyreg.pickle}[registry](np.recarray, a_reducer)
    with bridge.audit() as log:
        pipe[0].send(x)
        if registry != "multiprocessing":
            pickle.dumps(x)
    assert not log.conversions


@needs_torch
def test_torch_moves_the_storage_of_subclasses(pipe: tuple[Connection, Connection]) -> None:
    found = sent(big().as_subclass(Subclass), pipe)
    assert (found.outcome, found.nbytes, found.reason) == ("copied", 400_000, parts.MOVED)


@pytest.mark.parametrize("x", [np.array(["abc"]), np.zeros(3, "M8[s]"), np.zeros(3, [("a", "i4")])])
def test_no_block_is_proposed_where_none_can_be(x: Any, pipe: tuple[Connection, Connection]) -> None:
    found = sent(x, pipe)
    assert (found.outcome, found.nbytes, found.alternative) == ("copied", x.nbytes, "")
    with pytest.raises(bridge.SharingError):
        bridge.shared_empty(x.shape, x.dtype)


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
        *(np.empty(0), np.array([None]), np.zeros(9, [("a", object)]), {ARRAY.tobytes()}),
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
    console.print(table(run, show_all=True))
    for text in (console.file.getvalue(), html(run, ["send.py"], pictures)):
        assert "Connection.send" in text
        assert "numpy float64 → another process" in text
        assert "bridge.shared_empty(shape, dtype)" in text
