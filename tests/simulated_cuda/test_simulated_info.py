"""What is told of simulated devices: by `describe_cuda`, `numpy-bridge info`, and `_cuda.info`."""

from __future__ import annotations

import pytest

import numpy_bridge
from numpy_bridge.info import describe_cuda
from simulated import Simulation

DEVICE = {
    "name": "a simulated device",
    "compute_capability": "9.0",
    "memory_bytes": 1 << 30,
    "multiprocessors": 16,
    "runs_kernels": True,
}


def test_devices(cuda: Simulation) -> None:
    assert describe_cuda() == {
        "built": True,
        "toolkit": "13.0",
        "architectures": ["90-real"],
        "driver": "13.0",
        "runtime": "13.0",
        "devices": [{"index": 0, **DEVICE}, {"index": 1, **DEVICE}],
        "unavailable": None,
    }


def test_what_cannot_be_found_out(cuda: Simulation) -> None:
    """Nothing is raised, and no error is left behind."""
    why = "cudaErrorInvalidValue: as the simulation has it"
    for failing in range(5):
        cuda.runtime.fail_after(failing)
        found = describe_cuda()
        name = cuda.calls()[failing]
        if name == "cudaGetDeviceCount":
            assert (found["devices"], found["unavailable"]) == ([], why)
        elif name == "cudaGetDeviceProperties":
            fallen = found["devices"][failing - 3]
            assert fallen == {"index": failing - 3, "unavailable": why, "runs_kernels": False}
        assert cuda.runtime.last_error() == 0, name


def test_the_command(cuda: Simulation) -> None:
    pytest.importorskip("rich", reason="the command line needs rich")
    testing = pytest.importorskip("typer.testing", reason="the command line needs typer")
    from numpy_bridge import cli

    plain = {"FORCE_COLOR": None, "NO_COLOR": None, "TERM": "xterm", "COLUMNS": "200"}
    done = testing.CliRunner().invoke(cli.build(), ["info"], env=plain)
    assert done.exit_code == 0
    lines = done.output.splitlines()
    shown = lines[lines.index("CUDA") + 1 : lines.index("array libraries")]
    assert [" ".join(line.split()) for line in shown] == [
        "usable yes",
        "kernels compiled by CUDA 13.0 for compute capability 9.0",
        "driver for CUDA 13.0",
        "runtime CUDA 13.0, linked in",
        "device 0 a simulated device, compute capability 9.0, 1.0 GiB, 16 multiprocessors",
        "device 1 a simulated device, compute capability 9.0, 1.0 GiB, 16 multiprocessors",
    ]
    assert numpy_bridge.__version__ in done.output
