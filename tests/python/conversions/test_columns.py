"""Columns of pandas, polars and pyarrow: shared where the numbers are one block, else refused by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from support import torch

pd: Any = pytest.importorskip("pandas", reason="pandas is not installed: nox -s faults")
pl: Any = pytest.importorskip("polars", reason="polars is not installed: nox -s faults")
pa: Any = pytest.importorskip("pyarrow", reason="pyarrow is not installed: nox -s faults")

FLOATS = np.arange(4.0)


def pieces(count: int) -> Any:
    return pa.chunked_array([pa.array(FLOATS)] * count, pa.float64())


# Each column is made over an array, so that a write to the array proves that it is shared.
SHARED: dict[str, Callable[[np.ndarray], Any]] = {
    "pandas.Series": lambda a: pd.Series(a, copy=False),
    "pandas.Series of Float64": lambda a: pd.Series(
        pd.arrays.FloatingArray(a, np.zeros(len(a), bool)), copy=False
    ),
    "pandas.arrays.FloatingArray": lambda a: pd.arrays.FloatingArray(a, np.zeros(len(a), bool)),
    "pandas.Series over Arrow": lambda a: pd.Series(pd.arrays.ArrowExtensionArray(pa.array(a))),
    "pandas.arrays.ArrowExtensionArray": lambda a: pd.arrays.ArrowExtensionArray(pa.array(a)),
    "polars.Series": lambda a: bridge.to(a, "polars", allow_mutable=True),
    "pyarrow.Array": lambda a: pa.array(a),
    "pyarrow.ChunkedArray": lambda a: pa.chunked_array([pa.array(a)]),
    "a slice of a chunk": lambda a: pa.chunked_array([pa.array(a)]).slice(0, len(a)),
}


@pytest.mark.parametrize("name", SHARED)
def test_one_block_is_shared(name: str) -> None:
    source = FLOATS.copy()
    column = SHARED[name](source)
    results = [
        bridge.to_numpy(column),
        bridge.to_numpy(bridge.view(column)),
        bridge.to(column, "numpy", copy=None),
    ]
    if torch is not None:
        results.append(bridge.to_torch(column, allow_readonly=True))
        results.append(bridge.to(column, "torch", allow_readonly=True))
    source[2] = 77
    assert [np.asarray(each).tolist() for each in results] == [[0, 1, 77, 3]] * len(results)
    del column
    assert results[0].sum() == 81


@pytest.mark.parametrize("name", sorted(set(SHARED) - {"pandas.arrays.FloatingArray"}))
def test_columns_are_read_only(name: str) -> None:
    column = SHARED[name](FLOATS.copy())
    assert bridge.view(column).readonly
    assert not bridge.to_numpy(column).flags.writeable
    copied = bridge.to_numpy(column, copy=True)
    copied[0] = 5
    assert bridge.to_numpy(column)[0] == 0


def test_lists_of_one_length_have_two_axes() -> None:
    source = np.arange(6.0)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(source), 2)
    array, rest = bridge.to_numpy(lists), bridge.to_numpy(lists[1:])
    source[5] = 55
    assert array.tolist() == [[0, 1], [2, 3], [4, 55]]
    assert rest.tolist() == [[2, 3], [4, 55]]
    assert bridge.view(lists).readonly


def test_empty_columns() -> None:
    for column in (
        pieces(0),
        pa.array([], pa.float64()),
        pl.Series([], dtype=pl.Float64),
        pd.Series([], dtype=float),
    ):
        assert bridge.to_numpy(column).shape == (0,)


def joined(series: Any) -> Any:
    return pl.concat([series, series], rechunk=False)


REFUSED: dict[str, tuple[Callable[[], Any], str, str, str]] = {
    "pyarrow, chunks": (lambda: pieces(2), "chunks", "2 chunks", "x.combine_chunks()"),
    "polars, chunks": (lambda: joined(pl.Series([1.0])), "chunks", "2 chunks", "x.rechunk()"),
    "pandas, chunks": (
        lambda: pd.Series(pd.arrays.ArrowExtensionArray(pieces(3))),
        "chunks",
        "3 chunks",
        "x.combine_chunks()",
    ),
    "pyarrow, missing": (lambda: pa.array([1, None]), "missing", "missing values", "fill them"),
    "pyarrow, missing in a chunk": (lambda: pa.chunked_array([[1, None]]), "missing", "missing", "fill them"),
    "pyarrow, missing bools": (lambda: pa.array([True, None]), "missing", "1 missing", "x.fill_null"),
    "polars, missing": (lambda: pl.Series([1, None]), "missing", "missing values", "fill them"),
    "polars, missing bools": (lambda: pl.Series([True, None]), "missing", "1 missing", "x.fill_null"),
    "pandas, missing": (lambda: pd.Series([1, None], dtype="Int64"), "missing", "missing", "fill them"),
    "pandas, missing over Arrow": (
        lambda: pd.Series([1, None], dtype="int64[pyarrow]"),
        "missing",
        "missing values",
        "fill them",
    ),
    "pandas, missing bools": (
        lambda: pd.array([True, None], dtype="boolean"),
        "missing",
        "missing values",
        "x.fillna(False)",
    ),
    "pyarrow, bits": (lambda: pa.array([True]), "dtype", "bits", "x.cast('uint8')"),
    "pyarrow, bits in a chunk": (lambda: pa.chunked_array([[True]]), "dtype", "bits", "x.cast('uint8')"),
    "polars, bits": (lambda: pl.Series([True]), "dtype", "bits", "x.cast(int)"),
    "pandas, bits over Arrow": (lambda: pd.Series([True], dtype="bool[pyarrow]"), "dtype", "bits", "x.cast"),
    "pyarrow, dictionary": (lambda: pa.array(["a"]).dictionary_encode(), "dtype", "dictionary", "x.indices"),
    "polars, categories": (
        lambda: pl.Series(["a"], dtype=pl.Categorical),
        "dtype",
        "codes of categories",
        "x.to_physical()",
    ),
    "polars, enum": (lambda: pl.Series(["a"], dtype=pl.Enum(["a"])), "dtype", "codes", "x.to_physical()"),
    "pandas, categories": (lambda: pd.Series(["a"], dtype="category"), "dtype", "codes", "x.cat.codes"),
    "pandas.Categorical": (lambda: pd.Categorical(["a"]), "dtype", "codes of categories", "x.codes"),
    "pyarrow, text": (lambda: pa.array(["a"]), "dtype", "text (string)", "numbers"),
    "pyarrow, bytes": (
        lambda: pa.array([b"a"], pa.large_binary()),
        "dtype",
        "text (large_binary)",
        "numbers",
    ),
    "polars, text": (lambda: pl.Series(["a"]), "dtype", "text (String)", "numbers"),
    "pandas, text": (lambda: pd.Series(["a"], dtype="string"), "dtype", "text", "numbers"),
    "pyarrow, dates": (lambda: pa.array([1], pa.date32()), "dtype", "times (date32", "x.view('int32')"),
    "polars, dates": (lambda: pl.Series([1], dtype=pl.Date), "dtype", "times (Date)", "x.to_physical()"),
    "pandas, times": (
        lambda: pd.Series(pd.date_range("2020", periods=2, tz="UTC")),
        "dtype",
        "times (datetime64",
        "x.astype('int64')",
    ),
    "pyarrow, decimals": (lambda: pa.array([1], pa.decimal128(5)), "dtype", "decimals", "x.cast('float64')"),
    "polars, decimals": (
        lambda: pl.Series(["1"]).str.to_decimal(scale=1),
        "dtype",
        "decimals",
        "x.cast(float)",
    ),
    "pyarrow, fields": (lambda: pa.array([{"a": 1}]), "dtype", "several fields", "x.field(0)"),
    "polars, fields": (lambda: pl.Series([{"a": 1}]), "dtype", "several fields", "x.struct.field"),
    "polars, lists": (lambda: pl.Series([[1], []]), "dtype", "lists", "numpy_bridge.to(x"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(name: str) -> None:
    make, field, got, hint = REFUSED[name]
    convert = [bridge.view, bridge.to_numpy, lambda x: bridge.to(x, "numpy")]
    if torch is not None and name != "polars, lists":
        convert += [bridge.to_torch, lambda x: bridge.to(x, "torch")]
    for call in convert:
        with pytest.raises(bridge.SharingError) as caught:
            call(make())
        error = caught.value
        assert (error.field, got in error.got, hint in error.hint) == (field, True, True), error


@pytest.mark.parametrize(
    ("make", "call"),
    [
        (lambda: pieces(2), lambda x: x.combine_chunks()),
        (lambda: joined(pl.Series([1.0])), lambda x: x.rechunk()),
        (lambda: pa.array([True]), lambda x: x.cast("uint8")),
        (lambda: pl.Series([True]), lambda x: x.cast(int)),
        (lambda: pl.Series(["a"], dtype=pl.Categorical), lambda x: x.to_physical()),
        (lambda: pa.array(["a"]).dictionary_encode(), lambda x: x.indices),
        (lambda: pa.array([1], pa.date32()), lambda x: x.view("int32")),
        (lambda: pa.array([1], pa.decimal128(5)), lambda x: x.cast("float64")),
        (lambda: pa.array([True, None]), lambda x: x.fill_null(False).cast("uint8")),
        (lambda: pd.Categorical(["a"]), lambda x: x.codes),
    ],
)
def test_hints_lead_to_shared_memory(make: Any, call: Any) -> None:
    assert bridge.to_numpy(call(make())).size


def test_copies_are_as_before() -> None:
    assert bridge.to_numpy(pieces(2), copy=None).tolist() == [*FLOATS, *FLOATS]
    assert bridge.to_numpy(pl.Series([True, False]), copy=None).tolist() == [True, False]
    with pytest.raises(bridge.SharingError, match="missing"):
        bridge.to(pl.Series([1, None]), "numpy", copy=None)
