"""Objects of a library that `to` returns or copies as they are, and numbers that are missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge.targets.table import TARGETS

LARGE = 2**53 + 1
"""No float64 has this value."""


def library(name: str) -> Any:
    return pytest.importorskip(name, reason=f"{name} is not installed: nox -s faults")


def dictionary_of(pa: Any) -> Any:
    return pa.array(["a", None]).dictionary_encode()


def tensors_of(pa: Any, values: list[Any]) -> Any:
    """One row with two numbers."""
    storage = pa.FixedSizeListArray.from_arrays(pa.array(values), 2)
    return pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.int64(), (2,)), storage)


def series(x: Any, y: Any) -> bool:
    return bool(x.equals(y) and x.name == y.name and x.dtype == y.dtype)


def frames(x: Any, y: Any) -> bool:
    return bool(x.equals(y) and list(x.columns) == list(y.columns) and list(x.dtypes) == list(y.dtypes))


def arrays(x: Any, y: Any) -> bool:
    return bool(x.equals(y) and x.type == y.type)


def tensors(x: Any, y: Any) -> bool:
    return bool(x.equals(y) and (x.strides, x.dim_names) == (y.strides, y.dim_names))


# What holds more than values: the library, an object of it, and whether two are equal in all.
OWN: dict[str, tuple[str, Callable[[Any], Any], Callable[[Any, Any], bool]]] = {
    "labels": ("pandas", lambda pd: pd.Series([1.0, 2.0], index=["a", "b"], name="n"), series),
    "missing": ("pandas", lambda pd: pd.Series([LARGE, None], dtype="Int64"), series),
    "columns": ("pandas", lambda pd: pd.DataFrame({"p": [1.0], "q": [2.0]}), frames),
    "mixed": ("pandas", lambda pd: pd.DataFrame({"p": [1.0], "q": ["x"], "r": [True]}), frames),
    "times": ("pandas", lambda pd: pd.Series(["2020-01-01"], dtype="datetime64[s]"), series),
    "null": ("pyarrow", lambda pa: pa.array([LARGE, None]), arrays),
    "bool": ("pyarrow", lambda pa: pa.array([True, None, False]), arrays),
    "part": ("pyarrow", lambda pa: pa.array(["a", "b", None])[1:], arrays),
    "words": ("pyarrow", dictionary_of, arrays),
    "rows": ("pyarrow", lambda pa: tensors_of(pa, [LARGE, None]), arrays),
    "axes": ("pyarrow", lambda pa: pa.Tensor.from_numpy(np.ones((2, 3)).T, dim_names=["x", "y"]), tensors),
    "name": ("polars", lambda pl: pl.Series("n", [LARGE, None]), series),
    "text": ("polars", lambda pl: pl.Series("n", ["a", None], dtype=pl.Categorical), series),
}


@pytest.mark.parametrize("name", OWN)
def test_own_objects_stay_whole(name: str) -> None:
    module, make, equal = OWN[name]
    x = make(library(module))
    for copy in (False, None):
        for device in (None, "cpu"):
            assert bridge.to(x, like=x, copy=copy, device=device) is x
    copied = bridge.to(x, like=x, copy=True)
    assert type(copied) is type(x)
    assert copied is not x
    assert equal(copied, x)
    assert equal(bridge.to(x, like=x, copy=True, device="cpu"), x)


@pytest.mark.parametrize("like", sorted(set(TARGETS) - {"cupy", "scipy"}))
def test_copies_of_own_objects_are_new_memory(like: str) -> None:
    library("mlx.core" if like == "mlx" else like)
    source = bridge.to_numpy(bridge.empty(4, "float32"))
    source[...] = 1
    shared = bridge.to(source, like, copy=None if like == "mlx" else False, allow_mutable=True)
    copied = bridge.to(shared, like, copy=True)
    assert not bridge.shares_memory(copied, shared)
    source[...] = 5
    assert bridge.to_numpy(copied).tolist() == [1] * 4


def test_numbers_of_mlx_that_it_alone_makes() -> None:
    mx = library("mlx.core")
    x = mx.array([1.0, 2.0], mx.float64)
    assert bridge.to(x, mx, copy=True).dtype == mx.float64


# Numbers are missing: the library, and what it has of them.
MISSING: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "polars.Series": ("polars", lambda pl: pl.Series([LARGE, None])),
    "polars.Series of arrays": ("polars", lambda pl: pl.Series([[LARGE, None]], dtype=pl.Array(pl.Int64, 2))),
    "polars.DataFrame": ("polars", lambda pl: pl.DataFrame({"a": [1], "b": [None]}, {"a": int, "b": int})),
    "a subclass": ("polars", lambda pl: type("Mine", (pl.Series,), {})([LARGE, None])),
    "pandas.Series": ("pandas", lambda pd: pd.Series([LARGE, None], dtype="Int64")),
    "pandas.DataFrame": ("pandas", lambda pd: pd.DataFrame({"a": pd.array([LARGE, None])})),
    "pandas.Index": ("pandas", lambda pd: pd.Index([LARGE, None], dtype="Int64")),
    "pandas.array": ("pandas", lambda pd: pd.array([LARGE, None])),
    "categories": ("pandas", lambda pd: pd.Series(pd.Categorical.from_codes([0, -1], [LARGE]))),
    "pyarrow.Array": ("pyarrow", lambda pa: pa.array([LARGE, None])),
    "pyarrow.ChunkedArray": ("pyarrow", lambda pa: pa.chunked_array([[1], [LARGE, None]])),
    "pyarrow.Table": ("pyarrow", lambda pa: pa.table({"a": [LARGE, None]})),
    "pyarrow.RecordBatch": ("pyarrow", lambda pa: pa.record_batch({"a": pa.array([LARGE, None])})),
    "pyarrow.FixedShapeTensorArray": ("pyarrow", lambda pa: tensors_of(pa, [LARGE, None])),
}
WHOLE: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "polars": ("polars", lambda pl: pl.Series([[1, 2]], dtype=pl.Array(pl.Int64, 2))),
    "no rows": ("polars", lambda pl: pl.Series([], dtype=pl.Array(pl.Int64, 2))),
    "pandas": ("pandas", lambda pd: pd.Series([1, 2], dtype="Int64")),
    "NaN": ("pandas", lambda pd: pd.Series([1.0, None])),
    "sparse": ("pandas", lambda pd: pd.Series([1.0, None], dtype="Sparse[float64]")),
    "pyarrow": ("pyarrow", lambda pa: pa.chunked_array([[1], [2]])),
    "rows": ("pyarrow", lambda pa: tensors_of(pa, [1, 2])),
}


@pytest.mark.parametrize("copy", [None, True])
@pytest.mark.parametrize("like", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("name", MISSING)
def test_missing_numbers_are_not_rounded(name: str, like: str, copy: bool | None) -> None:
    module, make = MISSING[name]
    x = make(library(module))
    library(like)
    with pytest.raises(bridge.SharingError, match="expected a value for every element, got missing"):
        bridge.to(x, like, copy=copy)


@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers_are_copied(name: str) -> None:
    module, make = WHOLE[name]
    x = make(library(module))
    copied = bridge.to(x, "numpy", copy=True)
    assert np.array_equal(copied, np.asarray(bridge.to_numpy(x, copy=None)), equal_nan=True)
