"""Building the extensions in `cpp_call/`, and what that takes."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

import numpy_bridge
from side_by_side import Row

HERE = Path(__file__).parent
BUILDS = 5
MODULES = {
    "ten_ours": "ten functions",
    "ten_ours_nanobind": "ten functions, bound by nanobind",
    "ten_header_only": "ten functions, header-only",
    "ten_nanobind": "ten functions",
    "none_ours": "no function",
    "none_nanobind": "no function",
}


class Build:
    """The extensions, configured in a folder."""

    def __init__(self, folder: Path, standard: int = 17, libtorch: bool = False) -> None:
        def printed(*command: str) -> str:
            return subprocess.run(
                [sys.executable, "-m", *command], check=True, capture_output=True, text=True
            ).stdout.strip()

        self.folder = folder
        options = {
            "CMAKE_BUILD_TYPE": "Release",
            "CMAKE_CXX_STANDARD": str(standard),
            "Python_EXECUTABLE": sys.executable,
            "pybind11_DIR": printed("pybind11", "--cmakedir"),
            "nanobind_DIR": printed("nanobind", "--cmake_dir"),
            "numpy_bridge_DIR": numpy_bridge.get_cmake_dir(),
            "tvm_ffi_DIR": printed("tvm_ffi.config", "--cmakedir"),
            "WITH_LIBTORCH": "ON" if libtorch else "OFF",
            "CMAKE_PREFIX_PATH": torch.utils.cmake_prefix_path,
        }
        command = ["cmake", "-G", "Ninja", "-S", str(HERE / "cpp_call"), "-B", str(folder)]
        subprocess.run(
            [*command, *(f"-D{key}={value}" for key, value in options.items())],
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def make(self, *targets: str) -> None:
        """Build these targets."""
        subprocess.run(
            ["cmake", "--build", str(self.folder), "--target", *targets],
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def commands(self, target: str) -> list[str]:
        """The shell commands that build this target and all that it needs."""
        command = ["ninja", "-C", str(self.folder), "-t", "commands", target]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return [line for line in printed.splitlines() if not line.startswith("ninja:")]

    def size(self, target: str) -> int:
        """Bytes of a built module, stripped as its library's CMake function does."""
        return next(self.folder.glob(f"{target}.*so")).stat().st_size


def cpu_seconds(folder: Path, commands: Iterable[str]) -> float:
    """What running these takes: user and system time of all processes."""

    def spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = spent()
    for command in commands:
        subprocess.run(command, shell=True, check=True, cwd=folder, stdout=subprocess.DEVNULL)
    return spent() - before


def is_of_library(command: str) -> bool:
    """Whether this builds what all modules of a project share: nanobind's library or our engine."""
    compiles = " -c " in command and ("nanobind-static" in command or "/engine/units/" in command)
    return compiles or " qc " in command


def build_rows(root: Path) -> list[Row]:
    """What a module with ten functions takes to build and to ship, libraries built before and not."""
    return [row for standard in (17, 20) for row in rows_for_standard(root, standard)]


def rows_for_standard(root: Path, standard: int) -> list[Row]:
    """The rows of one C++ standard."""
    build = Build(root / f"cpp{standard}", standard)
    build.make(*MODULES)
    commands = {target: build.commands(target) for target in MODULES}
    own = {target: [line for line in lines if not is_of_library(line)] for target, lines in commands.items()}
    libraries = [
        cpu_seconds(build.folder, filter(is_of_library, commands[target]))
        for target in ("ten_ours", "ten_nanobind")
    ]
    rounds = [{target: cpu_seconds(build.folder, own[target]) for target in MODULES} for _ in range(BUILDS)]

    def row(ours: str, theirs: str, name: str, aim: float | None, more: Sequence[float] = (0, 0)) -> Row:
        pairs = [(costs[ours] + more[0], costs[theirs] + more[1]) for costs in rounds]
        return Row.of(f"C++{standard}: build {MODULES[ours]}", name, "s", pairs, aim)

    before = "nanobind, libraries built before"
    return [
        row("ten_ours", "ten_nanobind", before, 1 / 1.5),
        row("ten_ours", "none_ours", "pybind11's empty module + 2 s", 1, (0, 2)),
        row("ten_ours", "ten_nanobind", "nanobind, with libraries", None, libraries),
        row("ten_ours_nanobind", "ten_nanobind", before, 1 / 1.5),
        row("ten_header_only", "ten_nanobind", before, None),
        row("none_ours", "none_nanobind", before, None),
        size_row(standard, build, "ten_ours", "ten_nanobind", 1 / 1.2),
        size_row(standard, build, "ten_ours_nanobind", "ten_nanobind", 1 / 1.2),
        size_row(standard, build, "ten_header_only", "ten_nanobind", None),
        size_row(standard, build, "none_ours", "none_nanobind", None),
    ]


def size_row(standard: int, build: Build, ours: str, theirs: str, aim: float | None) -> Row:
    """The sizes of two modules."""
    pair = build.size(ours) / 1024, build.size(theirs) / 1024
    return Row.of(f"C++{standard}: size of {MODULES[ours]}", "nanobind", "KiB", [pair, pair], aim)
