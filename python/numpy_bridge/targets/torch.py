"""torch: `to_torch`."""

from __future__ import annotations

from numpy_bridge import _core

from .target import Conversion

TORCH = Conversion("torch", _core.to_torch)


def target(kind: type | None) -> Conversion:
    """Return the row; subclasses of Tensor are not made."""
    return TORCH
