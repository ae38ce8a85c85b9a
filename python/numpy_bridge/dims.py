"""The order of axes, written with letters: "HWC->CHW"."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from numpy_bridge import _core
from numpy_bridge.errors import SharingError
from numpy_bridge.libraries import type_name
from numpy_bridge.tensors import is_tensor

_LIKE = 'write a letter for each axis, before and after the arrow: dims="HWC->CHW"'


def in_order(made: Any, dims: str) -> Any:
    """Return an array or a tensor with its axes in another order, over the same memory.

    Parameters
    ----------
    made : numpy.ndarray or torch.Tensor
        The axes are those before the arrow.
    dims : str
        Any letters, each one once: "HWC->CHW". Spaces are ignored.

    Raises
    ------
    SharingError
        If `dims` has no arrow, other letters after it than before, a letter twice, or not one for each axis.
    TypeError
        If `dims` is no string.

    Examples
    --------
    >>> image = np.zeros((480, 640, 3), np.uint8)
    >>> in_order(image, "HWC->CHW").shape
    (3, 480, 640)
    """
    if not isinstance(dims, str):
        raise TypeError(f"dims: expected a string such as 'HWC->CHW', got {type_name(dims)}")
    before, order = axes(dims)
    if len(order) != made.ndim:
        expected = f"{len(order)} axes, as in {before!r}"
        raise SharingError("dims", "ndim", expected, f"the shape {tuple(made.shape)}", _LIKE)
    return made.permute(order) if is_tensor(made) else made.transpose(order)


def shared_in_order(x: Any, dims: str, copies: bool) -> Any:
    """Return an array or a tensor over the memory of any `x`, in another order. `copies`: values will do."""
    if not isinstance(x, np.ndarray) and not is_tensor(x):
        view = _core.values_of(x) if copies else _core.view(x)
        x = _core.to_numpy(view) if view.device == "cpu" else _core.to_torch(view)
    return in_order(x, dims)


@lru_cache(maxsize=256)
def axes(dims: str) -> tuple[str, tuple[int, ...]]:
    """Return the letters before the arrow, and for each one after it the number of its axis."""
    before, arrow, after = dims.replace(" ", "").partition("->")
    if not arrow or not (before + after).isalpha():
        raise SharingError("dims", "letters", "letters, an arrow, and letters", repr(dims), _LIKE)
    for side in (before, after):
        twice = sorted({letter for letter in side if side.count(letter) > 1})
        if twice:
            raise SharingError(
                "dims", "letters", "each letter once a side", f"{twice[0]!r} twice in {side!r}", _LIKE
            )
    if set(before) != set(after):
        missing = ", ".join(sorted(set(before) ^ set(after)))
        hint = "axes are neither made nor dropped here: index the result, or reshape it"
        raise SharingError(
            "dims", "letters", "the same letters on both sides", f"{missing} on one side", hint
        )
    return before, tuple(map(before.index, after))
