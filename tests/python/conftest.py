"""Settings for the Python tests. What several rooms share is in helpers/."""

from __future__ import annotations

import gc
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, settings

import extension_build

pytest.register_assert_rewrite("support", "fakes", "producers")

# No deadline: nothing here is timed. The same examples on every run.
settings.register_profile(
    "tests", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tests")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seconds", type=float, default=0.5, help="how long each test of threads runs")
    parser.addoption("--times", type=int, default=20_000, help="how often test_soak.py repeats a conversion")
    parser.addoption(
        "--cxx17", action="store_true", help="build and test tests/extension as C++17 only, not as C++20 too"
    )
    parser.addoption(
        "--extension-build",
        type=Path,
        help="where to build tests/extension and tests/simulated_cuda, and to find them built; "
        "temporary folders by default",
    )


@pytest.fixture
def seconds(pytestconfig: pytest.Config) -> float:
    return float(pytestconfig.getoption("--seconds"))


@pytest.fixture
def times(pytestconfig: pytest.Config) -> int:
    return int(pytestconfig.getoption("--times"))


@pytest.fixture(scope="module", autouse=True)
def small_heap() -> None:
    """Keep modules and reports out of the hundreds of collections that tests ask for."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if {"built_extensions", "simulated_cuda"} & set(fixtures):
            item.add_marker("extension")
        if "distributions" in fixtures:
            item.add_marker("distribution")


@pytest.fixture(scope="session")
def built_extensions(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, ModuleType]:
    """Build tests/extension against the installed headers, once for each C++ standard."""
    folder = request.config.getoption("--extension-build") or tmp_path_factory.mktemp("extension")
    return extension_build.build(folder, _extensions(request.config))


@pytest.fixture(scope="session")
def simulated_cuda(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the `_cuda` module over simulated devices, for processes of their own."""
    folder = request.config.getoption("--extension-build")
    where = folder / "simulated_cuda" if folder else tmp_path_factory.mktemp("simulated_cuda")
    return extension_build.build_simulated_cuda(where)


@pytest.fixture
def extension(request: pytest.FixtureRequest, built_extensions: dict[str, ModuleType]) -> ModuleType:
    """The test extension, as C++17 and as C++20."""
    return built_extensions[request.param]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "extension" in metafunc.fixturenames:
        metafunc.parametrize("extension", _extensions(metafunc.config), indirect=True)


def _extensions(config: pytest.Config) -> tuple[str, ...]:
    return extension_build.MODULES[: 1 if config.getoption("--cxx17") else None]


def pytest_report_header() -> str:
    """Say which of the libraries the tests meet; what needs a missing one is skipped."""

    def found(name: str) -> str:
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            return f"no {name}"

    return "libraries: " + ", ".join(map(found, ("numpy", "torch", "ml_dtypes", "hypothesis")))
