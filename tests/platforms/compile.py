"""Compile all C++ sources and a user's module for other platforms: `python compile.py [TARGET ...]`.

PyPI's `ziglang` is a Clang that brings libc, libc++ and the system headers of every target. Objects are not
linked, since that takes the Python of the target. Python's headers are those of the Python that runs this:
they are the same everywhere but for pyconfig.h, of which Windows needs its own.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pybind11

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build/platforms"
CSRC = ROOT / "csrc"
TARGETS = (
    "x86_64-windows-gnu",
    "aarch64-macos",
    "aarch64-linux-musl",
    "x86_64-macos",
    "x86_64-linux-musl",
    "x86_64-linux-gnu.2.17",
    "aarch64-linux-gnu.2.17",
)
GROUPS_OF_CORE = 3  # files of core/ that are parsed as one: most of the time goes into pybind11's headers
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wsign-conversion", "-Wshadow", "-Wpedantic", "-Werror")


class Unit(NamedTuple):
    """One source to compile for one target."""

    target: str
    source: Path
    options: tuple[str, ...]

    def command(self) -> list[str]:
        """The compiler's command line; the object is written beside the target's headers."""
        folder = BUILD / self.target
        compiler = (sys.executable, "-m", "ziglang", "c++", "-target", self.target, "-std=c++17", "-O0")
        own = ("-I", str(CSRC / "include"), "-I", str(CSRC))
        others = ("-isystem", str(folder / "python"), "-isystem", pybind11.get_include())
        output = ("-c", str(self.source), "-o", str(folder / f"{self.source.stem}.o"))
        return [*compiler, *WARNINGS, *self.options, *own, *others, *output]


def python_headers(target: str) -> None:
    """Copy Python's headers for a target, with a pyconfig.h that suits it."""
    folder = BUILD / target / "python"
    shutil.copytree(sysconfig.get_path("include"), folder, dirs_exist_ok=True)
    if "windows" in target:
        shutil.copy(Path(__file__).parent / "windows/pyconfig.h", folder)


def including(name: str, sources: list[Path]) -> Path:
    """A source that includes others."""
    joined = BUILD / f"{name}.cpp"
    joined.write_text("".join(f'#include "{source.as_posix()}"\n' for source in sources))
    return joined


def sources() -> list[tuple[Path, tuple[str, ...]]]:
    """The sources, with their options: the longest to compile first."""
    compiled = ("-DNUMPY_BRIDGE_COMPILED",)
    core = sorted((CSRC / "core").glob("*.cpp"))
    groups = [including(f"core_{i}", core[i::GROUPS_OF_CORE]) for i in range(GROUPS_OF_CORE)]
    engine = including("engine", sorted((CSRC / "engine/units").glob("*.cpp")))
    kernels = sorted((CSRC / "kernels").glob("*.cpp"))
    user = ROOT / "examples/extension/src/imgnorm.cpp"  # header-only: with all bodies of the engine
    return [*((s, compiled) for s in (*groups, engine)), (user, ()), *((s, compiled) for s in kernels)]


def compile_one(unit: Unit) -> str | None:
    """Compile; return the compiler's complaints."""
    done = subprocess.run(unit.command(), capture_output=True, text=True)
    return None if done.returncode == 0 else done.stderr


def main(targets: list[str]) -> int:
    """Compile everything for the targets, two at a time."""
    begun = time.monotonic()
    for target in targets:
        python_headers(target)
    units = [Unit(target, source, options) for target in targets for source, options in sources()]
    failed = 0
    with ThreadPoolExecutor(2) as pool:
        for unit, complaints in zip(units, pool.map(compile_one, units), strict=True):
            if complaints is not None:
                failed += 1
                print(f"== {unit.target}: {unit.source.name}\n{complaints}", file=sys.stderr)
    print(f"{len(units) - failed} of {len(units)} compiled for {', '.join(targets)}")
    print(f"{time.monotonic() - begun:.0f} s")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(TARGETS)))
