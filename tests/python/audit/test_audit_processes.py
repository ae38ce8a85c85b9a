"""`numpy-bridge audit` of programs with several processes: the conversions of all are in one report."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge.auditing.model import CallSite, Conversion
from numpy_bridge.auditing.processes.parts import Part, read

pytest.importorskip("typer", reason="the command line needs typer")
pytest.importorskip("rich", reason="the command line needs rich")

WAYS = """
import atexit, multiprocessing, os, subprocess, sys
from concurrent.futures import ProcessPoolExecutor
import numpy as np

def converted(number):
    np.array(bytearray(number))

def in_grandchild(number):
    converted(number)
    process = multiprocessing.get_context("fork").Process(target=converted, args=[2 * number])
    process.start()
    process.join()

def replaced(number):
    converted(number)
    os.execv("/bin/true", ["true"])

def by_fork(number, end):
    if os.fork() == 0:
        converted(number)
        end(0)
    os.wait()

if __name__ == "__main__":
    converted(1)
    ways = [("fork", converted), ("spawn", converted), ("forkserver", converted), ("fork", replaced),
            ("spawn", in_grandchild)]
    for place, (how, what) in enumerate(ways):
        process = multiprocessing.get_context(how).Process(target=what, args=[10 ** (place + 1)])
        process.start()
        process.join()
        print(how, process.exitcode)
    with multiprocessing.get_context("fork").Pool(2) as pool:  # its end is SIGTERM
        pool.map(converted, [2, 3])
    with ProcessPoolExecutor(1) as executor:
        list(executor.map(converted, [4]))
    command = "import numpy as np; np.array(bytearray(5)); print('in subprocess')"
    subprocess.run([sys.executable, "-c", command], check=True)
    by_fork(6, os._exit)
    by_fork(7, sys.exit)
    atexit.register(lambda: print("at exit"))
    left = multiprocessing.get_context("fork").Process(target=converted, args=[8])
    left.start()  # Python waits for it at its end
"""

UNWATCHED = """
import multiprocessing, os, signal, subprocess, sys
import numpy as np

def killed():
    np.array(bytearray(5))
    os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    run = [sys.executable, "-c", "print('ran')"]
    subprocess.run(run)
    subprocess.run(["true"])
    subprocess.run(run, env={})
    subprocess.run([sys.executable, "-S", *run[1:]])
    os.waitpid(os.posix_spawn(sys.executable, [sys.executable, "-I", "-S", *run[1:]], os.environ), 0)
    process = multiprocessing.get_context("fork").Process(target=killed)
    process.start()
    process.join()
    print(process.pid, process.exitcode)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def audit(text: str, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    Path("script.py").write_text(text)
    command = [sys.executable, "-m", "numpy_bridge", "audit", *options, "script.py"]
    environment = os.environ | variables
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def found(file: str = "report.json") -> list[tuple[str, int, int]]:
    document = json.loads(Path(file).read_text())
    conversions = [(line, c) for line in document["lines"] for c in line["conversions"]]
    return sorted((Path(line["file"]).name, c["times"], c["nbytes"]) for line, c in conversions)


OWN_LINES = """
import multiprocessing, subprocess, sys
import helpers  # brings NumPy
import numpy as np

def picked(x, i):
    return x[i]

def worker(how):
    x = picked(np.zeros(helpers.SIZES[how]), [0])
    x += helpers.copied(x)
    print(how, x, __name__)

if __name__ == "__main__":
    for how in ("spawn", "forkserver"):
        process = multiprocessing.get_context(how).Process(target=worker, args=[how])
        process.start()
        process.join()
    subprocess.run([sys.executable, "-m", "helpers"])
"""

HELPERS = """
import numpy as np
SIZES = {"spawn": (2, 1), "forkserver": (2, 2)}
def copied(x):
    return x.copy()
if __name__ == "__main__":
    print(copied(np.ones(4)))
"""


def test_the_main_module_of_a_new_process_is_rewritten() -> None:
    Path("helpers.py").write_text(HELPERS)
    done = audit(OWN_LINES, "--json", "report.json")
    plain = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True)
    assert (done.stderr, plain.stderr) == ("", "")
    assert done.stdout.startswith(plain.stdout)
    document = json.loads(Path("report.json").read_text())
    conversions = {
        (c["call"], c["times"], c["nbytes"]) for line in document["lines"] for c in line["conversions"]
    }
    assert conversions == {("ndarray[]", 2, 24), ("ndarray.copy", 3, 56)}


def test_every_way_to_start_a_process() -> None:
    silent = {"PYTHONWARNINGS": "ignore::DeprecationWarning"}  # of fork beside threads, since Python 3.12
    done = audit(WAYS, "--json", "report.json", **silent)
    assert (done.returncode, done.stderr) == (0, "")
    hows = ["fork 0", "spawn 0", "forkserver 0", "fork 0", "spawn 0"]
    assert done.stdout.splitlines()[:7] == [*hows, "in subprocess", "at exit"]
    lengths = [1, 10, 100, 1_000, 10_000, 100_000, 200_000, 2, 3, 4, 6, 7, 8]
    assert found() == [("<string>", 1, 5), ("script.py", len(lengths), sum(lengths))]
    document = json.loads(Path("report.json").read_text())
    assert document["other_processes"] in (12, 13)  # one worker of the pool may do all
    assert document["unwatched"] == []
    assert done.stdout.splitlines()[-1].startswith("14 conversions: ")


def test_what_was_not_watched_is_said_and_fails() -> None:
    done = audit(UNWATCHED.replace("np.array", "np.asarray"), "--fail-on-copy", "--json", "report.json")
    *_, last = done.stdout.split("no hidden copies in watched calls\n")
    assert last.startswith("not watched: 4 processes (process ")
    number, status = next(line for line in done.stdout.splitlines() if line.endswith(" -9")).split()
    unwatched = json.loads(Path("report.json").read_text())["unwatched"]
    assert unwatched[0] == f"process {number}, which was killed or still runs"
    assert sorted(command.split()[1] for command in unwatched[1:]) == ["-I", "-S", "-c"]
    assert done.stderr.startswith("numpy-bridge audit: exit status 1 without --allow-unw")
    assert (done.returncode, status) == (1, "-9")


def test_unwatched_processes_can_be_allowed() -> None:
    text = "import subprocess, sys\nsubprocess.run([sys.executable, '-Sc', ''])\n"
    done = audit(text, "--fail-on-copy", "--allow-unwatched")
    assert done.returncode == 0
    assert "not watched: 1 process" in done.stdout


def test_files_of_ranks_and_processes() -> None:
    text = "import os\nprint(os.getpid())\n"
    done = audit(text, "--json", "{rank}-{pid}.json", "--html", "{rank}.html", RANK="3")
    written = sorted(path.name for path in Path.cwd().glob("3*"))
    assert written == [f"3-{done.stdout.splitlines()[0]}.json", "3.html"]


def test_processes_that_were_started_by_an_audited_one_report_to_it() -> None:
    Path("inner.py").write_text("import numpy as np\nnp.array(bytearray(9))\n")
    command = "'-m', 'numpy_bridge', 'audit', '--json', 'inner.json', 'inner.py'"
    audit(f"import subprocess, sys\nsubprocess.run([sys.executable, {command}])\n", "--json", "report.json")
    assert found("inner.json") == found() == [("inner.py", 1, 9)]


def test_workers_of_a_loader() -> None:
    pytest.importorskip("torch", reason="has the DataLoader")
    done = audit(
        """
import numpy as np, torch
from torch.utils.data import DataLoader
class Data:
    def __len__(self): return 8
    def __getitem__(self, index): return torch.tensor(np.ones(10))
if __name__ == "__main__":
    for batch in DataLoader(Data(), 2, num_workers=2): pass
""",
        *("--json", "report.json"),
    )
    assert done.returncode == 0
    assert found() == [("script.py", 4, 640), ("script.py", 8, 640)]


def test_workers_of_joblib() -> None:
    pytest.importorskip("joblib", reason="starts workers in its own way")
    done = audit(
        """
from joblib import Parallel, delayed
import numpy as np
def work(number): np.array(bytearray(number))
if __name__ == "__main__": Parallel(2)(delayed(work)(number) for number in (1, 2, 3))
""",
        *("--json", "report.json"),
    )
    assert done.returncode == 0
    assert [(times, nbytes) for _, times, nbytes in found()] == [(3, 6)]


def conversion() -> Conversion:
    given: dict[str, Any] = dict.fromkeys(("call", "source", "result", "reason", "alternative"), "x")
    return Conversion(CallSite("f.py", 1, "g"), **given, outcome="copied", asked=False, times=1, nbytes=8)


def test_a_part_is_written_anew_each_time(tmp_path: Path) -> None:
    part = Part(tmp_path)
    part.write()
    assert read(tmp_path) == ([], 0, [])
    part(conversion(), None, None)
    assert read(tmp_path).unwatched == [f"process {os.getpid()}, which was killed or still runs"]
    part.write()
    part(conversion(), None, None)
    part.write()
    (merged,), processes, unwatched = read(tmp_path)
    assert (merged, merged.times, merged.nbytes, processes, unwatched) == (conversion(), 2, 16, 1, [])


@pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps(3)])
def test_a_part_that_cannot_be_read_is_not_watched(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "7-1.begun").touch()
    (tmp_path / "7-1.part").write_bytes(content)
    assert read(tmp_path) == ([], 0, ["process 7, which was killed or still runs"])


def test_a_block_reports_its_own_process() -> None:
    with bridge.audit() as log:
        if (child := os.fork()) == 0:
            np.array(bytearray(8))
            os._exit(len(log))
        assert os.waitpid(child, 0)[1] == 0
    assert len(log) == 0
