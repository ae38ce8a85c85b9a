"""docs/cuda.md is executed as far as that goes without a GPU: its Python runs, its extension is compiled."""

from __future__ import annotations

import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

import numpy_bridge as bridge

GUIDE = Path(__file__).parents[2].joinpath("docs/cuda.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def test_python() -> None:
    pytest.importorskip("torch", reason="the guide adds tensors and arrays")
    scope: dict[str, object] = {}
    for block in blocks("python"):
        exec(block, scope)


@pytest.mark.extension
@pytest.mark.skipif(shutil.which("nvcc") is None, reason="there is no CUDA compiler in PATH")
def test_the_extension_compiles(tmp_path: Path) -> None:
    """The kernel for one architecture, the module against the installed headers."""
    pybind11 = pytest.importorskip("pybind11", reason="pip install 'numpy-bridge[test]'")
    for block in blocks("cpp") + blocks("cuda"):
        name = re.match(r"// (\S+)", block)
        assert name
        tmp_path.joinpath(name[1]).write_text(block)
    nvcc = Path(str(shutil.which("nvcc")))
    subprocess.run([nvcc, "-std=c++17", "-c", "axpy.cu"], cwd=tmp_path, check=True)
    toolkit = subprocess.run([nvcc, "-v", "x.cu"], cwd=tmp_path, capture_output=True, text=True).stderr
    top = re.search(r"^#\$ TOP=(.+)$", toolkit, re.MULTILINE)
    assert top, toolkit
    includes = (
        bridge.get_include(),
        pybind11.get_include(),
        sysconfig.get_path("include"),
        f"{top[1]}/include",
    )
    flags = [f"-I{folder}" for folder in includes]
    subprocess.run(["g++", "-std=c++17", "-fsyntax-only", *flags, "module.cpp"], cwd=tmp_path, check=True)
