"""Stubs of extensions: what type checkers know of their functions."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from support import compile_module

SOURCE = """
#include <numpy_bridge/pybind11.hpp>

using namespace numpy_bridge;

PYBIND11_MODULE(typed, m) {
    m.def("gain", [](borrowed<float, ndim<1>>, float) {}, py::arg("x"), py::arg("by"));
    m.def("total", [](borrowed<const double, array_like>) { return 0.0; }, py::arg("x"));
    m.def("maybe", [](const std::optional<borrowed<const float>>&) {}, py::arg("x"));
    m.def("grid", [] { return own(std::vector<double>{1, 2}); });
    m.def("fresh", [] { return fresh<bool, ndim<1>>({2}); });
    m.def("tensor", [] { return to_torch(own(std::vector<float>{1, 2})); });
    m.def("any", [](bool wide) { return fresh<void, ndim<1>>({2}, wide ? dtype::float64 : dtype::float32); });
}
"""

USER = """
import numpy as np
import torch
import typed
from numpy.typing import NDArray

typed.gain(np.zeros(3, np.float32), 2)
typed.gain(torch.zeros(3), 2)
typed.gain(memoryview(bytearray(12)).cast("f"), 2)
typed.total([1, 2.5])
typed.maybe(None)
grid: NDArray[np.float64] = typed.grid()
flags: NDArray[np.bool_] = typed.fresh()
tensor: torch.Tensor = typed.tensor()
typed.gain("text", 2)  # wrong
typed.gain(None, 2)  # wrong
typed.gain([1.0], 2)  # wrong
typed.total(object())  # wrong
narrow: NDArray[np.float32] = typed.grid()  # wrong
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The module, its stub, and a file that uses it."""
    folder = tmp_path_factory.mktemp("stubs")
    source = folder / "typed.cpp"
    source.write_text(SOURCE.replace("\n#include", "\n#include <pybind11/stl.h>\n#include", 1))
    compile_module(source, "-fvisibility=hidden")
    command = [sys.executable, "-m", "pybind11_stubgen", "--exit-code", "-o", ".", "typed"]
    subprocess.run(command, cwd=folder, check=True)
    (folder / "user.py").write_text(USER)
    return folder


def test_stubs_name_what_is_taken_and_returned(folder: Path) -> None:
    stub = (folder / "typed.pyi").read_text()
    shareable = 'typing.Annotated[numpy_bridge.typing.Shareable, "float32, 1-D, writable, CPU"]'
    assert f"def gain(x: {shareable}, by: typing.SupportsFloat" in stub
    assert 'def total(x: typing.Annotated[numpy.typing.ArrayLike, "float64, CPU"]) -> float' in stub
    assert 'Shareable, "float32, CPU"] | None) -> None' in stub
    assert "def grid() -> numpy.typing.NDArray[numpy.float64]" in stub
    assert "def fresh() -> numpy.typing.NDArray[numpy.bool_]" in stub
    assert "def tensor() -> torch.Tensor" in stub
    assert "-> numpy.typing.NDArray[typing.Any]" in stub


def test_type_checkers_refuse_what_the_functions_refuse(folder: Path) -> None:
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "user.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    found = {int(line) for line in re.findall(r"^user\.py:(\d+): error", done.stdout, re.MULTILINE)}
    wrong = {i for i, line in enumerate(USER.splitlines(), 1) if line.endswith("# wrong")}
    assert found == wrong, done.stdout + done.stderr
