"""Programs print and end under `numpy-bridge audit` as they do under Python: stdout, stderr, exit status.

One interpreter imports the libraries and forks for each program. CPython's own function for scripts runs it
there, or the command does.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

pytest.importorskip("torch", reason="most programs use torch")
pytest.importorskip("typer", reason="the command line needs typer")
pytest.importorskip("rich", reason="the command line needs rich")

pytestmark = pytest.mark.skipif(
    "NUMPY_BRIDGE_PROGRAMS" not in os.environ, reason="sixty programs take a minute: nox -s faults"
)

SCRIPTS = sorted(Path(__file__).with_name("programs").glob("*.txt"))
TEXTS = {
    title: text
    for script in SCRIPTS
    for title, text in re.findall(r"^### (.*)\n((?:(?!### ).*\n)*)", script.read_text(), re.MULTILINE)
}

REPORT = re.compile(r"\s*(Hidden copies|Slow|Not shown: |[\d,]+ conversions?: )")
ADDRESS = re.compile("0x[0-9a-f]+")

RUNNER = """
import ctypes, gc, json, os, signal, sys
import numpy, torch, torch.utils.data, torch.fx
import numpy_bridge.auditing.command, numpy_bridge.cli

def by_python(name):
    sys.argv = [name]
    sys.path[0] = os.getcwd()
    run, libc = ctypes.pythonapi.PyRun_AnyFileExFlags, ctypes.CDLL(None)
    libc.fopen.restype = ctypes.c_void_p
    run.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p]
    main, names, end, file = vars(sys.modules["__main__"]), MAIN, sys.exit, libc.fopen(name.encode(), b"r")
    main.clear()
    main.update(names)
    end(1 if run(file, name.encode(), 1, None) else 0)

def by_audit(name):
    sys.argv = ["numpy-bridge", "audit", name]
    numpy_bridge.cli.main()

NAMES = ("__name__", "__doc__", "__package__", "__loader__", "__spec__", "__annotations__", "__builtins__")
MAIN = {name: globals()[name] for name in NAMES}
statuses = []
gc.freeze()
for folder in sys.argv[1:]:
    for way in (by_python, by_audit):
        process = os.fork()
        if process == 0:
            os.chdir(folder)
            for number, stream in ((1, "out"), (2, "err")):
                os.dup2(os.open(f"{way.__name__}.{stream}", os.O_WRONLY | os.O_CREAT), number)
            signal.alarm(60)
            way(os.path.join(folder, "program.py"))
        statuses.append(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
print(json.dumps(statuses))
"""


class Ended(NamedTuple):
    """What a program has printed, and its exit status."""

    out: str
    err: str
    status: int


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Ended, Ended]]:
    folders = {title: tmp_path_factory.mktemp("program") for title in TEXTS}
    for title, folder in folders.items():
        (folder / "program.py").write_text(TEXTS[title])
    command = [sys.executable, "-c", RUNNER, *map(str, folders.values())]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    statuses = iter(json.loads(done.stdout))

    def result(folder: Path, way: str) -> Ended:
        out, err = (
            ADDRESS.sub("0x", (folder / f"by_{way}.{stream}").read_text()) for stream in ("out", "err")
        )
        return Ended(out, err, next(statuses))

    return {title: (result(folder, "python"), result(folder, "audit")) for title, folder in folders.items()}


@pytest.mark.parametrize("title", TEXTS)
def test_a_program_is_the_same(title: str, ended: dict[str, tuple[Ended, Ended]]) -> None:
    plain, audited = ended[title]
    report = audited.out.removeprefix(plain.out)
    assert (audited.out[: len(plain.out)], audited.err, audited.status) == plain
    assert not report or REPORT.match(report)


def test_there_are_forty_programs() -> None:
    assert len(TEXTS) >= 40
