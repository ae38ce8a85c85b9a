"""CuPy: memory of a CUDA device, in any layout."""

# mypy: disable-error-code="attr-defined, import-not-found, import-untyped, no-untyped-call, unused-ignore"

from __future__ import annotations

from typing import Any

import cupy

from numpy_bridge import _core

from .target import NUMBERS, Target


def _share(view: _core.View) -> Any:
    return cupy.from_dlpack(view)


def _copied(view: _core.View) -> Any:
    return cupy.array(_core.to_numpy(view) if view.device == "cpu" else _share(view))


CUPY = Target(
    "cupy",
    _share,
    address=lambda array: int(array.data.ptr),
    is_own=lambda x: isinstance(x, cupy.ndarray),
    dtypes=NUMBERS | {"bool", "complex64", "complex128"},
    devices=("cuda", "cuda_managed"),
    copied=_copied,
    copy_own=lambda array: array.copy(),
    empty=lambda shape, dtype: cupy.empty(shape, dtype),
)


def target(kind: type | None) -> Target:
    """Return the row; CuPy has arrays of one kind."""
    return CUPY
