"""Where memory lay: pictures of the first conversion of each kind at each line, for the page."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy_bridge.errors import SharingError
from numpy_bridge.memory import Memory
from numpy_bridge.memory.counting import Count
from numpy_bridge.memory.overlap import overlap
from numpy_bridge.memory.picture import memory_map

from .compilers import unheard
from .record import SHARED, Conversion

_MOST = 1000
"""Conversions remembered, in numbers only; the page shows the heaviest."""


class _Sight(NamedTuple):
    """Both memories, and how many bytes they have in common."""

    source: Memory
    result: Memory
    shared: Count | None


class Pictures:
    """Listens to an audit and remembers where memory lay. Keeps no array alive."""

    def __init__(self) -> None:
        self._seen: dict[tuple[Any, ...], _Sight | None] = {}

    def __call__(self, conversion: Conversion, source: Any, result: Any) -> None:
        """Look at argument and result, the first time that this line makes such a conversion."""
        key = _key(conversion)
        if key in self._seen or len(self._seen) >= _MOST or source is result:
            return
        with unheard():
            self._seen[key] = _sight(conversion, source, result)

    def svg(self, conversion: Conversion) -> str:
        """Draw what was seen of a conversion; empty if there was no memory on both sides."""
        sight = self._seen.get(_key(conversion))
        if sight is None:
            return ""
        return memory_map({"x": sight.source, "result": sight.result}, sight.shared)


def _sight(conversion: Conversion, source: Any, result: Any) -> _Sight | None:
    try:
        mine, other = Memory.of(source), Memory.of(result)
        shared = overlap(source, result, mine, other).bytes if conversion.outcome == SHARED else None
    except (SharingError, TypeError):
        return None  # lists, for example, have no memory of their own
    return _Sight(mine, other, shared) if mine.on_host and other.on_host else None


def _key(c: Conversion) -> tuple[Any, ...]:
    return c.place, c.call, c.source, c.result, c.outcome
