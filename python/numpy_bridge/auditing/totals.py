"""An audit in one sentence, for every report."""

from __future__ import annotations

from numpy_bridge.units import size

from .model import AuditLog
from .processes.parts import Parts


def totals(log: AuditLog) -> str:
    """Return the audit in one sentence."""
    copied, shared = size(log.copied_bytes), size(log.shared_bytes)
    return f"{count(len(log), 'conversion')}: {copied} copied, {shared} shared; {hidden_copies(log)}"


def hidden_copies(log: AuditLog) -> str:
    """Return how many copies were hidden, and their size."""
    times = sum(c.times for c in log.hidden)
    many = f"{count(times, 'hidden copy', 'hidden copies')} of {size(log.hidden_bytes)}"
    return many if times else "no hidden copies"


def not_watched(others: Parts) -> str:
    """Return what was not watched; empty if all was."""
    missing = others.unwatched
    processes = count(len(missing), "process", "processes")
    return f"not watched: {processes} ({'; '.join(missing)})" if missing else ""


def count(n: int, one: str, many: str = "") -> str:
    """Return a number with its noun."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"
