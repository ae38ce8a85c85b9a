"""pandas: a Series for one axis, a DataFrame for two."""

# mypy: disable-error-code="attr-defined, import-not-found, import-untyped, no-untyped-call, unused-ignore"

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from numpy_bridge import _core
from numpy_bridge.errors import SharingError

from .target import NUMBERS, Target


def _share(view: _core.View) -> Any:
    array = _core.to_numpy(view)
    return pd.Series(array, copy=False) if array.ndim == 1 else pd.DataFrame(array, copy=False)


def _axes(expected: str, *accepted: int) -> Any:
    def refuse(view: _core.View) -> None:
        if view.ndim not in accepted:
            hint = "share x.reshape(...): a Series has one axis, a DataFrame two"
            raise SharingError("pandas", "ndim", expected, f"ndim = {view.ndim}", hint)

    return refuse


ANY = Target(
    "pandas",
    _share,
    address=lambda x: _core.view(x.to_numpy()).ptr,
    is_own=lambda x: isinstance(x, pd.Series | pd.DataFrame),
    dtypes=NUMBERS | {"bool", "complex64", "complex128"},
    refuse=_axes("one axis or two", 1, 2),
    copy_own=lambda x: x.copy(),
    device_of=lambda x: "cpu",
)
SERIES = replace(ANY, is_own=lambda x: isinstance(x, pd.Series), refuse=_axes("one axis", 1))
FRAME = replace(ANY, is_own=lambda x: isinstance(x, pd.DataFrame), refuse=_axes("two axes", 2))


def target(kind: type | None) -> Target:
    """Return the row of a class; without one, either by the number of axes."""
    if kind is None:
        return ANY
    for base, row in ((pd.Series, SERIES), (pd.DataFrame, FRAME)):
        if issubclass(kind, base):
            return row
    raise TypeError(f"like: expected pandas.Series or DataFrame, got {kind.__name__}")
