"""Builds tests/extension as its users would build theirs: with CMake, against the installed headers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy_bridge
from loading import module_from

SOURCE = Path(__file__).parents[1] / "extension"
MODULES = ("arguments_cxx17", "arguments_cxx20")


def build(folder: Path) -> dict[str, ModuleType]:
    """Build the modules in `folder` and import them."""
    import pybind11

    packages = Path(pybind11.__file__).parents[1]
    _run(
        *("cmake", "-G", "Ninja", "-S", SOURCE, "-B", folder),
        f"-DPython_EXECUTABLE={sys.executable}",
        f"-Dpybind11_DIR={pybind11.get_cmake_dir()}",
        f"-DNUMPY_BRIDGE_INCLUDE={numpy_bridge.get_include()}",
        f"-DEIGEN_INCLUDE={packages / 'cmeel.prefix/include/eigen3'}",
    )
    _run("cmake", "--build", folder)
    return {name: module_from(next(folder.glob(f"{name}.*.so")), name) for name in MODULES}


def _run(*command: object) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}  # a sanitizer's
    words = [str(word) for word in command]
    result = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    if result.returncode != 0:
        raise RuntimeError(f"building {SOURCE.name} failed:\n{result.stdout}\n{result.stderr}")
