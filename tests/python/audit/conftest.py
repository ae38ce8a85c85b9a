"""A pipe within this process, for what is sent under an audit; no annotations where GitHub runs the tests."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from multiprocessing.connection import Connection

import pytest


@pytest.fixture
def pipe() -> Iterator[tuple[Connection, Connection]]:
    here, there = multiprocessing.Pipe()
    with here, there:
        yield here, there


@pytest.fixture(autouse=True)
def elsewhere_than_on_github(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
