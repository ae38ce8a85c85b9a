"""Describe one object or two, and find out who can share them."""

from __future__ import annotations

from typing import Any

from numpy_bridge.memory.overlap import overlap
from numpy_bridge.unwatched import unwatched

from . import relation
from .description import describe
from .model import Explanation, Relation
from .protocols import protocols
from .targets import share_for, targets


def of_object(x: Any) -> Explanation:
    """Explain one object."""
    with unwatched():
        what = describe(x)
        spoken = protocols(x, what)
        return Explanation(what, spoken, targets(x, what, spoken))


def of_pair(a: Any, b: Any) -> Relation:
    """Explain how two objects relate."""
    with unwatched():
        of_a, of_b = describe(a), describe(b)
        found = overlap(a, b, of_a.memory, of_b.memory)
        advice = relation.advice(found, of_b, share_for(of_b.library, a, of_a))
        return Relation(of_a, of_b, found, relation.origin(a, b, found.shares), advice)
