"""The words and numbers that all reports of an audit share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from numpy_bridge.units import duration, size

from .judging.transfers import BETWEEN, TO_DEVICE, TO_HOST
from .model import AuditLog, Conversion
from .processes.parts import Parts

LITTLE = 0.02
"""The share of a program's time below which its conversions are not worth a change."""


def totals(log: AuditLog) -> str:
    """Return the audit in one sentence."""
    copied, shared = size(log.copied_bytes), size(log.shared_bytes)
    return f"{count(len(log), 'conversion')}: {copied} copied, {shared} shared; {hidden_copies(log)}"


def transfers(log: AuditLog) -> str:
    """Return how much moved to and from devices, and how long the host waited; empty if nothing did."""
    directions = {TO_DEVICE: "to devices", TO_HOST: "to the host", BETWEEN: "between devices"}
    moved = [f"{size(n)} {words}" for way, words in directions.items() if (n := log.moved_bytes(way))]
    waited = sum(c.seconds for c in log.transfers if c.transfer and c.transfer.waits)
    words = f"; the host waited {duration(waited)}" if waited else ""
    return f"transfers: {', '.join(moved)}{words}" if moved else ""


def hidden_copies(log: AuditLog) -> str:
    """Return how many copies were hidden, and their size."""
    return counted(log.hidden) if log.hidden else "no hidden copies in watched calls"


def counted(hidden: Sequence[Conversion]) -> str:
    """Return how many hidden copies these are, and their size."""
    times, nbytes = sum(c.times for c in hidden), sum(c.nbytes for c in hidden)
    in_all = "" if times == 1 else " in all"
    return f"{count(times, 'hidden copy', 'hidden copies')} of {size(nbytes)}{in_all}"


def condition(shown: Sequence[Conversion]) -> str:
    """Return when the advice for these is right; empty if always, or if there is none."""
    found: dict[str, dict[str, None]] = {}  # the lines of each
    for c in shown:
        if c.advice and c.advice.condition:
            found.setdefault(c.advice.condition, {})[f"{Path(c.place.file).name}:{c.place.line}"] = None
    words = [f"at {', '.join(lines)} {condition}" for condition, lines in found.items()]
    which = "; ".join(words) if len(found) > 1 else next(iter(found), "")
    return f"What to use instead is right {which}." if found else ""


def heaviest_first(conversions: Iterable[Conversion]) -> list[Conversion]:
    """Return conversions in the order of tables."""
    return sorted(conversions, key=lambda c: (-c.nbytes, c.place))


def time_of(c: Conversion) -> str:
    """Return how long all calls took together; empty if that was not measured."""
    return f"{duration(c.seconds):>6}" if c.seconds else ""


def share_of_time(log: AuditLog) -> str:
    """Return how much of the program's time the conversions took, and whether that is worth a change."""
    share = log.seconds / log.elapsed if log.elapsed else 0.0
    words = f"conversions took {duration(log.seconds)}, {share:.1%} of the program's time"
    return words if share >= LITTLE else f"{words}: little to gain"


def not_watched(others: Parts) -> str:
    """Return what was not watched; empty if all was."""
    missing = others.unwatched
    processes = count(len(missing), "process", "processes")
    return f"not watched: {processes} ({'; '.join(missing)})" if missing else ""


def sentence(words: str) -> str:
    """Return words with a capital at the beginning."""
    return words[:1].upper() + words[1:]


def count(n: int, one: str, many: str = "") -> str:
    """Return a number with its noun."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"
