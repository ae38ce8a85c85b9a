"""The package as it is shipped: version, stubs, contents of wheel and sdist, what an import costs."""

import doctest
import importlib.metadata
import importlib.resources
import inspect
import operator
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import numpy_bridge
from numpy_bridge import typing
from repository import ROOT


def run(*command: str, cwd: Path | None = None, **environment: str) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=cwd, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_version_has_one_source():
    header = (ROOT / "csrc/include/numpy_bridge/version.hpp").read_text()
    (written,) = re.findall(r'"(\d+\.\d+\.\d+)"', header)
    assert numpy_bridge.__version__ == importlib.metadata.version("numpy-bridge") == written


def test_headers_declare_everything_in_the_namespace_of_their_version():
    """`tests/downstream/test_coexistence.py` shows why."""
    headers = ROOT / "csrc/include/numpy_bridge"
    name = f"NUMPY_BRIDGE_VERSION_NAMESPACE v{numpy_bridge.__version__.replace('.', '_')}\n"
    assert name in headers.joinpath("version.hpp").read_text()
    for header in headers.rglob("*.hpp"):
        assert not re.search(r"^namespace numpy_bridge\b", header.read_text(), re.MULTILINE), (
            f"{header.name}: write NUMPY_BRIDGE_NAMESPACE_BEGIN and NUMPY_BRIDGE_NAMESPACE_END"
        )


def test_import_loads_neither_torch_nor_the_command_line():
    loaded = run(sys.executable, "-c", "import sys, numpy_bridge; print(*sys.modules)").split()
    assert "numpy_bridge._core" in loaded
    assert not {"torch", "ml_dtypes", "typer", "click", "rich", "jinja2"} & set(loaded)


def test_stubs_match_the_extension(tmp_path):
    pytest.importorskip("pybind11_stubgen", reason="makes the stubs: pip install 'numpy-bridge[test]'")
    pytest.importorskip("torch", reason="the stubs name torch.Tensor")
    run(sys.executable, str(ROOT / "csrc/core/stubs.py"), str(tmp_path / "_core.pyi"))
    generated = (tmp_path / "_core.pyi").read_text()
    assert (ROOT / "python/numpy_bridge/_core.pyi").read_text() == generated, "regenerate: nox -s stubs"


@pytest.mark.parametrize("name", [name for name in numpy_bridge.__all__ if name.islower()])
def test_functions_have_signatures(name: str) -> None:
    function = getattr(numpy_bridge, name)
    if inspect.isroutine(function):
        shown = inspect.signature(function)
        assert "object at 0x" not in str(shown)
        assert list(shown.parameters) or name.startswith("get_")


EXAMPLES = (
    *("view", "to_numpy", "to_torch", "from_pointer", "explain", "shares_memory", "may_share_memory"),
    *("get_include", "get_cmake_dir"),
    "paths.get_sources",
)


@pytest.mark.parametrize("name", EXAMPLES)
def test_docstrings_have_examples_that_run(name: str) -> None:
    torch = pytest.importorskip("torch", reason="the examples have tensors")
    scope = {"bridge": numpy_bridge, "np": np, "torch": torch}
    function = operator.attrgetter(name)(numpy_bridge)
    (example,) = doctest.DocTestFinder().find(function, globs=scope)
    done = doctest.DocTestRunner().run(example)
    assert (done.failed, done.attempted > 1) == (0, True)


def test_types_for_annotations_are_there_at_run_time() -> None:
    (example,) = doctest.DocTestFinder().find(typing, globs={"bridge": numpy_bridge}, name="typing")[:1]
    assert doctest.DocTestRunner().run(example) == doctest.TestResults(failed=0, attempted=3)
    assert set(typing.__all__) <= set(vars(typing))


def test_installed_package_has_types_and_headers():
    package = importlib.resources.files("numpy_bridge")
    assert package.joinpath("py.typed").is_file()
    assert package.joinpath("_core.pyi").is_file()
    for folder in ("include", "engine"):
        for file in (ROOT / "csrc" / folder).rglob("*.?pp"):
            installed = package.joinpath(*file.relative_to(ROOT / "csrc").parts)
            assert installed.read_bytes() == file.read_bytes()


def test_each_file_of_the_engine_is_in_one_unit():
    engine = ROOT / "csrc/engine"
    units = set((engine / "units").iterdir())
    included = [
        (engine / "units" / name).resolve()
        for unit in units
        for name in re.findall('#include "(.+)"', unit.read_text())
    ]
    assert sorted(included) == sorted(set(engine.rglob("*.cpp")) - units)


def test_scikit_build_core_is_told_where_the_cmake_package_is():
    """It sets `numpy_bridge_ROOT` to what the entry point names, where CMake looks under share/cmake."""
    (entry,) = importlib.metadata.entry_points(group="cmake.root", name="numpy_bridge")
    root = importlib.resources.files(entry.load())
    assert root.joinpath("share/cmake/numpy_bridge/numpy_bridgeConfig.cmake").is_file()


@pytest.fixture(scope="module")
def distributions(tmp_path_factory) -> Path:
    """An sdist, and the wheel built from it."""
    pytest.importorskip("build.env", reason="builds the distributions: pip install 'numpy-bridge[test]'")
    folder = tmp_path_factory.mktemp("dist")
    one_architecture = {"CUDAARCHS": "90-real"}  # all of them take their time
    run(sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT), **one_architecture)
    return folder


def test_one_small_wheel_with_everything(distributions):
    (wheel,) = distributions.glob("*.whl")
    assert wheel.stat().st_size < 2_000_000
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        r"_core\..*so",
        r"_core\.pyi",
        r"_cuda\.pyi",
        *([r"_cuda\..*so"] if shutil.which("nvcc") else []),
        r"py\.typed",
        r"include/numpy_bridge/import\.hpp",
        r"engine/memory\.cpp",
        r"share/cmake/numpy_bridge/numpy_bridgeConfig\.cmake",
        r"share/pkgconfig/numpy_bridge\.pc",
        r"tour/__init__\.py",
    ):
        assert any(re.fullmatch(f"numpy_bridge/{wanted}", name) for name in names), wanted
    assert {"numpy_bridge_startup.pth", "numpy_bridge_startup/__init__.py"} <= set(names)
    assert not [name for name in names if name.startswith(("tests", "csrc"))]


def test_installed_build_files_name_no_folder_of_the_build(distributions, tmp_path):
    (wheel,) = distributions.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        texts = [archive.read(name).decode() for name in archive.namelist() if "/share/" in name]
    assert len(texts) == 4
    for text in texts:
        assert not re.search(r"(?<![\w}.])/(home|tmp|opt|root|build|usr|var)\b", text)


def test_sdist_builds(distributions):
    (sdist,) = distributions.glob("*.tar.gz")
    assert sdist.stat().st_size < 2_000_000


def test_wheel_pins_nothing():
    requirements = importlib.metadata.requires("numpy-bridge")
    assert not [line for line in requirements if "==" in line.partition(";")[0]]
    assert [line for line in requirements if ";" not in line] == ["numpy>=1.26"]
