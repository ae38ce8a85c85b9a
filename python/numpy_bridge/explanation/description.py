"""What one object is as memory."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from numpy_bridge import _core
from numpy_bridge.errors import SharingError
from numpy_bridge.tensors import is_tensor

from .memory import Memory
from .owners import Movable, Owner, movable, owners, type_name

_TENSOR_FLAGS = {"requires_grad": "requires grad", "is_neg": "negative bit", "is_conj": "conjugate bit"}


@dataclass(frozen=True)
class Description:
    """What an object is as memory. Holds neither the object nor its memory.

    Attributes
    ----------
    type, library : str
        Type of the object, and the package that it comes from.
    memory : Memory or None
        None for objects without memory that can be described.
    refusal : str
        Why `numpy_bridge.view` refuses the object; empty if it shares it.
    flags : tuple of str
        Of tensors: what makes memory and values differ, or autograd watch them.
    owners : tuple of Owner
        Whose view the object is, whose view that is, and so on. The last one owns the block.
    movable : {"no", "yes", "unknown"}
        Whether the owner may still move or free the block under an alias made without numpy_bridge.
    movable_because : str
        How that is known.
    """

    type: str
    library: str
    memory: Memory | None
    refusal: str
    flags: tuple[str, ...]
    owners: tuple[Owner, ...]
    movable: Movable
    movable_because: str


def shareable(x: Any) -> _core.View:
    """A View of `x`, which leaves a tensor resizable: only to be looked at, and at once.

    `view` pins the storage of a tensor for good. `values_of` makes the same checks without.
    """
    return _core.values_of(x) if is_tensor(x) else _core.view(x)


def describe(x: Any) -> Description:
    """Describe `x`, which stays as it is."""
    memory, refusal = None, ""
    try:
        memory = Memory.of(x)
        shareable(x)
    except (SharingError, TypeError) as error:
        refusal = str(error)
    can_move, because = movable(x) if memory else ("no", "there is no memory")
    return Description(
        type=type_name(x),
        library=_library(x),
        memory=memory,
        refusal=refusal,
        flags=_flags(x),
        owners=owners(x) if memory else (),
        movable=can_move,
        movable_because=because,
    )


def _library(x: object) -> str:
    package = type(x).__module__.partition(".")[0]
    return "Python" if package in sys.stdlib_module_names else package


def _flags(x: Any) -> tuple[str, ...]:
    if not is_tensor(x):
        return ()
    return tuple(text for name, text in _TENSOR_FLAGS.items() if _is_set(x, name))


def _is_set(x: Any, name: str) -> bool:
    try:
        value = getattr(x, name)
        return bool(value() if callable(value) else value)
    except Exception:  # kinds of tensors that cannot even be asked
        return False
