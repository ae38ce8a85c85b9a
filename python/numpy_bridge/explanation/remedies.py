"""Views of an object that can be shared although the object itself cannot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from numpy_bridge import _core
from numpy_bridge.errors import SharingError
from numpy_bridge.libraries import is_instance
from numpy_bridge.memory import Memory
from numpy_bridge.tensors import is_tensor

from .offer import Offer
from .trial import values_of

_OF_ARRAYS = ("x.data", "x.view(np.uint8)")
_OF_TENSORS = ("x.detach()", "x.data", "torch.view_as_real(x)", "x.view(torch.uint8)")


def remedies(offer: Offer) -> Iterator[tuple[str, Any]]:
    """Yield expressions of `x` and their values, all of them views of the same memory.

    Only objects of which it is known that these make views are asked; others may copy or compute.
    """
    x, memory = offer.x, offer.memory
    for expression, part in values_of(_expressions(x, memory), x):
        try:
            shares = part is not x and _core.shares_memory(part, x)
        except (SharingError, TypeError):  # of an object whose memory cannot be compared
            shares = memory is None and expression == "x.data"
        if shares:
            yield expression, part


def _expressions(x: Any, memory: Memory | None) -> Iterator[str]:
    if is_tensor(x):
        yield from _OF_TENSORS
    elif is_instance(x, (np.ndarray, memoryview)):
        yield from _flipped(memory)
        yield from _OF_ARRAYS if is_instance(x, np.ndarray) else ()


def _flipped(memory: Memory | None) -> Iterator[str]:
    """The same elements in the order of their addresses."""
    if memory is not None and any(stride < 0 for stride in memory.strides):
        axes = ("::-1" if stride < 0 else ":" for stride in memory.strides)
        yield f"x[{', '.join(axes)}]"
