"""Describes one object as memory."""

from __future__ import annotations

from typing import Any

from numpy_bridge.errors import SharingError
from numpy_bridge.libraries import library_of, type_name
from numpy_bridge.memory import Memory
from numpy_bridge.memory.mapping import where_mapped
from numpy_bridge.tensors import is_tensor, unpinned_view

from .model import Description
from .owners import movable, owners

_TENSOR_FLAGS = {"requires_grad": "requires grad", "is_neg": "negative bit", "is_conj": "conjugate bit"}


def describe(x: Any) -> Description:
    """Describe `x` without changing it."""
    memory, refusal = None, ""
    try:
        memory = Memory.of(x)
        unpinned_view(x)
    except (SharingError, TypeError) as error:
        refusal = str(error)
    can_move, because = movable(x) if memory else ("no", "there is no memory")
    return Description(
        type=type_name(x),
        library=library_of(x),
        memory=memory,
        refusal=refusal,
        flags=_flags(x),
        owners=owners(x) if memory else (),
        movable=can_move,
        movable_because=because,
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
