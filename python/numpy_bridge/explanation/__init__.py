"""`numpy_bridge.explain`: what an object is as memory, who could share it, how two objects overlap."""

from __future__ import annotations

from typing import Any, Final, overload

from . import relation
from .counting import Count
from .description import Description, describe
from .explanation import Explanation, Relation
from .memory import Memory
from .memory_map import memory_map
from .owners import Owner
from .protocols import Protocol, protocols
from .relation import Overlap, overlap
from .targets import Target, share_for, targets

__all__ = [
    "Count",
    "Description",
    "Explanation",
    "Memory",
    "Overlap",
    "Owner",
    "Protocol",
    "Relation",
    "Target",
    "explain",
    "memory_map",
    "overlap",
]

_NOT_GIVEN: Final[Any] = object()  # `b` may be None, by mistake: that is then explained


@overload
def explain(a: Any) -> Explanation: ...


@overload
def explain(a: Any, b: Any) -> Relation: ...


def explain(a: Any, b: Any = _NOT_GIVEN) -> Explanation | Relation:
    """Explain what an object is as memory and who could share it, or how two objects relate.

    Nothing is changed: tensors stay resizable, and nothing of the objects is held afterwards. Libraries that
    the program has not imported are not imported. What other libraries' calls do is found out by making
    them on something small of the same kind.

    Parameters
    ----------
    a : object
        Anything, also what cannot be shared.
    b : object, optional
        Something to compare with.

    Returns
    -------
    Explanation or Relation
        Of one object, true if `view` shares it. Of two, true if they have a byte in common. Print it, show
        it in a notebook, save its ``svg``, or use its fields.
    """
    of_a = describe(a)
    if b is _NOT_GIVEN:
        spoken = protocols(a, of_a)
        return Explanation(of_a, spoken, targets(a, of_a, spoken))
    of_b = describe(b)
    found = overlap(a, b, of_a.memory, of_b.memory)
    call = share_for(of_b.library, a, of_a)
    return Relation(
        of_a, of_b, found, relation.origin(a, b, found.shares), relation.advice(found, of_b, call)
    )
