"""A pipe within this process, for what is sent under an audit."""

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
