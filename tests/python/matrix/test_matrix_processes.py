"""The matrix between processes: what is counted, what is proved, and what a cell may do to its processes."""

from __future__ import annotations

import doctest
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from numpy_bridge.matrix import Outcome, UnknownLibraryError, processes
from numpy_bridge.matrix.document import document
from numpy_bridge.matrix.markdown import markdown
from numpy_bridge.matrix.model import Cell, Consumer, Finding, Matrix
from numpy_bridge.matrix.passage import Passage
from numpy_bridge.matrix.processes.probe import probe
from numpy_bridge.matrix.processes.resident import ENVIRONMENT, Growth
from repository import ROOT

MIB = 1 << 20
RESULT = (ROOT / "docs/matrix-processes-result.md").read_text()
OBJECTS = {producer.name: producer for producer in processes.PRODUCERS}
BY_NAME = {transport.name: transport for transport in processes.TRANSPORTS}
ARRAY, BLOCK = OBJECTS["ndarray"], OBJECTS["SharedBlock"]
HERE = processes.Transport("pickle-in-band", "test", "receive(x)")
INSTALLED = processes.select()[0]


def copies(cell: Cell) -> float:
    assert cell.finding.passage, cell
    assert cell.finding.passage.copies is not None
    return cell.finding.passage.copies


# Real processes


@pytest.mark.resident
@pytest.mark.parametrize(
    ("producer", "transport", "outcome", "least", "most"),
    [
        (ARRAY, BY_NAME["pickle-in-band pickle"], Outcome.COPIES, 1.8, 2.9),
        (ARRAY, BY_NAME["shared-memory ours"], Outcome.COPIES, 0.9, 1.4),
        (BLOCK, BY_NAME["executor submit"], Outcome.SHARES, 0, 0.4),
    ],
)
def test_what_transports_copy(producer, transport, outcome, least, most) -> None:
    (cell,) = processes.run([producer], [transport], nbytes=4 * MIB, limit=120)
    assert cell.outcome is outcome, cell
    assert least <= copies(cell) <= most


def test_a_receiver_that_ends_is_a_cell() -> None:
    ends = replace(BY_NAME["queue Queue"], receive="__import__('os')._exit(3)")
    finding = probe(ARRAY, ends, nbytes=1024)
    assert (finding.outcome, finding.passage) == (Outcome.CRASHES, None)
    assert "the receiver ended with status 3" in finding.why


def test_what_cannot_be_pickled_is_refused_although_a_thread_of_the_queue_pickles() -> None:
    refused = replace(BY_NAME["queue Queue"], call="queue.put(lambda: x); answer()")
    finding = probe(ARRAY, refused, nbytes=1024)
    assert finding.outcome is Outcome.REFUSES
    assert "pickle" in finding.why


def test_a_hang_is_a_cell() -> None:
    (cell,) = processes.run([ARRAY], [replace(HERE, call="__import__('time').sleep(600)")], limit=1)
    assert cell.outcome is Outcome.HANGS


_HANGS = """
import signal, sys, time
from dataclasses import replace
from numpy_bridge.matrix import processes

signal.signal(signal.SIGINT, signal.default_int_handler)  # shells ignore it in the background
call = f'''
import multiprocessing, os, pathlib
memory, *layout = shared(np.asarray(x))
queue.put((memory, *layout))
receiver, = multiprocessing.active_children()
pathlib.Path({sys.argv[1]!r}).write_text(f"{{os.getpid()}} {{receiver.pid}} {{memory.name}}\\\\n")
time.sleep(600)
'''
objects, transports = processes.select(sources=["numpy"], targets=["shared-memory"])
transport = replace(transports[0], prepare="import time\\n" + transports[0].prepare, call=call)
processes.run(objects[:1], [transport], limit=300, nbytes=1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and /dev/shm")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_of_a_cell_that_is_ended(number: signal.Signals, tmp_path: Path) -> None:
    """By this library, after SIGINT, or because its parent has ended."""
    note = tmp_path / "note"
    parent = subprocess.Popen([sys.executable, "-c", _HANGS, note], stderr=subprocess.DEVNULL)
    try:
        _wait_until(lambda: note.exists() and note.read_text().endswith("\n"))
        *processes_of_cell, name = note.read_text().split()
        assert _runs(processes_of_cell[0])
        assert _is_there(name)
    finally:
        parent.send_signal(number)
        assert parent.wait(60) != 0
    _wait_until(lambda: not any(map(_runs, processes_of_cell)))
    _wait_until(lambda: not _is_there(name))


def _wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _runs(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _is_there(name: str) -> bool:
    return Path(f"/dev/shm/{name}").exists()


# What is found


@pytest.mark.parametrize(
    ("settings", "outcome", "why"),
    [
        ({}, Outcome.SHARES, ""),
        ({"receive": "x.copy()"}, Outcome.COPIES, ""),
        ({"receive": "bridge.view(x, readonly=True)"}, Outcome.READONLY, ""),
        ({"receive": "bridge.view(x.copy(), readonly=True)"}, Outcome.COPIES, ""),
        ({"receive": "-x"}, Outcome.WRONG, "other values have arrived, such as -0, -1, -2"),
        ({"receive": "x * (np.arange(x.size).reshape(x.shape) != 9)"}, Outcome.WRONG, "other values"),
        ({"call": "1 / 0"}, Outcome.REFUSES, "ZeroDivisionError"),
        ({"prepare": "1 / 0"}, Outcome.UNTRIED, "ZeroDivisionError"),
    ],
)
def test_outcomes(settings: dict[str, str], outcome: Outcome, why: str) -> None:
    finding = probe(ARRAY, replace(HERE, **settings), nbytes=4096)
    assert finding.outcome is outcome
    assert why in finding.why
    if finding.passage:
        assert finding.passage.nbytes == 4096
        assert finding.passage.readonly == ("view" in settings.get("receive", ""))


@pytest.mark.parametrize("producer", INSTALLED, ids=lambda producer: producer.name)
def test_ours_out_of_band_shares_every_object(producer) -> None:
    finding = probe(producer, BY_NAME["pickle-out-of-band ours"], nbytes=1 << 16)
    assert finding.outcome is (Outcome.READONLY if producer.readonly else Outcome.SHARES), finding


_GROWTH = """
import numpy as np
import numpy_bridge as bridge
from numpy_bridge.matrix.processes.resident import Growth

MIB = 1 << 20
growth = Growth()
np.ones(8 * MIB, np.uint8)
assert 7 * MIB < growth.bytes() < 10 * MIB
block = bridge.shared_empty(8 * MIB, "uint8")
growth = Growth()
bridge.to_numpy(block)[:] = 1
assert growth.bytes(shared=False) < 2 * MIB
assert growth.bytes() >= growth.bytes(shared=False)
"""


@pytest.mark.resident
def test_growth_counts_what_was_freed_and_not_what_others_share() -> None:
    """In a process of its own, which has no freed memory to use again."""
    subprocess.run([sys.executable, "-c", _GROWTH], check=True, env={**os.environ, **ENVIRONMENT})


def test_without_linux_nothing_is_counted(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr("numpy_bridge.matrix.processes.resident._RESET", tmp_path)
    assert Growth().bytes() is None
    assert str(Passage(8, None, None, 0.5, False)) == "500 ms"


# Which cells


def test_select_takes_clusters_only_when_asked_for() -> None:
    def libraries(**asked: object) -> set[str]:
        return {transport.library for transport in processes.select(**asked)[1]}

    assert libraries() & {"ray", "dask"} == set()
    assert libraries(targets=["queue", "dask"]) <= {"queue", "dask"}
    clusters = {each.library for each in processes.TRANSPORTS if each.cluster and each.installed}
    assert libraries(clusters=True) == libraries() | clusters
    with pytest.raises(UnknownLibraryError, match="unknown: queues; there are dask, executor, "):
        processes.select(targets=["queues"])
    with pytest.raises(UnknownLibraryError, match="unknown: pandas; there are jax, numpy, torch"):
        processes.select(sources=["pandas"])


def test_the_example_of_the_package_is_what_happens() -> None:
    assert doctest.testmod(processes) == (0, 4)


def test_names_are_unique() -> None:
    assert len(OBJECTS) == len(processes.PRODUCERS)
    assert len(BY_NAME) == len(processes.TRANSPORTS)


@pytest.mark.parametrize(("transport", "at_fault"), [("pickle-out-of-band ours", True), ("ray ours", False)])
def test_a_copy_is_a_fault_where_nothing_has_to_be_copied(transport: str, at_fault: bool) -> None:
    assert Cell(ARRAY, BY_NAME[transport], Finding(Outcome.COPIES)).is_our_fault is at_fault
    assert Cell(ARRAY, BY_NAME[transport], Finding(Outcome.WRONG)).is_our_fault


# Reports


def example() -> Matrix:
    finding = Finding(Outcome.COPIES, "", "float32", passage=Passage(2 * MIB, 3 * MIB, MIB, 0.0123, True))
    cells = [Cell(ARRAY, BY_NAME["queue reducers"], finding)]
    refused = Finding(Outcome.REFUSES, "TypeError: no")
    return processes.result([*cells, Cell(ARRAY, BY_NAME["ray put"], refused)])


def test_findings_are_sent_as_they_are() -> None:
    for cell in example().cells:
        assert Finding.from_dict(json.loads(json.dumps(cell.finding.to_dict()))) == cell.finding
    assert "passage" not in Finding(Outcome.SHARES).to_dict()


def test_document() -> None:
    form = document(example())
    assert form["schema"] == "numpy-bridge/matrix-processes/1"
    assert form["cells"][0]["passage"] == {
        "nbytes": 2 * MIB,
        "sender": 3 * MIB,
        "receiver": MIB,
        "seconds": 0.0123,
        "readonly": True,
    }
    assert "ForkingPickler" in form["prepared_by"]["queue reducers"]


def test_markdown_and_page() -> None:
    from numpy_bridge.matrix.page import page

    text = markdown(example())
    assert "## Through queue" in text
    assert "| ndarray | copies 2.0x, 12 ms, read-only |" in text
    assert "`numpy-bridge matrix --processes --clusters --markdown FILE`" in text
    shown = page(example())
    for part in ("copies 2.0x, 12 ms", ">3.0<", ">12.3<", "<pre>from multiprocessing", ">ray</th>"):
        assert part in shown


# The stored result


def documented() -> dict[tuple[str, str], str]:
    """Results by object and transport."""
    results = {}
    for library, heads, rows in re.findall(
        r"^## Through (\S+)\n\n\| x \| (.*)\n\|.*\n((?:\|.*\n)+)", RESULT, re.M
    ):
        calls = [each for each in processes.TRANSPORTS if each.library == library]
        codes = [f"`{each.call}`" for each in calls]
        heads = [head[head.index("`") :] for head in heads.removesuffix(" |").split(" | ")]
        assert codes == heads
        for name, *words in (row.strip("|").split(" | ") for row in rows.splitlines()):
            results |= {(name.strip(), each.name): word for each, word in zip(calls, words, strict=True)}
    return results


def test_the_stored_result_has_every_cell() -> None:
    assert documented().keys() == {(x, transport) for x in OBJECTS for transport in BY_NAME}
    for (_, transport), word in documented().items():
        assert not BY_NAME[transport].ours or word.split()[0] in ("shares", "read-only", "copies")


@pytest.mark.parametrize("producer", INSTALLED, ids=lambda producer: producer.name)
def test_the_stored_result_is_todays_without_a_transport(producer) -> None:
    """Those of pickle, which need no other process."""
    stored = documented()
    for transport in processes.TRANSPORTS:
        if transport.peer == "here":
            finding = probe(producer, transport, nbytes=1 << 16)
            assert stored[producer.name, transport.name].split()[0] == finding.outcome.value


def test_consumers_of_the_other_matrix_have_no_passage() -> None:
    cell = Cell(ARRAY, Consumer("numpy", "ours", "x"), Finding(Outcome.SHARES))
    assert cell.word == "shares"
