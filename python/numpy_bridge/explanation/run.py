"""Describe one object or two, and find out who can share them."""

from __future__ import annotations

from typing import Any

from numpy_bridge.memory.overlap import overlap
from numpy_bridge.unwatched import unwatched

from . import relation
from .description import describe
from .model import Description, Explanation, Relation
from .offer import offer_and_answers, offer_of
from .owners import ownership
from .protocols import protocols
from .targets import share_for, targets


def described(x: Any) -> Description:
    """Describe the memory of one object."""
    with unwatched():
        owned = ownership(x)
        return describe(offer_of(x), owned)


def of_object(x: Any) -> Explanation:
    """Explain one object."""
    with unwatched():
        owned = ownership(x)
        offer, answers = offer_and_answers(x)
        what = describe(offer, owned)
        supported = protocols(offer, what, answers)
        return Explanation(what, supported, targets(offer, what, supported, answers))


def of_pair(a: Any, b: Any) -> Relation:
    """Explain how two objects relate."""
    with unwatched():
        of_a, of_b = ownership(a), ownership(b)
        first, second = offer_of(a), offer_of(b)
        a_is, b_is = describe(first, of_a), describe(second, of_b)
        found = overlap(first.addressed, second.addressed, first.memory, second.memory)
        advice = relation.advice(found, b_is, share_for(b_is.library, first))
        return Relation(a_is, b_is, found, relation.origin(a, b, found.shares), advice)
