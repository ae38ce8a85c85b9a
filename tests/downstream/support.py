"""What the downstream tests share. They see the installed wheel, never the tree that it was built from."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pybind11

import numpy_bridge

HERE = Path(__file__).parent
INSTALLED = Path(numpy_bridge.get_include()).parent


def run(*command: str | Path, cwd: Path | None = None, **environment: str) -> str:
    """The output of a command that must succeed."""
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, env={**os.environ, **environment}, check=False
    )
    assert done.returncode == 0, f"{command}: exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def python(code: str, folder: Path) -> str:
    """The output of a program in a new interpreter, which finds the modules in `folder`."""
    return run(sys.executable, "-W", "error", "-c", code, cwd=folder, PYTHONPATH=str(folder))


def compile_module(source: Path, *flags: str | Path, package: Path | None = None) -> Path:
    """Build an extension module beside its source, as quickly as that goes."""
    target = source.with_name(source.stem + sysconfig.get_config_var("EXT_SUFFIX"))
    _compile(source, "-shared", *flags, "-o", target, package=package)
    return target


def compile_engine(folder: Path, package: Path | None = None) -> tuple[str, Path]:
    """Compile a package's engine, in one file since that is quicker. Returns the flags of its modules."""
    compiled, source = "-DNUMPY_BRIDGE_COMPILED", folder / "engine.cpp"
    sources = sorted((package or INSTALLED).joinpath("engine/units").glob("*.cpp"))
    assert sources
    source.write_text("".join(f'#include "{source}"\n' for source in sources))
    _compile(source, "-c", compiled, "-fvisibility=hidden", "-o", source.with_suffix(".o"), package=package)
    return compiled, source.with_suffix(".o")


def _compile(source: Path, *flags: str | Path, package: Path | None) -> None:
    folders = [pybind11.get_include(), sysconfig.get_path("include")]
    includes = [f"-I{package or INSTALLED}/include", *(f"-isystem{folder}" for folder in folders)]
    run(os.environ.get("CXX", "c++"), "-std=c++17", "-O1", "-fPIC", *includes, source, *flags)
