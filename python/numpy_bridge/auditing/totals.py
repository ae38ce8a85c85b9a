"""An audit in one sentence, for every report."""

from __future__ import annotations

from numpy_bridge.units import duration, size

from .model import AuditLog
from .processes.parts import Parts

LITTLE = 0.02
"""The share of a program's time below which its conversions are not worth a change."""


def totals(log: AuditLog) -> str:
    """Return the audit in one sentence."""
    copied, shared = size(log.copied_bytes), size(log.shared_bytes)
    return f"{count(len(log), 'conversion')}: {copied} copied, {shared} shared; {hidden_copies(log)}"


def hidden_copies(log: AuditLog) -> str:
    """Return how many copies were hidden, and their size."""
    times = sum(c.times for c in log.hidden)
    many = f"{count(times, 'hidden copy', 'hidden copies')} of {size(log.hidden_bytes)}"
    return many if times else "no hidden copies in watched calls"


def share_of_time(log: AuditLog) -> str:
    """Return how much of the program's time the conversions took, and whether that is worth a change."""
    share = log.seconds / log.elapsed if log.elapsed else 0.0
    words = f"{duration(log.seconds)}, {share:.1%} of the program's time"
    return words if share >= LITTLE else f"{words}: little to gain"


def not_watched(others: Parts) -> str:
    """Return what was not watched; empty if all was."""
    missing = others.unwatched
    processes = count(len(missing), "process", "processes")
    return f"not watched: {processes} ({'; '.join(missing)})" if missing else ""


def count(n: int, one: str, many: str = "") -> str:
    """Return a number with its noun."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"
