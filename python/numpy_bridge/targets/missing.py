"""Missing numbers of polars, pandas and pyarrow. Copies of the values would have NaN for them."""

# mypy: disable-error-code="import-not-found, import-untyped, no-any-return, unused-ignore"

from __future__ import annotations

import sys
from typing import Any

from numpy_bridge.errors import SharingError
from numpy_bridge.libraries import module_of


def refuse_missing(x: Any) -> None:
    """Raise if `x` has missing numbers. A copy as floats would round large integers silently."""
    for base in type(x).__mro__:
        library = module_of(base).partition(".")[0]
        if library in _HAS_MISSING and library in sys.modules:  # else it only has the name
            if _HAS_MISSING[library](x):
                hint = "fill them first, or take NaN for each: numpy.asarray(x)"
                raise SharingError(library, "missing", "a value for every element", "missing values", hint)
            return


def _has_missing_in_polars(x: Any) -> bool:
    import polars as pl

    if isinstance(x, pl.DataFrame):
        return any(map(_has_missing_in_polars, x.get_columns()))
    if not isinstance(x, pl.Series):
        return False
    if isinstance(x.dtype, pl.Array):
        return x.has_nulls() or (x.dtype.size > 0 and _has_missing_in_polars(x.explode()))
    return x.dtype.is_numeric() and x.has_nulls()


def _has_missing_in_pandas(x: Any) -> bool:
    import pandas as pd

    if isinstance(x, pd.DataFrame):
        return any(_has_missing_in_pandas(column) for _, column in x.items())
    dtype = getattr(x, "dtype", None)
    if not isinstance(dtype, pd.api.extensions.ExtensionDtype) or isinstance(dtype, pd.SparseDtype):
        return False  # NaN in these is a number
    numbers = dtype.categories.dtype if isinstance(dtype, pd.CategoricalDtype) else dtype
    return numbers.kind in "iuf" and bool(pd.isna(x).any())


def _has_missing_in_pyarrow(x: Any) -> bool:
    import pyarrow as pa

    if isinstance(x, pa.Table | pa.RecordBatch):
        return any(map(_has_missing_in_pyarrow, x.columns))
    if isinstance(x, pa.ChunkedArray):
        return any(map(_has_missing_in_pyarrow, x.chunks))
    if isinstance(x, pa.FixedShapeTensorArray):
        return x.null_count > 0 or _has_missing_in_pyarrow(x.storage.flatten())
    if not isinstance(x, pa.Array):
        return False
    numbers = x.type.value_type if isinstance(x, pa.DictionaryArray) else x.type
    return (pa.types.is_integer(numbers) or pa.types.is_floating(numbers)) and x.null_count > 0


_HAS_MISSING = {
    "polars": _has_missing_in_polars,
    "pandas": _has_missing_in_pandas,
    "pyarrow": _has_missing_in_pyarrow,
}
