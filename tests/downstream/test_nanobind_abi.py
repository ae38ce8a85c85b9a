"""One file of the stable ABI in several versions of Python: it shares memory, and answers as here."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import abi3info
import nanobind
import pytest
from abi3info.models import PyVersion

from outcomes import ACCEPTED, REFUSED, outcome
from support import HERE, INSTALLED, run


@pytest.fixture(scope="module")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Python of another version, with NumPy and nanobind's backend. Skips the test where it is missing."""
    made: dict[str, str] = {}

    def has_version(candidate: Path | str, version: str) -> bool:
        code = f"import sys; sys.exit('%d.%d' % sys.version_info[:2] != '{version}')"
        return subprocess.run([candidate, "-c", code], capture_output=True, check=False).returncode == 0

    def make(version: str) -> str:
        if version in made:
            return made[version]
        of_pyenv = Path.home().glob(f".pyenv/versions/{version}*/bin/python")
        places = (shutil.which(f"python{version}"), *of_pyenv)
        found = next((place for place in places if place and has_version(place, version)), None)
        if found is None:
            pytest.skip(f"Python {version} is not installed")
        folder = tmp_path_factory.mktemp(f"python{version}")
        run(found, "-m", "venv", folder)
        python = next(path for path in folder.glob("*/python*") if path.stem == "python")
        packages = ("numpy", "nanobind-backend")
        pip = (sys.executable, "-m", "pip", "--python", str(python), "install", "--only-binary", ":all:")
        done = subprocess.run((*pip, *packages), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"no {packages} for Python {version}: {done.stderr.splitlines()[-1]}")
        made[version] = str(python)
        return made[version]

    return make


@pytest.fixture(scope="module")
def stable(interpreter: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a module of the stable ABI, built with Python 3.12."""
    build = tmp_path_factory.mktemp("stable")
    places = {
        "Python_EXECUTABLE": interpreter("3.12"),
        "nanobind_DIR": nanobind.cmake_dir(),
        "numpy_bridge_DIR": INSTALLED / "share/cmake/numpy_bridge",
        "CMAKE_BUILD_TYPE": "Release",
    }
    options = [f"-D{name}={place}" for name, place in places.items()]
    run("cmake", "-G", "Ninja", "-S", HERE / "nanobind-module", "-B", build, *options)
    run("cmake", "--build", build, "--target", "by_stable")
    return build


def answers_elsewhere(python: str, folder: Path, name: str) -> list[str]:
    done = subprocess.run(
        [python, str(HERE / "outcomes.py"), str(folder), name],
        input=json.dumps(without_torch()),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def without_torch() -> list[tuple[str, str]]:
    uses_torch = re.compile(r"\b(t|torch)\b")
    every = (*ACCEPTED, *REFUSED)
    return [(name, call) for name, call in every if name != "tensor" and not uses_torch.search(call)]


def answers_here(modules: dict[str, ModuleType]) -> list[str]:
    module = modules["by_pybind11"]
    return [repr(outcome(getattr(module, name), call, module)) for name, call in without_torch()]


@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_one_file_of_the_stable_abi(
    version: str, interpreter: Callable[[str], str], stable: Path, modules: dict[str, ModuleType]
) -> None:
    assert [path.name for path in stable.glob("by_stable*")] == ["by_stable.abi3.so"]
    assert answers_elsewhere(interpreter(version), stable, "by_stable") == answers_here(modules)


@pytest.mark.parametrize("version", ["3.10", "3.13"])
def test_one_file_of_the_split_mode(
    version: str, interpreter: Callable[[str], str], installed: Path, modules: dict[str, ModuleType]
) -> None:
    assert [path.name for path in installed.glob("by_split*")] == ["by_split.abi3.so"]
    assert answers_elsewhere(interpreter(version), installed, "by_split") == answers_here(modules)


@pytest.mark.skipif(shutil.which("nm") is None, reason="nm is not installed")
def test_split_mode_uses_the_stable_abi_of_310_and_buffers(installed: Path) -> None:
    (file,) = installed.glob("by_split*")
    used = set(re.findall(r" U (_?Py\w+)", run("nm", "-D", "--undefined-only", file)))
    known = {**abi3info.FUNCTIONS, **abi3info.DATAS}
    stable = {symbol.name for symbol, what in known.items() if what.added <= PyVersion(3, 10)}
    assert used & stable
    assert used - stable == {"PyObject_CheckBuffer", "PyObject_GetBuffer", "PyBuffer_Release"}
