"""Building the extensions in `cpp_call/`, and what that takes."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import torch

from side_by_side import Row

HERE = Path(__file__).parent
BUILDS = 5


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


def build_rows(root: Path) -> list[Row]:
    """What a module with ten functions takes to build and to ship.

    nanobind's library, which is built once for all modules of a project, counts apart.
    """
    rows = []
    for standard in (17, 20):
        build = Build(root / f"cpp{standard}", standard)
        build.make("ten_ours", "ten_nanobind", "none_ours", "none_nanobind")
        commands = {
            target: build.commands(target)
            for target in ("ten_ours", "ten_nanobind", "none_ours", "none_nanobind")
        }
        library = [
            line
            for line in commands["ten_nanobind"]
            if ("nanobind-static" in line and " -c " in line) or " qc " in line
        ]
        module = [line for line in commands["ten_nanobind"] if line not in library]
        none = [line for line in commands["none_nanobind"] if line not in library]
        rounds = [
            [
                cpu_seconds(build.folder, lines)
                for lines in (
                    commands["ten_ours"],
                    module,
                    commands["none_ours"],
                    none,
                    library if i == 0 else [],
                )
            ]
            for i in range(BUILDS)
        ]
        once = rounds[0][4]
        ten = [(costs[0], costs[1]) for costs in rounds]
        rows += [
            Row.of(
                f"C++{standard}: build ten functions", "nanobind, its library built before", "s", ten, 1 / 1.2
            ),
            Row.of(
                f"C++{standard}: build ten functions",
                "nanobind with its library",
                "s",
                [(a, b + once) for a, b in ten],
                None,
            ),
            Row.of(
                f"C++{standard}: build no function",
                "nanobind, its library built before",
                "s",
                [(c[2], c[3]) for c in rounds],
                None,
            ),
            size_row(f"C++{standard}: size of ten functions", build, "ten", 1 / 1.2),
            size_row(f"C++{standard}: size of no function", build, "none", None),
        ]
    return rows


def size_row(what: str, build: Build, name: str, aim: float | None) -> Row:
    """The sizes of two modules."""
    pair = build.size(f"{name}_ours") / 1024, build.size(f"{name}_nanobind") / 1024
    return Row.of(what, "nanobind", "KiB", [pair, pair], aim)
