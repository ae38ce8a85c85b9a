"""NumPy: `to_numpy`."""

from __future__ import annotations

from typing import Any

from numpy_bridge import _core

from .target import Conversion


def _to_numpy(x: Any, copy: bool | None, allow_readonly: bool) -> Any:
    return _core.to_numpy(x, copy=copy)


NUMPY = Conversion("numpy", _to_numpy)


def target(kind: type | None) -> Conversion:
    """Return the row; subclasses of ndarray are not made."""
    return NUMPY
