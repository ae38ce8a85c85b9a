"""Whether the arrays of two trees share memory, found by one pass over their addresses in order."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import Any, NamedTuple

from numpy_bridge import _core
from numpy_bridge.errors import SharingError, TooHardError, TreeError

from .conversions import refusals_of
from .leaves import Leaves, leaves_of


class Span(NamedTuple):
    """The addresses of one array.

    Attributes
    ----------
    low, high : int
        All its elements lie in the addresses [low, high).
    side : int
        Which tree it is in.
    place : int
        Its index among the leaves of that tree.
    device : str
        Where the addresses are valid: "cpu" for all memory that the host can read.
    array : object
        The array.
    """

    low: int
    high: int
    side: int
    place: int
    device: str
    array: Any


def shares_memory(a: Any, b: Any, tree: bool | str) -> bool:
    """Return whether any array in `a` shares a byte with any array in `b`.

    `numpy_bridge.shares_memory` with ``tree=True``. Arrays of one tree are not compared with each other.
    """
    sides = [leaves_of(side, tree) for side in (a, b)]
    refusals: dict[str, SharingError] = {}
    found: list[Span] = []
    for side, (leaves, root) in enumerate(zip(sides, "ab", strict=True)):
        try:
            found += spans_of(leaves, side)
        except (SharingError, TypeError):
            refusals |= refusals_of(leaves, _core.describe, root)
            if not refusals:
                raise
    if refusals:
        raise TreeError(refusals)
    undecided = None
    for mine, other in crossing(found):
        try:
            if mine.side != other.side and _core.shares_memory(mine.array, other.array):
                return True
        except TooHardError as error:
            undecided = error
    if undecided is not None:
        raise undecided
    return False


def spans_of(leaves: Leaves, side: int = 0, only: Container[int] | None = None) -> Iterator[Span]:
    """Yield where the arrays of a tree are, or `only` those. Those without elements are left out."""
    arrays, values, _ = leaves
    for index, leaf in enumerate(arrays):
        if type(leaf) not in values if only is None else index in only:
            found = _core.describe(leaf)
            if found["low"] < found["high"]:
                device = "cpu" if found["on_host"] else found["device"]
                yield Span(found["low"], found["high"], side, index, device, leaf)


def crossing(spans: Sequence[Span]) -> Iterator[tuple[Span, Span]]:
    """Yield the pairs whose ranges of addresses cross, the one that starts first before the other."""
    reached: list[Span] = []
    for span in sorted(spans, key=lambda each: each.low):
        reached = [before for before in reached if before.high > span.low]
        yield from ((before, span) for before in reached if before.device == span.device)
        reached.append(span)
