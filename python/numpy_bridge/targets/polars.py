"""polars: a Series of numbers, or of its type Array for more axes, over Arrow's memory."""

# mypy: disable-error-code="attr-defined, import-not-found, import-untyped, no-untyped-call, unused-ignore"

from __future__ import annotations

import pickle
from typing import Any

import polars as pl
import pyarrow as pa

from numpy_bridge import _core
from numpy_bridge.errors import SharingError

from .composite import Ragged
from .pyarrow import axes, flat
from .pyarrow import parts as lists_of
from .target import NUMBERS, Target


def _share(view: _core.View) -> Any:
    array = flat(view)
    for extent in reversed(view.shape[1:]):
        array = pa.FixedSizeListArray.from_arrays(array, extent)
    return pl.from_arrow(array)


def parts(x: Any, copies: bool) -> Ragged | None:
    """Return the parts of a Series of lists."""
    if not isinstance(x, pl.Series) or x.dtype != pl.List:
        return None
    if x.n_chunks() > 1 and not copies:
        hint = "join them first, which copies: x.rechunk()"
        raise SharingError("polars", "chunks", "one chunk", f"{x.n_chunks()} chunks", hint)
    return lists_of(x.rechunk().to_arrow(), copies)


def _copy_own(series: Any) -> Any:
    return pickle.loads(pickle.dumps(series))  # `clone` shares the memory


POLARS = Target(
    "polars",
    _share,
    address=lambda series: int(series.to_arrow().buffers()[-1].address),
    is_own=lambda x: isinstance(x, pl.Series),
    dtypes=NUMBERS,
    refuse=axes("polars", 1, "share x.reshape(1)"),
    order="C",
    aligned_to_itemsize=True,
    immutable=True,
    copy_own=_copy_own,
    device_of=lambda series: "cpu",
)


def target(kind: type | None) -> Target:
    """Return the row of Series, the only class with one block of memory."""
    if kind is None or issubclass(kind, pl.Series):
        return POLARS
    raise TypeError(f"like: expected polars.Series, got {kind.__name__}")
