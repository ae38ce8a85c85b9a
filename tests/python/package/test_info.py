"""`numpy-bridge info`: on this machine, and on machines that stand-ins of the `_cuda` module describe."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import numpy_bridge
from numpy_bridge.info import SCHEMA, describe, describe_cuda
from numpy_bridge.info.cuda import runs_on
from numpy_bridge.info.versions import TESTED, newer
from numpy_bridge.libraries import LIBRARIES
from repository import ROOT
from support import needs_torch, run_python

DEVICE = {
    "index": 0,
    "name": "NVIDIA H200",
    "compute_capability": "9.0",
    "memory_bytes": 150_000_000_000,
    "multiprocessors": 132,
}
MACHINE = {
    "toolkit": "13.0",
    "architectures": ["80-real", "90-real", "90-virtual"],
    "driver": "13.1",
    "runtime": "13.0",
    "devices": [DEVICE],
    "unavailable": None,
}


def machine(monkeypatch: pytest.MonkeyPatch, **differs: Any) -> None:
    """Let `_cuda` describe an H200, but for what `differs`."""
    found = {**MACHINE, **differs}
    devices = [dict(device) for device in found["devices"]]
    stand_in = SimpleNamespace(info=lambda: {**found, "devices": devices})
    monkeypatch.setitem(sys.modules, "numpy_bridge._cuda", stand_in)


def no_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy_bridge._cuda", None)


def test_of_this_installation() -> None:
    found = describe()
    assert json.loads(json.dumps(found)) == found
    assert found["schema"] == SCHEMA
    assert found["version"] == numpy_bridge.__version__
    assert found["libraries"]["numpy"] == np.__version__
    assert found["libraries"].keys() <= {library.name for library in LIBRARIES}


def test_of_this_machine() -> None:
    """With or without kernels, with or without a device: usable exactly if there is no reason why not."""
    found = describe_cuda()
    assert list(found) == [
        "built",
        "toolkit",
        "architectures",
        "driver",
        "runtime",
        "devices",
        "unavailable",
    ]
    assert (found["unavailable"] is None) is any(device["runs_kernels"] for device in found["devices"])
    assert found["built"] is (found["toolkit"] is not None)
    if found["built"] and found["driver"] is None:
        assert found["unavailable"].startswith("no NVIDIA driver was found (cudaErrorInsufficientDriver: ")


def test_with_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch)
    assert describe_cuda() == {"built": True, **MACHINE, "devices": [{**DEVICE, "runs_kernels": True}]}


def test_without_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    no_kernels(monkeypatch)
    found = describe_cuda()
    assert (found["built"], found["toolkit"], found["devices"]) == (False, None, [])
    assert found["unavailable"] == (
        "this wheel was built without CUDA kernels; build it where nvcc is in PATH: "
        "pip install --config-settings=cmake.define.NUMPY_BRIDGE_CUDA=ON . in a clone"
    )


def test_with_kernels_that_cannot_be_loaded() -> None:
    """As where a library that the module needs is missing."""
    run_python(
        """
import importlib.abc, sys

class Broken(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "numpy_bridge._cuda":
            raise ImportError("libx.so: cannot open shared object file")

import numpy_bridge.info
sys.meta_path.insert(0, Broken())
found = numpy_bridge.info.describe_cuda()
assert found["built"]
assert found["unavailable"] == "the CUDA kernels cannot be loaded: libx.so: cannot open shared object file"
"""
    )


NO_DRIVER = "cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime version"
OLD = {**DEVICE, "name": "Tesla V100", "compute_capability": "7.0"}
FALLEN = {"index": 0, "unavailable": "cudaErrorDevicesUnavailable: busy"}


@pytest.mark.parametrize(
    ("differs", "reason"),
    [
        (
            {"driver": None, "devices": [], "unavailable": NO_DRIVER},
            f"no NVIDIA driver was found ({NO_DRIVER})",
        ),
        (
            {"driver": "12.2", "devices": [], "unavailable": NO_DRIVER},
            f"the driver is for CUDA 12.2, the kernels need 13.0: update the driver ({NO_DRIVER})",
        ),
        (
            {"devices": [], "unavailable": "cudaErrorNoDevice: no CUDA-capable device is detected"},
            "the driver shows no device: see CUDA_VISIBLE_DEVICES "
            "(cudaErrorNoDevice: no CUDA-capable device is detected)",
        ),
        (
            {"devices": [], "unavailable": "cudaErrorSystemNotReady: starting"},
            "cudaErrorSystemNotReady: starting",
        ),
        (
            {"devices": [OLD, FALLEN]},
            "no device here runs kernels compiled for 80-real, 90-real, 90-virtual: "
            "build with -DCMAKE_CUDA_ARCHITECTURES=native",
        ),
        ({"devices": [OLD, DEVICE]}, None),
    ],
)
def test_why_not(monkeypatch: pytest.MonkeyPatch, differs: dict[str, Any], reason: str | None) -> None:
    machine(monkeypatch, **differs)
    assert describe_cuda()["unavailable"] == reason


@pytest.mark.parametrize(
    ("architectures", "runs", "does_not"),
    [
        ("80-real", ["8.0", "8.6", "8.9"], ["7.5", "9.0", "12.0"]),
        ("86-real", ["8.6", "8.9"], ["8.0"]),
        ("80-virtual", ["8.0", "9.0", "12.1"], ["7.5"]),
        ("100-real", ["10.0", "10.3"], ["9.0", "12.0"]),
        ("80", ["8.0", "8.6", "12.0"], ["7.5"]),
        ("75-real 90-real 120-virtual", ["7.5", "9.0", "12.0", "13.0"], ["8.0", "10.0"]),
        ("native", ["5.0", "12.0"], []),
    ],
)
def test_which_devices_run_what(architectures: str, runs: list[str], does_not: list[str]) -> None:
    assert [runs_on(architectures.split(), capability) for capability in runs] == [True] * len(runs)
    assert [runs_on(architectures.split(), capability) for capability in does_not] == [False] * len(does_not)


def test_imports_no_array_library() -> None:
    run_python(
        """
import sys, numpy_bridge.info
numpy_bridge.info.describe()
assert not {"torch", "jax", "cupy", "rich", "typer"} & set(sys.modules)
"""
    )


@pytest.mark.parametrize(
    ("statement", "value", "on", "reason"),
    [
        ("import torch", "1", True, None),
        ("import torch", "0", False, "turned off by NUMPY_BRIDGE_FAST_TENSORS=0"),
        ("", "0", False, "turned off by NUMPY_BRIDGE_FAST_TENSORS=0"),
        ("", "1", None, "torch is not imported"),
    ],
)
@needs_torch
def test_fast_tensors(statement: str, value: str, on: bool | None, reason: str | None) -> None:
    code = f"""
{statement}
from numpy_bridge import info
print(info.describe()["fast_tensors"])
"""
    printed = run_python(code, NUMPY_BRIDGE_FAST_TENSORS=value)
    assert printed == f"{ {'on': on, 'reason': reason} }\n"


def test_fast_tensors_without_torch() -> None:
    code = """
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "torch" else found(name, *rest)
from numpy_bridge import info
print(info.describe_fast_tensors()["reason"])
"""
    assert run_python(code, NUMPY_BRIDGE_FAST_TENSORS="1") == "torch is not installed\n"


# Versions


def test_newer_versions_than_were_tested_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert newer({"python": TESTED["python"][1], "numpy": "1.26.4", "jax": "9.9"}) == {}
    found = {"numpy": "99.0.1", "torch": "99.1.0.dev2026+cu130"}
    assert newer(found) == found
    monkeypatch.setattr("numpy_bridge.info.document.libraries", lambda: found)
    assert describe()["newer"].keys() >= found.keys()
    assert "numpy 99.0.1, torch 99.1.0.dev2026+cu130" in shown()


def test_platforms_page_has_the_versions() -> None:
    page = (ROOT / "docs/platforms.md").read_text()
    for name, versions in TESTED.items():
        assert f"| {name} | {versions[0]} | {versions[1]} |" in page


# The command


def shown(*arguments: str, **environment: str | None) -> str:
    pytest.importorskip("rich", reason="the command line needs rich")
    pytest.importorskip("typer", reason="the command line needs typer")
    from typer.testing import CliRunner

    from numpy_bridge import cli

    plain: dict[str, str | None] = {"FORCE_COLOR": None, "NO_COLOR": None, "TERM": "xterm", "COLUMNS": "200"}
    done = CliRunner().invoke(cli.build(), ["info", *arguments], env={**plain, **environment})
    assert done.exit_code == 0
    return done.output


def test_json_is_one_document(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch)
    assert json.loads(shown("--json", "-")) == describe()


@pytest.mark.parametrize("terminal", ["1", None])
def test_shows_everything(monkeypatch: pytest.MonkeyPatch, terminal: str | None) -> None:
    machine(monkeypatch, devices=[DEVICE, {**OLD, "index": 1}, {**FALLEN, "index": 2}])
    text = shown(FORCE_COLOR=terminal)
    assert ("\x1b[" in text) is (terminal is not None)
    for part in (
        numpy_bridge.__version__,
        "compiled by CUDA 13.0 for compute capability 8.0, 9.0 and newer",
        "for CUDA 13.1",
        "CUDA 13.0, linked in",
        "NVIDIA H200, compute capability 9.0, 139.7 GiB, 132 multiprocessors",
        "Tesla V100, compute capability 7.0, 139.7 GiB, 132 multiprocessors; "
        "not one that these kernels were compiled for",
        "unavailable: cudaErrorDevicesUnavailable: busy",
        np.__version__,
    ):
        assert part in text


@needs_torch
@pytest.mark.parametrize(
    ("found", "line"),
    [
        ({"on": True, "reason": None}, "tensors fast reading on"),
        (
            {"on": False, "reason": "not found for torch 9.0"},
            "tensors fast reading off: not found for torch 9.0",
        ),
        (
            {"on": None, "reason": "torch is not imported"},
            "tensors fast reading unknown: torch is not imported",
        ),
    ],
)
def test_shows_how_tensors_are_read(
    monkeypatch: pytest.MonkeyPatch, found: dict[str, Any], line: str
) -> None:
    monkeypatch.setattr("numpy_bridge.info.document.describe_fast_tensors", lambda: found)
    assert line in [" ".join(row.split()) for row in shown().splitlines()]
    assert json.loads(shown("--json", "-"))["fast_tensors"] == found


def test_plain_text_is_a_fact_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch)
    lines = [" ".join(line.split()) for line in shown().splitlines()]  # columns are as wide as the names here
    assert lines[0] == "numpy-bridge"
    assert "usable yes" in lines
    assert lines.index("CUDA") < lines.index("array libraries")
    assert f"numpy {np.__version__}" in lines


def test_shows_why_there_are_no_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    no_kernels(monkeypatch)
    text = shown()
    assert " no: this wheel was built without CUDA kernels; build it where " in text
    assert "driver" not in text.split("array libraries")[0]
