"""The Python package over simulated CUDA devices: all of it but the compiler's code for a GPU, without one.

They take a process of their own, as the package loads its kernels once.
`tests/python/cuda/test_simulated_cuda.py` runs these files, and `pytest tests/simulated_cuda` does, too.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

import simulated

simulated.without_torch()  # before the tests' helpers ask for it

import extension_build  # noqa: E402


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--simulated-cuda", type=Path, help="where the simulation was built; built anew by default"
    )


@pytest.fixture(scope="session")
def simulation(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> simulated.Simulation:
    folder = request.config.getoption("--simulated-cuda")
    return simulated.install(
        folder or extension_build.build_simulated_cuda(tmp_path_factory.mktemp("simulated"))
    )


@pytest.fixture
def cuda(simulation: simulated.Simulation) -> Iterator[simulated.Simulation]:
    """Two devices at rest.

    At the end each block and event that was made has been released, once, no error waits for the next
    one who asks, and nothing waited for a device with the GIL.
    """
    simulation.reset()
    yield simulation
    simulation.run()
    simulation.release_finished()
    assert simulation.runtime.unreleased() == 0
    assert simulation.runtime.last_error() == 0
    assert simulation.runtime.current_device() == 0
    assert simulation.runtime.waits_with_the_gil() == []


@pytest.fixture(params=list(itertools.permutations([1, 5, 6])), ids=lambda order: "-".join(map(str, order)))
def order(request: pytest.FixtureRequest) -> list[simulated.Stream]:
    """The streams 1, 5 and 6 of device 0: which of them goes on where several can."""
    return [(0, number) for number in request.param]
