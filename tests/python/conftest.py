"""Settings for the Python tests. Helpers are in `support.py`, `producers.py` and `fakes.py`."""

from __future__ import annotations

import gc
from importlib.metadata import PackageNotFoundError, version

import pytest
from hypothesis import HealthCheck, settings

pytest.register_assert_rewrite("support", "fakes", "producers")

# No deadline: nothing here is timed. The same examples on every run.
settings.register_profile(
    "tests", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tests")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seconds", type=float, default=0.5, help="how long each test of threads runs")


@pytest.fixture
def seconds(pytestconfig: pytest.Config) -> float:
    return float(pytestconfig.getoption("--seconds"))


def pytest_collection_finish() -> None:
    """Keep what the imports made out of the hundreds of collections that tests ask for."""
    gc.collect()
    gc.freeze()


def pytest_report_header() -> str:
    """Say which of the libraries the tests meet; what needs a missing one is skipped."""

    def found(name: str) -> str:
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            return f"no {name}"

    return "libraries: " + ", ".join(map(found, ("numpy", "torch", "ml_dtypes", "hypothesis")))
