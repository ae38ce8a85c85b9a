"""Builds extensions for tests, with CMake: tests/simulated_cuda, and tests/extension as its users would build
theirs, against the installed headers.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy_bridge
from loading import module_from
from repository import ROOT

TESTS = ROOT / "tests"
MODULES = ("arguments_cxx17", "arguments_cxx20")


def build(folder: Path, modules: Sequence[str]) -> dict[str, ModuleType]:
    """Build modules in `folder` and import them."""
    import pybind11

    packages = Path(pybind11.__file__).parents[1]
    _build(
        TESTS / "extension",
        folder,
        f"-DNUMPY_BRIDGE_INCLUDE={numpy_bridge.get_include()}",
        f"-DEIGEN_INCLUDE={packages / 'cmeel.prefix/include/eigen3'}",
        targets=modules,
    )
    return {name: module_from(next(folder.glob(f"{name}.*.so")), name) for name in modules}


def build_simulated_cuda(folder: Path) -> Path:
    """Build the `_cuda` module over simulated devices in `folder`, for processes that put it in its place."""
    _build(TESTS / "simulated_cuda", folder)
    return folder


def _build(source: Path, folder: Path, *defined: str, targets: Sequence[str] = ("all",)) -> None:
    import pybind11

    python = (f"-DPython_EXECUTABLE={sys.executable}", f"-Dpybind11_DIR={pybind11.get_cmake_dir()}")
    _run("cmake", "-G", "Ninja", "-S", source, "-B", folder, *python, *defined)
    _run("cmake", "--build", folder, "--target", *targets)


def _run(*command: object) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}  # a sanitizer's
    words = [str(word) for word in command]
    result = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(words)} failed:\n{result.stdout}\n{result.stderr}")
