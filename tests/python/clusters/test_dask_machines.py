"""Dask workers of two machines: values cross the network once for each, and neighbours share a block."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from machines import Machine, two_machines

pytest.importorskip("distributed", reason="the session clusters installs distributed")
pytest.importorskip("torch", reason="the session clusters installs torch")

HERE = Path(__file__).parent
MIB = 1 << 20


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Machine, Machine]]:
    """A scheduler and a worker on the first one, two workers on the second."""
    folder = str(tmp_path_factory.mktemp("dask"))
    try:
        both = two_machines()
        first, second = both.__enter__()
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"network namespaces need root and iproute2: {error}")
    try:
        scheduler = f"tcp://{first.address}:8786"
        ours = ("-m", "distributed.cli.dask_scheduler", "--host", first.address, "--port", "8786")
        first.start(*ours, "--no-dashboard")
        for machine in (first, second, second):
            worker = ("-m", "distributed.cli.dask_worker", scheduler, "--host", machine.address)
            options = ("--no-nanny", "--no-dashboard", "--nthreads", "1", "--memory-limit", "0")
            preload = ("--preload", "numpy_bridge.dask", "--local-directory", folder)
            machine.start(*worker, *options, *preload)
        yield first, second
    finally:
        both.__exit__(None, None, None)


def test_values_cross_the_network_once(machines: tuple[Machine, Machine]) -> None:
    first, second = machines
    program = str(HERE / "scatter_to_machines.py")
    found: dict[str, Any] = json.loads(first.run(program, f"tcp://{first.address}:8786"))
    assert len(found["files"]) == 3
    assert all(each["sum"] == found["sum"] for each in found["files"])
    on_first = {each["inode"] for each in found["files"] if each["host"] == first.address}
    on_second = [each["inode"] for each in found["files"] if each["host"] == second.address]
    assert on_first == {found["inode"]}  # the client's
    assert len(on_second) == 2
    assert len(set(on_second)) == 1  # one block for both workers
    assert not on_first & set(on_second)
    assert found["back"] == found["sum"]
    assert found["nbytes"] == 24 * MIB
    assert found["nbytes"] <= second.received() < 1.2 * found["nbytes"]
