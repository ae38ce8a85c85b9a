"""Views of an object that can be shared although the object itself cannot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from numpy_bridge import _core
from numpy_bridge.errors import SharingError

from .model import Description
from .trial import names, quiet

_VIEWS = ("x.detach()", "x.data", "torch.view_as_real(x)", "x.view(np.uint8)", "x.view(torch.uint8)")


def remedies(x: Any, description: Description) -> Iterator[tuple[str, Any]]:
    """Yield expressions of `x` and their values, all of them views of the same memory."""
    for expression in (*_flipped(description), *_VIEWS):
        with quiet():
            try:
                part = eval(expression, names(x))
                shares = part is not x and _core.shares_memory(part, x)
            except (SharingError, TypeError):  # of an object whose memory cannot be compared
                shares = description.memory is None and expression == "x.data"
            except Exception:  # the expression does not apply to this object
                continue
        if shares:
            yield expression, part


def _flipped(description: Description) -> Iterator[str]:
    """The same elements in the order of their addresses."""
    memory = description.memory
    if memory is not None and any(stride < 0 for stride in memory.strides):
        axes = ("::-1" if stride < 0 else ":" for stride in memory.strides)
        yield f"x[{', '.join(axes)}]"
