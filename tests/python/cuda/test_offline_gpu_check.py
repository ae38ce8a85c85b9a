"""tests/gpu_check.sh without a GPU: its steps, its time limits, and what it leaves behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from numpy_bridge.info import describe_cuda
from repository import ROOT

SCRIPT = ROOT / "tests/gpu_check.sh"

pytestmark = pytest.mark.skipif(shutil.which("timeout") is None, reason="the script needs GNU's timeout")


def run(out: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {
        **os.environ,
        "PYTHON": sys.executable,
        "OUT": str(out),
        "WHEELS": str(out / "none"),
        **environment,
    }
    return subprocess.run(["bash", str(SCRIPT), *arguments], capture_output=True, text=True, env=env)


def statuses(out: Path) -> dict[str, str]:
    """What became of each step, by the table."""
    lines = (out / "table.txt").read_text().splitlines()
    return {
        line[:12].strip(): line[13:22].strip() for line in lines if line.endswith(" s") and line[12:13] == " "
    }


@pytest.mark.extension
def test_a_dry_run_over_simulated_devices(tmp_path: Path, simulated_cuda: Path) -> None:
    done = run(tmp_path, "--dry-run", str(simulated_cuda))
    found = statuses(tmp_path)
    assert found.pop("carried") == "failed 1", "there is no wheel to carry"
    expected = dict.fromkeys(("info", "gpu tests", "memcheck", "racecheck"), "ok")
    if describe_cuda()["unavailable"] is not None:
        expected["benchmark"] = "failed 2"
    assert found == expected, f"{done.stdout}\n{done.stderr}\n{(tmp_path / 'log.txt').read_text()}"
    assert done.returncode == 1, "a step failed"
    suite = ElementTree.parse(tmp_path / "gpu.xml").getroot()[0]
    assert int(suite.attrib["tests"]) > 0
    assert suite.attrib["failures"] == suite.attrib["errors"] == "0"
    assert json.loads((tmp_path / "info.json").read_text()) == describe_cuda()
    assert " passed" in (tmp_path / "table.txt").read_text()
    assert "Python" in (tmp_path / "machine.txt").read_text()
    assert len(list(tmp_path.iterdir())) <= 8


def stand_in(folder: Path, body: str) -> str:
    """A program in the place of Python."""
    program = folder / "python-stand-in"
    program.write_text(f"#!/bin/bash\n{body}\n")
    program.chmod(0o755)
    return str(program)


def test_a_wheel_that_was_carried_is_installed_and_nothing_is_built(tmp_path: Path) -> None:
    wheels = tmp_path / "wheelhouse"
    wheels.mkdir()
    for name in (
        "numpy_bridge-1-cp312-cp312-linux_x86_64.whl",
        "numpy_bridge-1-cp313-cp313-linux_x86_64.whl",
    ):
        (wheels / name).touch()
    program = stand_in(
        tmp_path, f'[[ $* == *version_info* ]] && echo cp312 || echo "ran $*" | tee -a {tmp_path}/ran'
    )
    done = run(tmp_path / "out", "--dry-run", PYTHON=program, WHEELS=str(wheels))
    ran = (tmp_path / "ran").read_text()
    assert set(statuses(tmp_path / "out").values()) == {"ok"}, done.stdout + done.stderr
    assert done.returncode == 0
    assert ran.count("numpy_bridge-1-cp312") == 1
    assert "cp313" not in ran
    for part in ("-m gpu", "benchmarks/cuda_kernels.py", "--junitxml"):
        assert part in ran
    assert "pip install --no-build-isolation" not in ran


def test_without_a_wheel_it_builds_and_a_step_that_hangs_ends(tmp_path: Path) -> None:
    body = '[[ $* == *version_info* ]] && echo cp312; echo "ran $*"; [[ $* != *describe_cuda* ]] || sleep 60'
    program = stand_in(tmp_path, body)
    text = SCRIPT.read_text().replace('"info" 30', '"info" 1')
    script = ROOT / "tests" / f"gpu_check_{os.getpid()}.sh"
    script.write_text(text)
    try:
        env = {**os.environ, "PYTHON": program, "OUT": str(tmp_path / "out"), "WHEELS": str(tmp_path)}
        done = subprocess.run(["bash", str(script)], capture_output=True, text=True, env=env)
    finally:
        script.unlink()
    found = statuses(tmp_path / "out")
    assert (found["carried"], found["build"], found["info"]) == ("failed 1", "ok", "too long"), done.stdout
    assert "pip install --no-build-isolation" in (tmp_path / "out/log.txt").read_text()
    assert done.returncode == 1
