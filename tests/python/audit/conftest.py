"""What tests of the audit share. No annotations are written where GitHub runs them."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from multiprocessing.connection import Connection

import pytest

from numpy_bridge.auditing.install.installation import installation


@pytest.fixture
def forget() -> Iterator[None]:
    """Know no calls of other tests, and leave none to them."""
    installation.dispatcher.forget()
    yield
    installation.dispatcher.forget()


@pytest.fixture
def pipe() -> Iterator[tuple[Connection, Connection]]:
    """A pipe within this process, for what is sent under an audit."""
    here, there = multiprocessing.Pipe()
    with here, there:
        yield here, there


@pytest.fixture(autouse=True)
def elsewhere_than_on_github(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
