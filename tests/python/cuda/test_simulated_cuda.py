"""The package over CUDA devices that the host plays: the tests in tests/simulated_cuda.

A process has one `numpy_bridge._cuda` for good, so that each file runs in a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from repository import ROOT

FOLDER = ROOT / "tests/simulated_cuda"


@pytest.mark.parametrize("file", sorted(path.name for path in FOLDER.glob("test_*.py")))
def test_file(file: str, simulated_cuda: Path) -> None:
    command = (sys.executable, "-m", "pytest", "-q", "--capture=sys", "-p", "no:cacheprovider")
    done = subprocess.run(
        [*command, f"--simulated-cuda={simulated_cuda}", str(FOLDER / file)],
        capture_output=True,
        text=True,
        timeout=280,
        env={**os.environ, "PYTEST_ADDOPTS": ""},
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert " passed" in done.stdout
