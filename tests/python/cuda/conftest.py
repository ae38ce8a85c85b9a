"""All tests in test_gpu_*.py need a CUDA device and have the marker `gpu`, but for those of host libraries.

Where kernels cannot run they are skipped, all for one reason, which is printed once.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from gpu_libraries import LIBRARIES, Library
from numpy_bridge.info import describe_cuda

UNAVAILABLE = describe_cuda()["unavailable"]
REASON = f"CUDA is not usable: {UNAVAILABLE}"

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # or jax takes three quarters of the device


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = [item for item in items if not _needs_device(item) or _exists(_parameters(item))]
    for item in filter(_needs_device, items):
        if any(isinstance(value, Library) and value.host for value in _parameters(item)):
            continue
        item.add_marker("gpu")
        if UNAVAILABLE is not None:
            item.add_marker(pytest.mark.skip(reason=REASON), append=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Let all skips without a device have one place, so that they are one line of the summary."""
    report = yield
    if report.skipped and UNAVAILABLE is not None and REASON in str(report.longrepr):
        report.longrepr = (str(Path(__file__)), 1, f"Skipped: {REASON}")
    return report


def _needs_device(item: pytest.Item) -> bool:
    return item.path.name.startswith("test_gpu_")


def _parameters(item: pytest.Item) -> list[Any]:
    return list(item.callspec.params.values()) if hasattr(item, "callspec") else []


def _exists(parameters: list[Any]) -> bool:
    """Whether all libraries have these dtypes and layouts, and are on one side."""
    libraries = [value for value in parameters if isinstance(value, Library)]
    features = [value for value in parameters if isinstance(value, str)]
    return len({each.host for each in libraries}) <= 1 and all(each.has(*features) for each in libraries)


@pytest.fixture(params=[each for each in LIBRARIES if each.writable], ids=lambda each: each.name)
def library(request: pytest.FixtureRequest) -> Library:
    """Each library whose memory can be written: those of the host too, which tests the tests."""
    found: Library = request.param
    found.require()
    return found


@pytest.fixture(
    params=[each for each in LIBRARIES if each.writable and not each.host], ids=lambda each: each.name
)
def device_library(request: pytest.FixtureRequest) -> Library:
    """Each library whose memory is on the device and can be written."""
    found: Library = request.param
    found.require()
    return found


@pytest.fixture(params=LIBRARIES, ids=lambda each: each.name)
def other(request: pytest.FixtureRequest) -> Library:
    """Each library on the side of `library`, which may be the same."""
    found: Library = request.param
    found.require()
    return found
