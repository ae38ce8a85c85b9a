"""docs/cuda.md is executed as far as that goes without a GPU: its Python runs, its extension is compiled."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

import numpy_bridge as bridge
from repository import ROOT

GUIDE = ROOT.joinpath("docs/cuda.md").read_text()


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
    nvcc = str(shutil.which("nvcc"))
    as_it_is = {
        name: value for name, value in os.environ.items() if name != "LD_PRELOAD"
    }  # no sanitizer in nvcc

    def run(*command: str, check: bool = True) -> str:
        done = subprocess.run(command, cwd=tmp_path, env=as_it_is, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 0 or not check, done.stderr
        return done.stderr

    run(nvcc, "-std=c++17", "-c", "axpy.cu")
    toolkit = run(nvcc, "-v", "x.cu", check=False)
    top = re.search(r"^#\$ TOP=(.+)$", toolkit, re.MULTILINE)
    assert top, toolkit
    includes = (
        bridge.get_include(),
        pybind11.get_include(),
        sysconfig.get_path("include"),
        f"{top[1]}/include",
    )
    flags = [f"-I{folder}" for folder in includes]
    run("g++", "-std=c++17", "-fsyntax-only", *flags, "module.cpp")
