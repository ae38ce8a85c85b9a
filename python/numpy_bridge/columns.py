"""Columns of pandas, polars and pyarrow: the one block of memory behind each, or what is in its way.

The core asks here once the protocols of a column have refused.
"""

# mypy: disable-error-code="attr-defined, import-not-found, import-untyped, no-untyped-call, unused-ignore"

from __future__ import annotations

import sys
from typing import Any, NoReturn

from numpy_bridge import _core
from numpy_bridge.errors import SharingError
from numpy_bridge.libraries import library_of
from numpy_bridge.targets.missing import refuse_missing


def block_of(x: Any, refuse: bool) -> Any:
    """Return an object that shares the memory of a column; None if there is nothing to say about `x`.

    Raises
    ------
    SharingError
        If `refuse`: because of missing values, several chunks, bits, text, or codes of a dictionary.
    """
    try:
        if refuse:
            refuse_missing(x)
        library = library_of(x)
        is_imported = library in sys.modules  # if not, x is of a class that only has its name
        return _BLOCKS[library](x) if library in _BLOCKS and is_imported else None
    except SharingError:
        if refuse:
            raise
        return None


def _refuse(library: str, field: str, expected: str, got: str, hint: str) -> NoReturn:
    raise SharingError(library, field, expected, got, hint)


def _of_pyarrow(x: Any) -> Any:
    import pyarrow as pa

    if isinstance(x, pa.ChunkedArray):
        if x.num_chunks > 1:
            hint = "join them first, which copies: x.combine_chunks()"
            _refuse("pyarrow", "chunks", "one chunk", f"{x.num_chunks} chunks", hint)
        x = x.chunk(0) if x.num_chunks else pa.array([], x.type)
    elif not isinstance(x, pa.Array):
        return None
    if x.null_count:
        hint = "fill them first, with x.fill_null"
        _refuse("pyarrow", "missing", "a value for every element", f"{x.null_count} missing values", hint)
    if pa.types.is_fixed_size_list(x.type):
        return _core.to_numpy(x.flatten()).reshape(len(x), x.type.list_size)
    for is_this, got, hint in (
        (pa.types.is_boolean, "bools, which Arrow packs into bits", "give each a byte: x.cast('uint8')"),
        (pa.types.is_dictionary, "codes of a dictionary", "share the codes: x.indices"),
        (pa.types.is_decimal, "decimals", "convert them first: x.cast('float64')"),
        (pa.types.is_temporal, "times", "share their counts: x.view('int32') or x.view('int64')"),
        (pa.types.is_struct, "several fields", "share each field by itself: x.field(0)"),
        (_is_text, "text", "convert it to numbers first"),
    ):
        if is_this(x.type):
            _refuse("pyarrow", "dtype", "numbers in one block of memory", f"{got} ({x.type})", hint)
    return x


def _is_text(dtype: Any) -> bool:
    return str(dtype).startswith(("string", "large_string", "binary", "large_binary"))


def _of_polars(x: Any) -> Any:
    import polars as pl

    if not isinstance(x, pl.Series):
        return None
    if x.n_chunks() > 1:
        hint = "join them first, which copies: x.rechunk()"
        _refuse("polars", "chunks", "one chunk", f"{x.n_chunks()} chunks", hint)
    physical = "share the numbers behind them: x.to_physical()"
    for is_this, got, hint in (
        (x.has_nulls(), f"{x.null_count()} missing values", "fill them first, with x.fill_null"),
        (x.dtype.is_decimal(), "decimals", "convert them first: x.cast(float)"),
        (x.dtype == pl.Boolean, "bools, which are packed into bits", "give each a byte: x.cast(int)"),
        (isinstance(x.dtype, pl.Categorical | pl.Enum), "codes of categories", physical),
        (x.dtype.is_temporal(), "times", physical),
        (x.dtype in (pl.String, pl.Binary), "text", "convert it to numbers first"),
        (x.dtype == pl.Struct, "several fields", "share each field by itself: x.struct.field('name')"),
        (x.dtype == pl.List, "lists", "share their parts: numpy_bridge.to(x, 'torch', allow_readonly=True)"),
    ):
        if is_this:
            field = "missing" if x.has_nulls() else "dtype"
            _refuse("polars", field, "numbers in one block of memory", f"{got} ({x.dtype})", hint)
    return None


def _of_pandas(x: Any) -> Any:
    import pandas as pd

    dtype = getattr(x, "dtype", None)
    if isinstance(dtype, pd.ArrowDtype):
        return _of_pyarrow(getattr(x, "array", x).__arrow_array__())
    if isinstance(dtype, pd.BooleanDtype) and pd.isna(x).any():
        hint = "fill them first: x.fillna(False)"
        _refuse("pandas", "missing", "a value for every element", "missing values", hint)
    codes = "share the codes of the categories: " + ("x.codes" if hasattr(x, "codes") else "x.cat.codes")
    for kind, got, hint in (
        (pd.StringDtype, "text", "convert it to numbers first"),
        (pd.CategoricalDtype, "codes of categories", codes),
        (pd.DatetimeTZDtype, "times", "take their counts, which copies: x.astype('int64')"),
    ):
        if isinstance(dtype, kind):
            _refuse("pandas", "dtype", "numbers in one block of memory", f"{got} ({dtype})", hint)
    return None


_BLOCKS = {"pyarrow": _of_pyarrow, "polars": _of_polars, "pandas": _of_pandas}
