"""`numpy-bridge audit`: any program, run as Python runs it, with a report at its end."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("typer", reason="the command line needs typer")
pytest.importorskip("rich", reason="the command line needs rich")

from numpy_bridge.auditing import run
from numpy_bridge.auditing.model import AuditLog

COPY = "import numpy as np\nblock = bytearray(1024)\nnp.array(block)\n"
SHARE = "import numpy as np\nnp.asarray(bytearray(1024))\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


def audit(*arguments: str, text: str = COPY) -> subprocess.CompletedProcess[str]:
    Path("script.py").write_text(text)
    command = [sys.executable, "-m", "numpy_bridge", "audit", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_table() -> None:
    done = audit("script.py", text=COPY + SHARE + "print('done')\n")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [re.sub("  +", " | ", line.strip()) for line in done.stdout.splitlines() if line.strip()]
    assert lines[:3] == ["done", "Hidden copies", "bytes | time | line | what | why | use instead"]
    assert lines[4].split(" | ")[::2][:2] == ["1 KiB", "script.py:3"]
    text = " ".join(lines[4:-3])
    for words in ("np.array ", "bytearray →", "copies unless", "bridge.to_numpy(block)"):
        assert words in text
    assert re.fullmatch(
        r"Conversions took [\d.]+ .?s, \d+\.\d% of the program's time(: little to gain)?", lines.pop(-2)
    )
    assert lines[-3:] == [
        "What to use instead is right if neither array is written while the other is in use.",
        "Not shown: 1 shared (1 KiB); --all lists them.",
        "2 conversions: 1 KiB copied, 1 KiB shared; 1 hidden copy of 1 KiB",
    ]


def test_all_is_shown() -> None:
    done = audit("--all", "script.py", text=COPY + SHARE)
    rest = done.stdout.partition("Everything else")[2]
    assert re.search(r"1 KiB +[\d.]+ [µm]?s +script.py:5 +np.asarray +the same", rest)
    assert "bytearray → numpy uint8, shared" in rest
    assert "Not shown" not in done.stdout


@pytest.mark.parametrize("columns", ["80", "60"])
def test_the_table_fits_the_terminal(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    long = "a_long_name_for_an_array_of_observations"
    text = COPY + f"{long} = bytearray(1 << 20)\nfor _ in range(1000):\n    np.array({long})\n"
    done = audit("--all", "script.py", text=text)
    assert max(map(len, done.stdout.splitlines())) <= int(columns)
    assert "1000 MiB" in done.stdout


def test_usage_tells_the_program_from_its_arguments() -> None:
    usage = audit("--help").stdout.splitlines()[0]
    assert usage.translate(dict.fromkeys(map(ord, "{}"))).endswith("audit [OPTIONS] SCRIPT [ARGUMENTS]...")


def test_nothing_to_report() -> None:
    done = audit("script.py", text="")
    assert done.stdout == "0 conversions: 0 bytes copied, 0 bytes shared; no hidden copies in watched calls\n"


def test_json() -> None:
    done = audit("--json", "-", "script.py", "--an-option")
    document = json.loads(done.stdout)
    assert document["schema"] == "numpy-bridge/audit/1"
    assert document["command"] == ["script.py", "--an-option"]
    assert (document["copied_bytes"], document["hidden_copies"], document["status"]) == (1024, 1, 0)
    (line,) = document["lines"]
    assert (Path(line["file"]).name, line["line"], line["text"]) == ("script.py", 3, "np.array(block)")
    (conversion,) = line["conversions"]
    assert 0 < conversion.pop("seconds") < document["program_seconds"]
    assert 0 < line["seconds"] <= document["seconds"] + 1e-6
    assert conversion == {
        "function": "<module>",
        "through": "",
        "through_file": "",
        "through_line": 0,
        "call": "np.array",
        "source": "bytearray",
        "result": "numpy uint8",
        "outcome": "copied",
        "reason": "np.array copies unless it is told not to",
        "alternative": "bridge.to_numpy(x)",
        "asked": False,
        "times": 1,
        "nbytes": 1024,
        "faster": "",
        "checked": "",
        "transfer": None,
        "advice": "bridge.to_numpy(block) shares, if neither array is written while the other is in use",
        "hidden": True,
        "allowed": False,
    }
    assert document["hidden_bytes"] == line["hidden_bytes"] == 1024
    assert document["folder"] == str(Path.cwd())
    audit("--json", "report.json", "script.py", "--an-option")
    assert json.loads(Path("report.json").read_text()).keys() == document.keys()


@pytest.mark.parametrize(
    "end",
    ["print('printed')", "import os\nos.system('echo printed')", "print('printed')\nsys.stdout.close()"],
)
def test_json_is_alone_on_stdout(end: str) -> None:
    done = audit("--json", "-", "--html", "report.html", "script.py", text=f"import sys\n{COPY}{end}\n")
    assert (done.returncode, done.stderr) == (0, "printed\n")
    assert json.loads(done.stdout)["copied_bytes"] == 1024


def test_html() -> None:
    more = "np.array([1, 2])\nnp.asarray(np.ones(2))\n" + "np.asarray(block)\n" * 2
    done = audit("--html", "report.html", "script.py", text=COPY + more)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Written to {Path('report.html').absolute()}.\n" in done.stdout
    page = Path("report.html").read_text()
    assert page.count("<svg") == 3  # a list and an argument that is returned have no two memories
    for text in (
        "script.py:3",
        "np.array(block)",
        "hidden copy",
        "bridge.to_numpy(block)",
        "1 hidden copy of 1 KiB",
    ):
        assert text in page


def test_the_program_is_run_as_python_runs_it() -> None:
    text = """
import sys, pickle, __main__
class Mine: pass
assert type(pickle.loads(pickle.dumps(Mine()))) is Mine
print(__name__, __file__, sys.argv, sys.path[0], __main__.Mine is Mine)
import neighbour
"""
    Path("sub").mkdir()
    Path("sub/neighbour.py").write_text("print('neighbour')")
    Path("sub/script.py").write_text(text)
    for arguments in (["sub/script.py", "a", "--b"], ["-m", "sub.module", "-x", "y"]):
        Path("sub/module.py").write_text(text.replace("import neighbour", ""))
        plain = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
        audited = audit(*arguments)
        assert audited.stdout.startswith(plain.stdout)
        assert plain.stdout


def test_a_folder_is_a_program() -> None:
    Path("application").mkdir()
    Path("application/__main__.py").write_text(COPY)
    assert "1 hidden copy of 1 KiB" in audit("application").stdout


@pytest.mark.parametrize(
    ("end", "status", "said"),
    [
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit()", 0, ""),
        ("import sys; sys.exit('sorry')", 1, "sorry\n"),
        ("raise SystemExit(256 + 5)", 5, ""),
        ("raise ValueError('wrong')", 1, "ValueError: wrong\n"),
        ("(", 1, "SyntaxError: '(' was never closed\n"),
        ("import sys; sys.excepthook = lambda *e: print('mine', file=sys.stderr); 1 / 0", 1, "mine\n"),
    ],
)
def test_a_program_that_fails_is_reported_too(end: str, status: int, said: str) -> None:
    done = audit("script.py", text=COPY + end + "\n")
    assert done.returncode == status
    assert done.stderr.endswith(said)
    plain = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True)
    assert (plain.returncode, plain.stderr.count("\n")) == (status, done.stderr.count("\n"))
    assert ("1 hidden copy of 1 KiB" in done.stdout) == (end != "(")


def test_fail_on_copy() -> None:
    done = audit("--fail-on-copy", "script.py")
    assert done.returncode == 1
    why = "exit status 1 by --fail-on-copy: 1 hidden copy of 1 KiB, first at script.py:3"
    assert done.stderr == f"numpy-bridge audit: {why}\n"
    assert audit("--fail-on-copy", "script.py", text=SHARE).returncode == 0
    assert audit("--fail-on-copy", "script.py", text=COPY + "raise SystemExit(7)").returncode == 7
    asked = "import numpy as np\nnp.array([1, 2])\nnp.copy(bytearray(9))\n"
    assert audit("--fail-on-copy", "script.py", text=asked).returncode == 0


def test_threads_are_waited_for() -> None:
    text = "import threading, time\n" + COPY.replace("np.array(block)", "")
    text += "def work():\n    time.sleep(0.3)\n    np.array(block)\n"
    text += "threading.Thread(target=work).start()\nraise SystemExit(4)\n"
    done = audit("script.py", text=text)
    assert (done.returncode, "1 hidden copy of 1 KiB" in done.stdout) == (4, True)


def test_interrupt() -> None:
    Path("script.py").write_text(COPY + "import time\nprint('ready', flush=True)\ntime.sleep(60)\n")
    command = [sys.executable, "-m", "numpy_bridge", "audit", "script.py"]
    heard = partial(
        signal.signal, signal.SIGINT, signal.SIG_DFL
    )  # shells make jobs in the background deaf to it
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heard
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        printed, said = process.communicate(timeout=30)
    assert process.returncode == run.INTERRUPTED
    assert "1 hidden copy of 1 KiB" in printed
    assert said.endswith("KeyboardInterrupt\n")
    assert "runpy" not in said


def test_wrong_usage() -> None:
    done = audit("nowhere.py")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "numpy-bridge audit: there is no file nowhere.py\n"
    assert audit().returncode == 2
    done = audit("-m", "no_such_module")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "ImportError: No module named no_such_module\n"


def test_progress(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Finished:
        def wait(self, seconds: float) -> bool:
            waited.append(seconds)
            return len(waited) > 3

    waited: list[float] = []
    run._print_progress(AuditLog(), Finished())
    assert waited == [10, 20, 40, 80]
    said = capsys.readouterr().err.splitlines()
    assert said[0] == (
        "numpy-bridge audit: 10 s, 0 conversions, 0 bytes copied; Ctrl-C ends the program and reports"
    )
    assert [line.split()[2] for line in said] == ["10", "30", "70"]


def test_progress_is_for_terminals_only() -> None:
    text = "import threading\nprint(threading.active_count())\n"
    assert audit("script.py", text=text).stdout.startswith("1\n")
    parent, child = pty.openpty()
    command = [sys.executable, "-m", "numpy_bridge", "audit", "script.py"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=child, text=True)
    os.close(child)
    os.close(parent)
    assert done.stdout.startswith("2\n")
