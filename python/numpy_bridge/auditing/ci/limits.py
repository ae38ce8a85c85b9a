"""What makes a program that succeeded fail all the same: hidden copies beyond a limit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from numpy_bridge.units import size

from ..model import AuditLog, Conversion
from ..totals import count
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
    """

    none: bool = False
    most_bytes: int | None = None
    known: frozenset[Known] | None = None

    def new(self, log: AuditLog, folder: Path) -> list[Conversion]:
        """Return the hidden copies that an earlier run did not have."""
        known = self.known or frozenset()
        return [c for c in log.hidden if known_as(c, folder) not in known]

    def exceeded(self, log: AuditLog, folder: Path) -> str:
        """Return which limit a log exceeds, in one sentence; empty if it is within all."""
        new = self.new(log, folder)
        if self.known is not None and new:
            return f"by --baseline: {_count(new)} not there before, first at {new[0].place.shown(folder)}"
        if self.none and new:
            return f"by --fail-on-copy: {_count(new)}, first at {new[0].place.shown(folder)}"
        if self.most_bytes is not None and log.hidden_bytes > self.most_bytes:
            most = size(self.most_bytes)
            return f"by --max-bytes: {_count(log.hidden)}, where {most} are accepted"
        return ""


def _count(hidden: Sequence[Conversion]) -> str:
    times, nbytes = sum(c.times for c in hidden), sum(c.nbytes for c in hidden)
    return f"{count(times, 'hidden copy', 'hidden copies')} of {size(nbytes)}"
