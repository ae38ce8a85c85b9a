"""torch: `to_torch`."""

from __future__ import annotations

from typing import Any

from numpy_bridge import _core
from numpy_bridge.errors import SharingError

from .target import Conversion

_READ_ONLY = (
    "pass copy=True for a writable copy, or call numpy_bridge.to_torch(x, allow_readonly=True) "
    "and never write to the result"
)


def _to_torch(x: Any, *, copy: bool | None) -> Any:
    try:
        return _core.to_torch(x, copy=copy)
    except SharingError as error:
        if error.field != "readonly":
            raise
        raise SharingError(error.protocol, error.field, error.expected, error.got, _READ_ONLY) from None


TORCH = Conversion("torch", _to_torch)


def target(kind: type | None) -> Conversion:
    """Return the row; subclasses of Tensor are not made."""
    return TORCH
