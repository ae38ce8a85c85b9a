"""Describes one object as memory."""

from __future__ import annotations

from typing import Any

from numpy_bridge.libraries import library_of, type_name
from numpy_bridge.memory.mapping import where_mapped
from numpy_bridge.tensors import is_tensor

from .model import Description
from .offer import Offer
from .owners import NOBODYS, Ownership

_TENSOR_FLAGS = {"requires_grad": "requires grad", "is_neg": "negative bit", "is_conj": "conjugate bit"}


def describe(offer: Offer, ownership: Ownership) -> Description:
    """Describe an object without changing it."""
    x, memory = offer.x, offer.memory
    owned = ownership if memory else NOBODYS
    return Description(
        type=type_name(x),
        library=library_of(x),
        memory=memory,
        refusal="" if offer.refusal is None else str(offer.refusal),
        flags=_flags(x),
        owners=owned.owners,
        movable=owned.movable,
        movable_because=owned.because,
        mapped=where_mapped(memory) if memory else "",
    )


def _flags(x: Any) -> tuple[str, ...]:
    if not is_tensor(x):
        return ()
    return tuple(text for name, text in _TENSOR_FLAGS.items() if _is_set(x, name))


def _is_set(x: Any, name: str) -> bool:
    try:
        value = getattr(x, name)
        return bool(value() if callable(value) else value)
    except Exception:  # some tensor subclasses refuse the attribute
        return False
