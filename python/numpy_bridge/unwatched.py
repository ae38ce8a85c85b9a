"""Calls that audits do not report: those that `explain` makes, and those inside a watched call."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _ThisThread(threading.local):
    """The state of each thread.

    Parameters
    ----------
    unwatched : bool
        True while audits report no calls of this thread.
    """

    unwatched = False


this_thread = _ThisThread()


@contextmanager
def unwatched() -> Iterator[None]:
    """Make calls in this thread that no audit reports."""
    before = this_thread.unwatched
    this_thread.unwatched = True
    try:
        yield
    finally:
        this_thread.unwatched = before
