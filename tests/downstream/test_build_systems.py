"""Extensions built by pip against the installed wheel: one with each build system, and the example."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from support import HERE, python, run

USE = """
import numpy as np, torch, scale
for make in (np.ones, torch.ones, lambda shape, dtype: memoryview(np.ones(shape, dtype))):
    x = make((2, 3), dtype=torch.float32 if make is torch.ones else np.float32)
    scale.scale(x, 3)
    assert x.tolist() == [[3.0] * 3] * 2
try:
    scale.scale(np.ones((2, 3)), 3)
except TypeError as error:
    assert "float64" in str(error) and "float32" in str(error), error
else:
    raise AssertionError("a float64 array was taken for a float32 one")
print(scale.standard)
"""


def install(project: Path, target: Path, *options: str) -> None:
    """Build and install a project with what is installed here."""
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-build-isolation", "--no-deps")
    run(*pip, "--target", target, *options, project, cwd=project.parent)


@pytest.mark.parametrize(
    ("build_system", "standard"),
    [
        ("scikit-build-core", "202002"),
        ("meson-python", "201703"),
        ("setuptools", "201703"),
        ("setuptools-compiled", "201703"),
    ],
)
def test_build_system(build_system: str, standard: str, tmp_path: Path) -> None:
    project = shutil.copytree(HERE / build_system, tmp_path / "project")
    shutil.copy(HERE / "scale.cpp", project)
    install(project, tmp_path / "installed")
    assert python(USE, tmp_path / "installed").startswith(standard)


@pytest.mark.parametrize("example", ["extension", "nearest", "biquad"])
def test_example(example: str, tmp_path: Path) -> None:
    """An example that knows nothing of this tree: pip builds it, its tests and its benchmark run."""
    project = shutil.copytree(HERE.parents[1] / "examples" / example, tmp_path / example)
    install(project, tmp_path / "installed", "-C", "cmake.define.BY_ARRAY_T=ON")
    shutil.rmtree(project / example, ignore_errors=True)  # the package is the installed one
    tests = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--benchmark-disable")
    print(run(*tests, cwd=project, PYTHONPATH=str(tmp_path / "installed")))
