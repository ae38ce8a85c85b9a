"""Calls that audits do not report: calls by `explain`, and calls inside a watched call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from numpy_bridge import _core

this_thread = _core.this_thread
"""The state of each thread: `unwatched` is True while audits report no calls of it."""


@contextmanager
def unwatched() -> Iterator[None]:
    """Make calls in this thread that no audit reports."""
    before = this_thread.unwatched
    this_thread.unwatched = True
    try:
        yield
    finally:
        this_thread.unwatched = before
