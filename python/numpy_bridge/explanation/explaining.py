"""Putting together what is found out about one object, and about two."""

from __future__ import annotations

from typing import Any

from numpy_bridge.unwatched import unwatched

from . import relation
from .description import describe
from .explanation import Explanation, Relation
from .protocols import protocols
from .relation import overlap
from .targets import share_for, targets


def of_object(x: Any) -> Explanation:
    with unwatched():
        what = describe(x)
        spoken = protocols(x, what)
        return Explanation(what, spoken, targets(x, what, spoken))


def of_pair(a: Any, b: Any) -> Relation:
    with unwatched():
        of_a, of_b = describe(a), describe(b)
        found = overlap(a, b, of_a.memory, of_b.memory)
        advice = relation.advice(found, of_b, share_for(of_b.library, a, of_a))
        return Relation(of_a, of_b, found, relation.origin(a, b, found.shares), advice)
