"""The package as it is shipped: version, stubs, contents of wheel and sdist, what an import costs."""

import importlib.metadata
import importlib.resources
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import numpy_bridge
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
    if shutil.which("pybind11-stubgen", path=Path(sys.executable).parent) is None:
        pytest.skip("pybind11-stubgen is not installed: pip install 'numpy-bridge[test]'")
    pytest.importorskip("torch", reason="the stubs name torch.Tensor")
    run(str(Path(sys.executable).with_name("pybind11-stubgen")), "numpy_bridge._core", "-o", str(tmp_path))
    generated = (tmp_path / "numpy_bridge/_core.pyi").read_text()
    assert (ROOT / "python/numpy_bridge/_core.pyi").read_text() == generated, "regenerate: nox -s stubs"


def test_installed_package_has_types_and_headers():
    package = importlib.resources.files("numpy_bridge")
    assert package.joinpath("py.typed").is_file()
    assert package.joinpath("_core.pyi").is_file()
    for folder in ("include", "engine"):
        for file in (ROOT / "csrc" / folder).rglob("*.?pp"):
            installed = package.joinpath(*file.relative_to(ROOT / "csrc").parts)
            assert installed.read_bytes() == file.read_bytes()


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
