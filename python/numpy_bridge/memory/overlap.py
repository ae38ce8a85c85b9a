"""The overlap of two memories, counted exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from numpy_bridge import _core
from numpy_bridge.errors import TooHardError

from . import Memory, counting
from .counting import Count
from .runs import widened

Kind = Literal[
    "same memory",
    "a inside b",
    "b inside a",
    "partial overlap",
    "interleaved",
    "disjoint",
    "different devices",
    "undecided",
    "no memory",
]

NOTHING = Count(0, 0)

MEANING: dict[Kind, str] = {
    "same memory": "every byte of each is a byte of the other",
    "a inside b": "every byte of a is one of b's, which has more",
    "b inside a": "every byte of b is one of a's, which has more",
    "partial overlap": "some bytes are in both",
    "interleaved": "the address ranges cross, but no byte is in both",
    "disjoint": "no address of one lies among those of the other",
    "different devices": "memory on different devices is never the same",
    "undecided": "not decided within bounded work",
    "no memory": "one of the two has no memory that can be described",
}


@dataclass(frozen=True)
class Overlap:
    """The overlap of two memories.

    Attributes
    ----------
    kind : str
        A key of `MEANING`.
    shares : bool or None
        True if they have a byte in common; None if that was not decided.
    bytes : Count
        Bytes in both.
    of_a, of_b : Count
        Elements of each with at least one of those bytes. Elements at one address, as in broadcast arrays and
        sliding windows, count once.
    size_a, size_b : Count
        All elements of each, counted in the same way.
    """

    kind: Kind
    shares: bool | None
    bytes: Count = NOTHING
    of_a: Count = NOTHING
    of_b: Count = NOTHING
    size_a: Count = NOTHING
    size_b: Count = NOTHING


def overlap(a: Any, b: Any, mine: Memory | None, other: Memory | None) -> Overlap:
    """Compare the memories of `a` and `b`, which `mine` and `other` describe."""
    if mine is None or other is None:
        return Overlap("no memory", False)
    sizes = {"size_a": _elements(mine), "size_b": _elements(other)}
    try:
        shares: bool | None = _core.shares_memory(a, b)
    except TooHardError:
        shares = None
    crossing = _core.may_share_memory(a, b)
    if shares is False:
        apart = mine.device != other.device and not (mine.on_host and other.on_host)
        kind: Kind = "interleaved" if crossing else "different devices" if apart else "disjoint"
        return Overlap(kind, False, **sizes)
    both = counting.common(mine.bytes_touched, other.bytes_touched)
    shares = both.least > 0 if shares is None and both.exact else shares
    if shares is None:
        return Overlap("undecided", None, both, _touching(mine, other), _touching(other, mine), **sizes)
    if not both.exact and both.least == 0:
        both = Count(1, both.most)
    of_a, of_b = _touching(mine, other), _touching(other, mine)
    return Overlap(_kind(both, mine, other), shares, both, of_a, of_b, **sizes)


def _elements(memory: Memory) -> Count:
    return counting.size(memory.element_starts) if memory.size else NOTHING


def _touching(mine: Memory, other: Memory) -> Count:
    """Count the elements of `mine` that reach into `other`: started in it, or less than an element before."""
    return counting.common(mine.element_starts, widened(other.bytes_touched, mine.itemsize - 1))


def _kind(both: Count, mine: Memory, other: Memory) -> Kind:
    in_a, in_b = counting.size(mine.bytes_touched), counting.size(other.bytes_touched)
    if mine.bytes_touched == other.bytes_touched or (both == in_a == in_b and both.exact):
        return "same memory"
    if both.exact and both.least == 0:
        return "interleaved"
    if both.exact and both == in_a:
        return "a inside b"
    return "b inside a" if both.exact and both == in_b else "partial overlap"
