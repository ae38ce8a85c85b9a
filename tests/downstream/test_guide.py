"""docs/cpp.md is compiled and executed: its modules, its Python, its tables."""

from __future__ import annotations

import importlib
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import jax.numpy as jnp
import nanobind
import numpy as np
import pybind11
import pytest
import torch

import numpy_bridge
from support import HERE, compile_engine, compile_module, python

GUIDE = HERE.parents[1].joinpath("docs/cpp.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
SOURCES = {match[1]: code for language, code in BLOCKS if (match := re.match(r"// (\w+)\.cpp\n", code))}
Engine = tuple[str | Path, ...]  # what compiles and links a module with the engine that was compiled before
PROGRAMS = [
    (code, after[1] if after[0] == "text" else "")
    for (language, code), after in zip(BLOCKS, [*BLOCKS[1:], ("", "")], strict=True)
    if language == "python"
]


def table(heading: str) -> list[list[str]]:
    """The rows of the table with this first heading."""
    lines = iter(GUIDE.splitlines())
    next(line for line in lines if line.startswith(f"| {heading} |"))
    next(lines)
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip(" `") for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return rows


def flags_for(code: str) -> list[str]:
    """Warnings as errors for modules of ours; what another library asks of its compiler for others."""
    if "nanobind" in code:
        root = Path(nanobind.include_dir()).parent
        return [f"-I{root}/include", f"-I{root}/ext/robin_map/include", f"{root}/src/nb_combined.cpp"]
    if "torch/extension.h" in code:
        root = Path(torch.__file__).parent
        include = (f"-I{root}/include", f"-I{root}/include/torch/csrc/api/include")
        libraries = ("-ltorch_python", "-ltorch", "-ltorch_cpu", "-lc10")
        return [*include, f"-L{root}/lib", f"-Wl,-rpath,{root}/lib", *libraries]
    return ["-std=c++20", "-Wall", "-Wextra", "-Wconversion", "-Wsign-conversion", "-Wshadow", "-Werror"]


def built(folder: Path, name: str, code: str, engine: Engine) -> Path:
    source = folder / f"{name}.cpp"
    source.write_text(code)
    return compile_module(source, "-fvisibility=hidden", *flags_for(code), *engine)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the modules are, importable from here too."""
    folder = tmp_path_factory.mktemp("guide")
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def engine(folder: Path) -> Engine:
    return compile_engine(folder)


@pytest.fixture(scope="module")
def modules(folder: Path, engine: Engine) -> Path:
    for name, code in SOURCES.items():
        built(folder, name, code, engine if "numpy_bridge" in code else ())
    return folder


@pytest.mark.parametrize(
    ("code", "printed"), PROGRAMS, ids=lambda text: re.findall(r"^import (\w+)", text)[:1]
)
def test_programs_print_what_is_shown(code: str, printed: str, modules: Path) -> None:
    assert python(code, modules) == printed


def test_every_module_is_used() -> None:
    used = {name for code, _ in PROGRAMS for name in re.findall(r"^import (\w+)$", code, re.MULTILINE)}
    used |= {f"by_{re.split('::', heading)[-1].lower()}" for heading in PEERS}
    assert set(SOURCES) <= used


def test_cmake_is_that_of_the_project_beside() -> None:
    first, second, third = (code for language, code in BLOCKS if language == "cmake")
    assert first == HERE.joinpath("scikit-build-core/CMakeLists.txt").read_text()
    assert HERE.joinpath("nanobind-module/CMakeLists.txt").read_text().startswith(second)
    assert third in HERE.joinpath("nanobind-module/CMakeLists.txt").read_text()


def test_module_of_nanobind_is_that_of_the_project_beside() -> None:
    project = HERE.joinpath("nanobind-module/src/scale.cpp").read_text()
    assert project in [code for language, code in BLOCKS if language == "cpp"]


def test_ways_to_build_are_those_of_the_projects_beside() -> None:
    ways = dict(table("build"))
    assert ways["scikit-build-core"] in HERE.joinpath("scikit-build-core/pyproject.toml").read_text()
    assert ways["setuptools"] in HERE.joinpath("setuptools/setup.py").read_text()
    assert ways["Meson"].split("`")[0] in HERE.joinpath("meson-python/meson.build").read_text()
    shell = [way for way in ways.values() if "$(python" in way]
    assert len(shell) == 3
    for substitution in re.findall(r"\$\((.*?)\)", " ".join(shell)):
        command = [sys.executable, *shlex.split(substitution)[1:]]
        folders = shlex.split(subprocess.check_output(command, text=True))
        assert folders
        assert all(Path(folder.removeprefix("-I")).is_dir() for folder in folders)


# What an argument asks for

ARGUMENTS = table("argument")


@pytest.fixture(scope="module")
def functions(folder: Path, engine: Engine) -> ModuleType:
    """One function for each row of the table, which returns the sum of what it got as it sees it."""
    lines = (f'm.def("f{i}", []({row[0]}) {{}});' for i, row in enumerate(ARGUMENTS))
    head = "#include <pybind11/stl.h>\n#include <numpy_bridge/pybind11.hpp>\nusing namespace numpy_bridge;\n"
    built(folder, "arguments", head + "PYBIND11_MODULE(arguments, m) {" + "\n".join(lines) + "}", engine)
    return importlib.import_module("arguments")


def evaluate(expression: str) -> Any:
    a = np.array([[3, 1, 4, 1, 5, 9], [2, 6, 5, 3, 5, 8]], np.float32).repeat(2, axis=0)
    return eval(expression, {"np": np, "torch": torch, "jnp": jnp, "a": a, "t": torch.tensor(a)})


@pytest.mark.parametrize("i", range(len(ARGUMENTS)), ids=[row[0] for row in ARGUMENTS])
def test_what_arguments_accept(i: int, functions: ModuleType) -> None:
    accepted = ARGUMENTS[i][2]
    if "cuda" in accepted and not torch.cuda.is_available():
        pytest.skip("there is no GPU here")
    getattr(functions, f"f{i}")(evaluate(accepted))


@pytest.mark.parametrize("i", range(len(ARGUMENTS)), ids=[row[0] for row in ARGUMENTS])
def test_what_arguments_refuse(i: int, functions: ModuleType) -> None:
    with pytest.raises(TypeError, match="arg0: expected"):
        getattr(functions, f"f{i}")(evaluate(ARGUMENTS[i][3]))


def test_every_constraint_has_a_row() -> None:
    header = Path(numpy_bridge.get_include(), "numpy_bridge/arguments/constraints.hpp").read_text()
    public = header[: header.index("namespace detail")]
    constraints = set(re.findall(r"^(?:template <.*> )?struct (\w+) \{", public, re.MULTILINE)) - {"element"}
    assert len(constraints) >= 10
    assert [
        name for name in constraints if not any(re.search(rf"\b{name}\b", row[0]) for row in ARGUMENTS)
    ] == []


# Coming from elsewhere

PEERS = {"py::array_t": 1, "nb::ndarray": 2, "torch::Tensor": 3, "borrowed": 4}


def values(x: Any) -> np.ndarray:
    if isinstance(x, torch.Tensor):
        x = x.detach().resolve_neg().numpy()
    return np.array(x, np.float64)


def outcome(function: Any, x: Any) -> str:
    before = values(x)
    minima = before.min(axis=1)
    try:
        result = function(x)
    except (TypeError, ValueError, RuntimeError):
        return "refuses"
    if not np.array_equal(values(result), minima):
        return "wrong values"
    if np.array_equal(values(x), before):
        return "writes are lost"
    assert np.array_equal(values(x), before - minima[:, None])
    if getattr(x, "requires_grad", False):
        return "writes behind autograd"
    return "writes to the immutable" if isinstance(x, jnp.ndarray) else "works"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("row", table("called with"), ids=lambda row: row[0])
@pytest.mark.parametrize("peer", PEERS)
def test_what_callers_get(peer: str, row: list[str], modules: Path) -> None:
    module = importlib.import_module(f"by_{peer.split('::')[-1].lower()}")
    assert outcome(module.subtract_minima, evaluate(row[0])) == row[PEERS[peer]]


def test_versions_that_the_table_names() -> None:
    sentence = GUIDE[GUIDE.index("What callers get") :].split(")")[0]
    named = dict(re.findall(r"(pybind11|nanobind|torch) (\d+\.\d+)", sentence))
    found = {module.__name__: module.__version__ for module in (pybind11, nanobind, torch)}
    assert {name: ".".join(version.split(".")[:2]) for name, version in found.items()} == named
