"""The C++ library without Python: installed by CMake, moved, and found by CMake and pkg-config."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import pybind11
import pytest

import numpy_bridge
from support import HERE, python, run

ROOT = HERE.parents[1]

CONSUMER = """
cmake_minimum_required(VERSION 3.18)
project(consumer LANGUAGES CXX)
find_package(numpy_bridge ${wanted} CONFIG REQUIRED)
add_executable(consumer main.cpp)
target_link_libraries(consumer PRIVATE numpy_bridge::numpy_bridge)
add_library(consumer_17 OBJECT main.cpp)
target_link_libraries(consumer_17 PRIVATE numpy_bridge::numpy_bridge)
set_target_properties(consumer_17 PROPERTIES CXX_STANDARD 17)
"""
MAIN = """
#include <numpy_bridge/dtype.hpp>
int main() { return numpy_bridge::info(numpy_bridge::dtype::float32).itemsize == 4 ? 0 : 1; }
"""


MODULES = """
cmake_minimum_required(VERSION 3.18...4.2)
project(modules LANGUAGES CXX)
set(PYBIND11_FINDPYTHON ON)
find_package(numpy_bridge CONFIG REQUIRED)
find_package(pybind11 CONFIG REQUIRED)
foreach(name numpy_bridge header_only)
  pybind11_add_module(${name} scale.cpp)
  target_link_libraries(${name} PRIVATE numpy_bridge::${name})
  set_target_properties(${name} PROPERTIES OUTPUT_NAME scale LIBRARY_OUTPUT_DIRECTORY ${name})
endforeach()
"""
MODULE_NAMES = {"numpy_bridge": True, "header_only": False}  # and whether they link the engine
USE = """
import numpy, scale
x = numpy.ones((2, 3), "f4")
scale.scale(x, 3)
assert x.tolist() == [[3.0] * 3] * 2
"""


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the library lies now: not where it was installed, and nothing else is left."""
    folder = tmp_path_factory.mktemp("library")
    run("cmake", "-S", ROOT, "-B", folder / "build", "-DNUMPY_BRIDGE_BUILD_EXTENSION=OFF")
    run("cmake", "--install", folder / "build", "--prefix", folder / "first")
    return (folder / "first").rename(folder / "moved")


def configure(folder: Path, prefix: Path, *arguments: str) -> list[str]:
    """The compilers' commands for the consumer: the one that leaves the standard open, then the C++17 one."""
    folder.joinpath("CMakeLists.txt").write_text(CONSUMER)
    folder.joinpath("main.cpp").write_text(MAIN)
    common = ("-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON")
    run("cmake", "-S", folder, "-B", folder / "build", *common, *arguments)
    commands = json.loads(folder.joinpath("build/compile_commands.json").read_text())
    return [entry["command"] for entry in commands if entry["file"].endswith("main.cpp")]


def standards(commands: list[str]) -> list[str]:
    return [re.search(r"-std=gnu\+\+(\w+)", command)[1] for command in commands]


def test_package_names_no_folder_of_the_build(prefix: Path) -> None:
    for file in prefix.rglob("*"):
        if file.is_file():
            assert str(prefix.parent) not in file.read_text()
            assert str(ROOT) not in file.read_text()


def test_found_by_cmake(prefix: Path, tmp_path: Path) -> None:
    assert standards(configure(tmp_path, prefix)) == ["20", "17"]
    run("cmake", "--build", tmp_path / "build")
    run(tmp_path / "build/consumer")


@pytest.mark.parametrize("lto", ["ON", "OFF"])
def test_modules_link_the_engine_or_have_their_own(lto: str, prefix: Path, tmp_path: Path) -> None:
    """The order of the two find_package commands does not matter."""
    tmp_path.joinpath("CMakeLists.txt").write_text(MODULES)
    shutil.copy(HERE / "scale.cpp", tmp_path)
    found = (
        f"-DCMAKE_PREFIX_PATH={prefix};{pybind11.get_cmake_dir()}",
        f"-DPython_EXECUTABLE={sys.executable}",
    )
    options = ("-DCMAKE_BUILD_TYPE=MinSizeRel", f"-DCMAKE_INTERPROCEDURAL_OPTIMIZATION={lto}")
    run("cmake", "-G", "Ninja", "-S", tmp_path, "-B", tmp_path / "build", *found, *options)
    linked = {name: run("ninja", "-C", tmp_path / "build", "-t", "commands", name) for name in MODULE_NAMES}
    assert {name: "libnumpy_bridge_engine.a" in commands for name, commands in linked.items()} == MODULE_NAMES
    run("cmake", "--build", tmp_path / "build")
    for name in MODULE_NAMES:
        python(USE, tmp_path / "build" / name)


def test_the_project_decides_on_the_standard(prefix: Path, tmp_path: Path) -> None:
    assert standards(configure(tmp_path, prefix, "-DCMAKE_CXX_STANDARD=17")) == ["17", "17"]


MAJOR, MINOR = (int(part) for part in numpy_bridge.__version__.split(".")[:2])


@pytest.mark.parametrize("wanted", [f"{MAJOR}.{MINOR + 1}", f"{MAJOR + 1}.0"])
def test_another_minor_version_is_another_library(wanted: str, prefix: Path, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r'compatible\s+with\s+requested\s+version\s+"' + wanted):
        configure(tmp_path, prefix, f"-Dwanted={wanted}")


def test_found_by_pkg_config(prefix: Path, tmp_path: Path) -> None:
    path = str(prefix / "share/pkgconfig")
    (flag,) = run("pkg-config", "--cflags", "numpy_bridge", PKG_CONFIG_PATH=path).split()
    tmp_path.joinpath("main.cpp").write_text(MAIN)
    run("c++", "-std=c++17", flag, tmp_path / "main.cpp", "-o", tmp_path / "main")
    run(tmp_path / "main")
