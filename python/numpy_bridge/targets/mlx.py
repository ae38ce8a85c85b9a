"""MLX: shares what its own device can use. On the CPU it copies everything."""

# mypy: disable-error-code="attr-defined, import-not-found, import-untyped, no-untyped-call, unused-ignore"

from __future__ import annotations

from typing import Any

import mlx.core as mx

from numpy_bridge import _core
from numpy_bridge.errors import SharingError

from .memory import aligned
from .target import COPY, NUMBERS, Target


def _share(view: _core.View) -> Any:
    try:
        return mx.from_dlpack(view, copy=False)
    except ValueError as error:
        raise SharingError("mlx", "copy", "memory that it can share", str(error), COPY) from error


def _copied(view: _core.View) -> Any:
    if any(stride < 0 for stride in view.strides):  # which MLX refuses
        packed = aligned(view.shape, view.dtype, 64)
        _core.copy_(packed, view)
        return mx.from_dlpack(packed)
    return mx.from_dlpack(view, copy=True)


MLX = Target(
    "mlx",
    _share,
    address=lambda array: int(_core.describe(array)["ptr"]),
    is_own=lambda x: isinstance(x, mx.array),
    dtypes=(NUMBERS - {"float64"}) | {"bool", "bfloat16", "complex64"},
    devices=("cpu", "metal", "cuda"),
    copied=_copied,
    copy_own=mx.array,
)


def target(kind: type | None) -> Target:
    """Return the row; MLX has arrays of one kind."""
    return MLX
