"""What makes a program that succeeded fail all the same: hidden copies beyond a limit."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from numpy_bridge.units import size

from ..model import AuditLog, Conversion
from ..processes.parts import Parts
from ..totals import counted, not_watched
from .baseline import Known, known_as


class Limits(NamedTuple):
    """The hidden copies that are accepted.

    Parameters
    ----------
    none : bool
        Whether none is.
    most_bytes : int, optional
        The most bytes of all together.
    known : frozenset of Known, optional
        Those of an earlier run: only others are new. None if there is no such run.
    most_moved : int, optional
        The most bytes that may move between host and devices.
    allow_unwatched : bool
        Whether copies may go unseen although there is another limit: in processes that were not watched.
    """

    none: bool = False
    most_bytes: int | None = None
    known: frozenset[Known] | None = None
    allow_unwatched: bool = False
    most_moved: int | None = None

    def new(self, log: AuditLog, folder: Path) -> list[Conversion]:
        """Return the hidden copies that an earlier run did not have."""
        known = self.known or frozenset()
        return [c for c in log.hidden if known_as(c, folder) not in known]

    def exceeded(self, log: AuditLog, folder: Path, others: Parts | None = None) -> str:
        """Return which limit a log exceeds, in one sentence; empty if it is within all.

        `others` are the findings of other processes.
        """
        new = self.new(log, folder)
        if self.known is not None and new:
            return f"by --baseline: {counted(new)} not there before, first at {new[0].place.shown(folder)}"
        if self.none and new:
            return f"by --fail-on-copy: {counted(new)}, first at {new[0].place.shown(folder)}"
        if self.most_bytes is not None and log.hidden_bytes > self.most_bytes:
            most = size(self.most_bytes)
            return f"by --max-bytes: {counted(log.hidden)}, where {most} are accepted"
        moved = log.moved_bytes()
        if self.most_moved is not None and moved > self.most_moved:
            return f"by --max-transfer-bytes: {size(moved)}, where {size(self.most_moved)} are accepted"
        numbers = (self.known, self.most_bytes, self.most_moved)
        limited = self.none or any(limit is not None for limit in numbers)
        if limited and others is not None and others.unwatched and not self.allow_unwatched:
            return f"without --allow-unwatched: {not_watched(others)}"
        return ""
