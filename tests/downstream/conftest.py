"""Builds `nanobind-module` once for all tests."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from support import HERE
from test_build_systems import install

# Before Python 3.12 the only stable ABI is that of the split mode.
BY_NANOBIND = ["by_nanobind", "by_split", *(["by_stable"] if sys.version_info >= (3, 12) else [])]
LIBRARIES = ["by_pybind11", *BY_NANOBIND]
SUMS = ["sums", "sums_split"]  # these link a library without Python


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nanobind")
    install(shutil.copytree(HERE / "nanobind-module", folder / "project"), folder / "installed")
    return folder / "installed"


@pytest.fixture(scope="session")
def modules(installed: Path) -> Iterator[dict[str, ModuleType]]:
    sys.path.insert(0, str(installed))
    yield {name: importlib.import_module(name) for name in (*LIBRARIES, *SUMS, "scale")}
    sys.path.remove(str(installed))
