"""What is counted meanwhile is told to each log once, in threads and forks too, and little of it is kept."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge.auditing import dispatch
from numpy_bridge.auditing.install.installation import installation
from numpy_bridge.auditing.judging.calls import Call

torch = pytest.importorskip("torch", reason="most of it is torch's")


@pytest.mark.usefixtures("forget")
def test_rows_made_for_one_call_are_not_kept() -> None:
    jax = pytest.importorskip("jax", reason="its trees are reported by rows of their own")
    with bridge.audit():
        for _ in range(3):
            jax.device_put({"a": np.ones(4), "b": [np.ones(4)]})
        before = sum(isinstance(each, Call) for each in gc.get_objects())
        for _ in range(50):
            jax.device_put({"a": np.ones(4), "b": [np.ones(4)]})
        assert sum(isinstance(each, Call) for each in gc.get_objects()) == before


@pytest.mark.usefixtures("forget")
def test_a_log_that_is_read_meanwhile_and_one_inside_another() -> None:
    array = np.ones(3)

    def convert(times: int) -> None:
        for _ in range(times):
            torch.from_numpy(array)

    with bridge.audit() as log:
        convert(5)
        assert (len(log), log.shared_bytes) == (5, 120)
        with bridge.audit() as inner:
            convert(3)
        assert (len(log), len(inner)) == (8, 3)
        with bridge.no_copies():
            convert(2)
        convert(1)
    assert (len(log), len(inner), log.conversions[0].seconds > 0) == (11, 3, True)
    convert(4)
    assert (len(log), len(inner)) == (11, 3)


@pytest.mark.usefixtures("forget")
def test_each_of_equal_copies_is_forbidden() -> None:
    array, caught = np.ones(3), 0
    with bridge.audit() as log, bridge.no_copies():
        for _ in range(5):
            try:
                torch.tensor(array)
            except bridge.HiddenCopyError:
                caught += 1
    assert (caught, len(log)) == (5, 5)


@pytest.mark.usefixtures("forget")
def test_threads_are_counted_exactly_while_audits_begin_and_end() -> None:
    threads, times, array = 4, 2000, np.ones(3)

    def convert() -> None:
        for _ in range(times):
            torch.from_numpy(array), np.asarray(array), torch.as_tensor(array)

    with bridge.audit() as log:
        workers = [threading.Thread(target=convert) for _ in range(threads)]
        for worker in workers:
            worker.start()
        inner = 0
        while any(worker.is_alive() for worker in workers):
            with bridge.audit() as short:
                assert len(log) <= 3 * threads * times
            inner += len(short)
        for worker in workers:
            worker.join()
    assert (len(log), log.shared_bytes) == (3 * threads * times, 24 * 3 * threads * times)
    assert inner <= 3 * threads * times


FORKS = """
import os, sys
import numpy as np, torch
array = np.ones(3)
class Ending:
    def __array__(self, *_, **__):
        os._exit(0)
def convert(times):
    for _ in range(times):
        torch.from_numpy(array)
convert(100)
child = os.fork()
convert(10)
if child == 0:
    END
os.waitpid(child, 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("end", ["sys.exit()", "os._exit(0)", "np.asarray(Ending())"])
def test_what_a_parent_has_counted_is_not_counted_by_its_child(end: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(FORKS.replace("END", end))
    command = [sys.executable, "-m", "numpy_bridge", "audit", "--json", "found.json", "program.py"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    found = [
        c for line in json.loads((tmp_path / "found.json").read_text())["lines"] for c in line["conversions"]
    ]
    assert [(c["times"], c["nbytes"]) for c in found] == [(120, 120 * 24)]


FORKS_BESIDE_A_THREAD = """
import os, signal, threading
import numpy as np
array, ended = np.ones(3), threading.Event()
def convert():
    while not ended.is_set():
        np.asarray(array)
thread = threading.Thread(target=convert, daemon=True)
thread.start()
for _ in range(8):
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        np.asarray(array)
        break
    assert os.waitpid(child, 0)[1] == 0
else:
    ended.set()
    thread.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_while_a_thread_counts(tmp_path: Path) -> None:
    """What the thread had locked, or begun to change, is nothing to the child."""
    (tmp_path / "program.py").write_text(FORKS_BESIDE_A_THREAD)
    command = [sys.executable, "-m", "numpy_bridge", "audit", "--json", "found.json", "program.py"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    lines = json.loads((tmp_path / "found.json").read_text())["lines"]
    times = {line["line"]: sum(c["times"] for c in line["conversions"]) for line in lines}
    assert times[7] > 0
    assert times[14] == 8


@pytest.mark.usefixtures("forget")
def test_little_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "_MOST", 3)
    with bridge.audit() as log:
        for n in range(8):
            np.asarray(np.zeros((1, 1, n + 2, 3)).T)
        assert len(installation.dispatcher.known) <= 3
    assert (len(log), len(installation.dispatcher.known)) == (8, 0)
