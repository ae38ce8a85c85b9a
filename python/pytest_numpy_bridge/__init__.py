"""The pytest plugin of numpy-bridge: `@pytest.mark.no_copies` and the fixture `no_copies`.

A package of its own: pytest imports every plugin at its start, and tests that do not use this one
need not wait for NumPy.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import numpy_bridge

_ALLOW = "no_copies_allow"
_PROPERTY = "numpy_bridge.hidden_copy"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the setting."""
    parser.addini(_ALLOW, "modules and packages that may make hidden copies", type="args", default=[])


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers",
        "no_copies(only=None, allow=()): fail at the line that makes a hidden copy of array memory; "
        'not inside installed libraries with only="mine", nor in the modules of allow',
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Run a marked test inside `numpy_bridge.no_copies`, without its fixtures."""
    mark = item.get_closest_marker("no_copies")
    if mark is None:
        return (yield)
    with _block(item.config, *mark.args, **mark.kwargs):
        return (yield)


@pytest.fixture
def no_copies(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let the test, and the fixtures set up after this one, fail at a line that makes a hidden copy."""
    with _block(request.config):
        yield


def _block(config: pytest.Config, *arguments: Any, **keywords: Any) -> numpy_bridge.no_copies:
    import numpy_bridge

    allow = (*config.getini(_ALLOW), *keywords.pop("allow", ()))
    return numpy_bridge.no_copies(*arguments, allow=allow, **keywords)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note the hidden copy that failed a test, also in another process."""
    report = yield
    bridge = sys.modules.get("numpy_bridge")
    if call.excinfo is not None and bridge is not None and call.excinfo.errisinstance(bridge.HiddenCopyError):
        report.user_properties.append((_PROPERTY, str(call.excinfo.value)))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print each hidden copy once, and how many tests it failed."""
    reports = [each for kind in ("failed", "error") for each in terminalreporter.getreports(kind)]
    noted = (
        pair for report in reports for pair in getattr(report, "user_properties", ())
    )  # not of collection
    texts = [text for name, text in noted if name == _PROPERTY]
    if texts:
        terminalreporter.section("hidden copies")
    for text in dict.fromkeys(texts):
        count = texts.count(text)
        terminalreporter.write_line(f"{text} ({count} test{'' if count == 1 else 's'})")
