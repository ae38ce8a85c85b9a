"""The stub in the package is the one that pybind11-stubgen makes of the module."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nearest


def test_stub(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pybind11_stubgen", "--exit-code", "-o", str(tmp_path), "nearest._core"]
    subprocess.run(command, check=True)
    made = tmp_path.joinpath("nearest/_core.pyi").read_text()
    assert Path(nearest.__file__).with_name("_core.pyi").read_text() == made
