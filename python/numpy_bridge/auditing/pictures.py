"""Memory maps for the page, of the first conversion of each kind at each line."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy_bridge.errors import SharingError
from numpy_bridge.memory import Memory
from numpy_bridge.memory.counting import Count
from numpy_bridge.memory.overlap import overlap
from numpy_bridge.memory.picture import memory_map
from numpy_bridge.outcome import Outcome

from .model import Conversion

_MOST = 1000
"""How many conversions are remembered, as numbers only. The page shows the heaviest."""


class _Addresses(NamedTuple):
    """Both memories, and the number of bytes that they have in common."""

    source: Memory
    result: Memory
    shared: Count | None


class Pictures:
    """A listener that remembers where memory lay. Keeps no array alive."""

    def __init__(self) -> None:
        self._seen: dict[tuple[Any, ...], _Addresses | None] = {}

    def __call__(self, conversion: Conversion, source: Any, result: Any) -> None:
        """Record both addresses, the first time that a line makes such a conversion."""
        key = _key(conversion)
        if key in self._seen or len(self._seen) >= _MOST or source is result:
            return
        self._seen[key] = _addresses(conversion, source, result)

    def svg(self, conversion: Conversion) -> str:
        """Draw the memory map of a conversion; empty if it was not recorded, or one side had no memory."""
        seen = self._seen.get(_key(conversion))
        if seen is None:
            return ""
        return memory_map({"x": seen.source, "result": seen.result}, seen.shared)


def _addresses(conversion: Conversion, source: Any, result: Any) -> _Addresses | None:
    try:
        mine, other = Memory.of(source), Memory.of(result)
        shared = (
            overlap(source, result, mine, other).bytes if conversion.outcome == Outcome.SHARES.past else None
        )
    except (SharingError, TypeError):
        return None  # lists, for example, have no memory
    return _Addresses(mine, other, shared) if mine.on_host and other.on_host else None


def _key(c: Conversion) -> tuple[Any, ...]:
    return c.place, c.call, c.source, c.result, c.outcome
