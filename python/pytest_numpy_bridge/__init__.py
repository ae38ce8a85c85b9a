"""The pytest plugin of numpy-bridge: `@pytest.mark.no_copies` and the fixture `no_copies`.

A package of its own: pytest imports every plugin at its start, and tests that do not use this one
need not wait for NumPy.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", "no_copies: fail at the line that makes a hidden copy of array memory")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Run a marked test inside `numpy_bridge.no_copies`, without its fixtures."""
    if item.get_closest_marker("no_copies") is None:
        return (yield)
    import numpy_bridge

    with numpy_bridge.no_copies():
        return (yield)


@pytest.fixture
def no_copies() -> Iterator[None]:
    """Let the test, and the fixtures set up after this one, fail at a line that makes a hidden copy."""
    import numpy_bridge

    with numpy_bridge.no_copies():
        yield
