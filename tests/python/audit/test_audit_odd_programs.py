"""`numpy-bridge audit` of programs that leave something behind: a folder, a stream, a pool, a process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("typer", reason="the command line needs typer")
pytest.importorskip("rich", reason="the command line needs rich")

COPY = "import numpy as np\nblock = bytearray(1024)\nnp.array(block)\n"
FOUND = "1 conversion: 1 KiB copied, 0 bytes shared; 1 hidden copy of 1 KiB\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


def audit(text: str, *options: str) -> subprocess.CompletedProcess[str]:
    Path("script.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "numpy_bridge", "audit", *options, "script.py"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    "move",
    [
        "import os\nos.mkdir('sub')\nos.chdir('sub')\n",
        "import os\nos.mkdir('sub')\nos.chdir('sub')\nos.rmdir('../sub')\n",
    ],
    ids=["elsewhere", "nowhere"],
)
def test_reports_are_written_where_the_command_was_given(move: str) -> None:
    done = audit(COPY + move, "--json", "report.json", "--html", "report.html")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(FOUND)
    assert " script.py:3 " in done.stdout
    assert json.loads(Path("report.json").read_text())["hidden_copies"] == 1
    assert "<b>script.py:3</b>" in Path("report.html").read_text()


@pytest.mark.parametrize(
    ("option", "path", "why"),
    [("--json", "no/report", "there is no folder {}/no"), ("--html", ".", "{} is a folder")],
)
def test_a_report_that_cannot_be_written_stops_the_program_before_it_starts(
    folder: Path, option: str, path: str, why: str
) -> None:
    done = audit("print('started')\n", option, path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"numpy-bridge audit: {why.format(folder)}\n"


def test_stdout_that_the_program_has_replaced() -> None:
    assert audit(COPY + "import io, sys\nsys.stdout = io.StringIO()\n").stdout.endswith(FOUND)


def test_stdout_that_the_program_has_closed() -> None:
    done = audit(COPY + "import sys\nsys.stdout.close()\n", "--json", "report.json")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "numpy-bridge audit: the program closed stdout, so the table cannot be shown\n"
    assert json.loads(Path("report.json").read_text())["hidden_copies"] == 1


def test_stdout_without_the_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    done = audit(COPY.replace("block", "größer"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "bridge.to_numpy(gr??er)" in done.stdout


def test_an_exception_of_an_unusual_kind() -> None:
    done = audit(COPY + "import asyncio\nraise asyncio.CancelledError('by itself')\n")
    assert (done.returncode, done.stdout[-len(FOUND) :]) == (1, FOUND)
    assert done.stderr.endswith("asyncio.exceptions.CancelledError: by itself\n")
    assert "numpy_bridge" not in done.stderr


@pytest.mark.parametrize("kind", ["Thread", "Process"])
def test_an_executor_that_is_left_open(kind: str) -> None:
    text = f"""
import builtins
import time
from concurrent.futures import {kind}PoolExecutor
import numpy as np

def work(seconds):
    time.sleep(seconds)
    print("worked", flush=True)

if __name__ == "__main__":
    np.array(bytearray(1024))
    builtins.kept = {kind}PoolExecutor(1)
    for _ in range(3):
        builtins.kept.submit(work, 0.1)
"""
    done = audit(text)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("worked\n" * 3)
    assert done.stdout.endswith(FOUND)


def test_a_forked_process_that_ends_by_itself_reports_nothing() -> None:
    text = COPY + "import os, sys\nif os.fork() == 0:\n    sys.exit(4)\nprint(os.wait()[1] >> 8)\n"
    done = audit(text)
    assert done.stdout.startswith("4\n")
    assert done.stdout.count("conversion:") == 1


def test_nothing_is_cut_off_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    done = audit(COPY.replace("block", "a_block_of_bytes_with_a_long_name"))
    said = "".join(done.stdout.split())
    assert "script.py:3" in said
    assert "useinstead:bridge.to_numpy(a_block_of_bytes_with_a_long_name)" in said
    assert max(map(len, done.stdout.splitlines())) <= 40
