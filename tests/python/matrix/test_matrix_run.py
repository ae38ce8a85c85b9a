"""Whole matrices: whatever a cell does to its process, every cell gets its own answer."""

from __future__ import annotations

import re
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from numpy_bridge import matrix
from numpy_bridge.matrix import Cell, Consumer, Outcome, Producer
from numpy_bridge.matrix.run import run as run_cells
from repository import ROOT
from support import run_python

DOCS = ROOT / "docs"
RESULT = (DOCS / "matrix-result.md").read_text()

run_module = sys.modules["numpy_bridge.matrix.run"]

ARRAY = Producer("array", "numpy", "import os, signal, sys, time\nx = np.array(values, np.float32)")
GOOD = Consumer("numpy", "good", "x")


def bad(label: str, call: str) -> Consumer:
    return Consumer("numpy", label, call)


MISDEEDS = [
    (bad("abort", "os.abort()"), Outcome.CRASHES, "SIGABRT"),
    (bad("signal", "os.kill(os.getpid(), signal.SIGTERM)"), Outcome.CRASHES, "SIGTERM"),
    (bad("exit", "sys.exit(3)"), Outcome.CRASHES, "3"),
    (bad("leave", "os._exit(0)"), Outcome.CRASHES, "exit status 0"),
    (bad("hang", "time.sleep(600)"), Outcome.HANGS, "no answer within 1 seconds"),
    (bad("lie", "-x"), Outcome.WRONG, "got -1"),
    (bad("copy", "x.copy()"), Outcome.COPIES, ""),
    (bad("raise", "1 / 0"), Outcome.REFUSES, "ZeroDivisionError"),
    (bad("print", "[print('[0, true, {}]'), os.write(1, b'garbage'), x][2]"), Outcome.SHARES, ""),
]


@pytest.fixture(params=["forked", "alone"])
def isolation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With and without forking, which some systems do not allow."""
    if request.param == "alone":
        monkeypatch.setattr(run_module, "_FORKS", False)


@pytest.mark.usefixtures("isolation")
def test_misdeeds_are_found_and_put_down_to_the_right_cell() -> None:
    consumers = [GOOD, *(consumer for row in MISDEEDS for consumer in (row[0], GOOD))]
    cells = run_cells([ARRAY], consumers, limit=1)
    assert [cell.consumer for cell in cells] == consumers
    assert {cell.outcome for cell in cells[::2]} == {Outcome.SHARES}
    for cell, (_, outcome, why) in zip(cells[1::2], MISDEEDS, strict=True):
        assert cell.outcome is outcome, cell
        assert why in cell.why


def test_a_worker_that_is_killed_takes_no_other_cell_along() -> None:
    killer = bad("killer", "os.kill(os.getsid(0), signal.SIGKILL)")
    cells = run_cells([ARRAY], [GOOD, killer, bad("abort", "os.abort()"), bad("copy", "x.copy()")], limit=5)
    outcomes = [cell.outcome for cell in cells]
    assert outcomes == [Outcome.SHARES, Outcome.CRASHES, Outcome.CRASHES, Outcome.COPIES]
    assert cells[1].why == "SIGKILL"


@pytest.mark.usefixtures("isolation")
def test_what_cannot_be_imported_is_untried() -> None:
    here = matrix.installed()
    gone = next((library.name for library in matrix.LIBRARIES if library.name not in here), None)
    if gone is None:
        pytest.skip("every library of the matrix is installed: this needs one that is not")
    cells = run_cells([replace(ARRAY, needs=(gone,)), ARRAY], [GOOD])
    assert [cell.outcome for cell in cells] == [Outcome.UNTRIED, Outcome.SHARES]
    assert "No module named" in cells[0].why


def test_a_crash_in_a_fork_of_several_threads_is_not_believed() -> None:
    """The other threads' locks stay locked in the new process, which may hang or crash for that alone."""
    run_python(
        """
import io, threading
from numpy_bridge.matrix import Consumer, Producer
from numpy_bridge.matrix.worker import Answer, Node, Plan, Task, _visit

def answered():
    answers = io.StringIO()
    task = Task(7, Producer("p", "python", "x = bytearray(values)"), Consumer("python", "c", "memoryview(x)"))
    _visit(Node(tasks=[task]), Plan(Node(), limit=30, fork=True), answers)
    return Answer.from_line(answers.getvalue())

assert answered()[:2] == (7, True)
thread = threading.Thread(target=(done := threading.Event()).wait)
thread.start()
assert answered()[:2] == (7, False)
done.set()
"""
    )


def test_cells_are_reported_as_they_become_known() -> None:
    reported: list[Cell] = []
    cells = run_cells([ARRAY], [GOOD, bad("copy", "x.copy()")], report=reported.append)
    assert reported == list(cells)


def test_nothing_runs_on_after_an_interrupt(tmp_path: Path) -> None:
    note = f"[open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())), time.sleep(600)]"

    def interrupt(_: Cell) -> None:
        deadline = time.monotonic() + 60
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_cells([ARRAY], [GOOD, bad("sleep", note)], report=interrupt)
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 60
    while _runs(pid):
        assert time.monotonic() < deadline, "the cell's process is still there"
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    """Whether a process exists and has not ended: who inherits it may take its time to notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


# The real libraries


HERE = [name for name in ("python", "numpy", "torch", "ml_dtypes") if name in matrix.installed()]


@pytest.fixture(scope="module")
def cells() -> tuple[Cell, ...]:
    """Every cell of the libraries that the tests have."""
    return matrix.run(*matrix.select(only=HERE), limit=120)


def test_ours_shares_or_refuses_with_a_reason(cells: tuple[Cell, ...]) -> None:
    ours = [cell for cell in cells if cell.consumer.ours and cell.outcome is not Outcome.UNTRIED]
    assert len(ours) >= 30
    for cell in ours:
        assert not cell.is_our_fault, cell
        assert cell.outcome in (Outcome.SHARES, Outcome.READONLY, Outcome.REFUSES)
        if cell.outcome is Outcome.REFUSES:
            assert cell.why.startswith("SharingError: ")


def test_ours_shares_wherever_anybody_rightly_does(cells: tuple[Cell, ...]) -> None:
    good = (Outcome.SHARES, Outcome.READONLY)
    shared = {(c.producer, c.consumer.library) for c in cells if c.outcome in good}
    ours = {(c.producer, c.consumer.library) for c in cells if c.outcome in good and c.consumer.ours}
    assert shared == ours


def test_only_devices_are_untried(cells: tuple[Cell, ...]) -> None:
    untried = {cell.producer.name for cell in cells if cell.outcome is Outcome.UNTRIED}
    assert untried <= {"torch on CUDA"}


def test_readonly_memory_stays_so_in_our_hands(cells: tuple[Cell, ...]) -> None:
    for cell in cells:
        if cell.consumer.ours and cell.producer.readonly:
            assert cell.outcome in (Outcome.READONLY, Outcome.REFUSES)


# The documentation


def documented() -> dict[tuple[str, str], str]:
    """The results in docs/matrix-result.md, by producer and call."""
    results = {}
    for table in re.findall(r"^\| x \| `.*\n\|.*\n(?:\|.*\n)+", RESULT, re.M):
        heads, _, *rows = [
            [cell.strip(" `") for cell in line.strip("|").split(" | ")] for line in table.splitlines()
        ]
        results |= {
            (name, call): outcome for name, *row in rows for call, outcome in zip(heads[1:], row, strict=True)
        }
    return results


def test_the_documented_result_is_todays(cells: tuple[Cell, ...]) -> None:
    """Ours whatever the versions, the others' if it is theirs."""
    here = matrix.installed()
    same = {name for name in HERE if f"{name} {here[name].partition('+')[0]}" in RESULT} | {"python"}
    results = documented()
    compared = [
        (cell, results[cell.producer.name, cell.consumer.call])
        for cell in cells
        if cell.outcome is not Outcome.UNTRIED
        and (cell.consumer.ours or {cell.producer.library, cell.consumer.library} <= same)
    ]
    assert len(compared) >= 40
    assert [cell.outcome.value for cell, _ in compared] == [result for _, result in compared]


def test_ours_is_documented_to_share_or_refuse() -> None:
    ours = [result for (_, call), result in documented().items() if "bridge." in call]
    assert len(ours) >= 100
    assert set(ours) == {"shares", "read-only", "refuses"}


def test_the_guide_runs(capsys: pytest.CaptureFixture[str]) -> None:
    guide = (DOCS / "matrix.md").read_text()
    for code in re.findall(r"```python\n(.*?)```", guide, re.S):
        exec(code, {})
    assert capsys.readouterr().out == "".join(re.findall(r"```text\n(.*?)```", guide, re.S))


# Which cells


def test_select_takes_what_is_installed_and_asked_for() -> None:
    producers, consumers = matrix.select(sources=["python"], targets=["numpy"])
    assert {producer.library for producer in producers} == {"python"}
    assert [consumer.label for consumer in consumers] == ["asarray", "dlpack", "ours"]
    everything = matrix.select()
    assert {consumer.library for consumer in everything[1]} <= set(matrix.installed())
    assert matrix.select(only=["python", "numpy"], targets=["python"])[1] == tuple(
        consumer for consumer in everything[1] if consumer.library == "python"
    )


def test_select_knows_no_other_names() -> None:
    with pytest.raises(matrix.UnknownLibraryError, match="unknown: nmupy; there are array-api-strict, "):
        matrix.select(only=["nmupy"])
