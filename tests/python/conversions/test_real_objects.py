"""Objects of real libraries that compute, cache or protect what they lend: what each must be.

Writable memory is the object's own, and a write is seen in it. Read-only is what the library calls immutable.
What computes its values anew at each request is refused.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from support import needs_torch

pytestmark = pytest.mark.filterwarnings("ignore")


class Libraries:
    """`lib.pandas` is the module, or skips the test."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return importlib.import_module(name)
        except ImportError:
            pytest.skip(f"{name} is not installed: nox -s faults")


lib = Libraries()
FOLDER = Path()  # of the files, set for each test


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> None:
    global FOLDER
    FOLDER = tmp_path


def h5(values: Any, **options: Any) -> Any:
    return lib.h5py.File(FOLDER / "a.h5", "w").create_dataset("x", data=values, **options)


def closed_h5() -> Any:
    dataset = h5(np.arange(3.0))
    dataset.file.close()
    return dataset


def netcdf(masked: bool = True) -> Any:
    file = lib.netCDF4.Dataset(FOLDER / "a.nc", "w")
    file.createDimension("n", 4)
    variable = file.createVariable("x", "f8", ("n",))
    variable[:] = np.arange(4.0)
    variable.set_auto_mask(masked)
    return variable


def data_set() -> Any:
    return lib.xarray.Dataset({"x": ("n", np.arange(4.0))}, coords={"n": [1, 2, 3, 4]})


def opened(**options: Any) -> Any:
    data_set().to_netcdf(FOLDER / "b.nc", engine="netcdf4" if lib.netCDF4 else None)
    return lib.xarray.open_dataset(FOLDER / "b.nc", engine="netcdf4", **options)


def typed_list() -> Any:
    return lib.numba.typed.List([1.0, 2.0])


WRITABLE, READONLY, REFUSED = "writable", "read-only", "refused"
OBJECTS: dict[str, tuple[Callable[[], Any], str]] = {
    # pandas: an Index hashes its values; Series and frames are copy-on-write
    "pandas.Index": (lambda: lib.pandas.Index([10, 20, 30]), READONLY),
    "pandas.Index of floats": (lambda: lib.pandas.Index([1.5, 2.5]), READONLY),
    "pandas.RangeIndex": (lambda: lib.pandas.RangeIndex(3), READONLY),
    "pandas.Index in a subclass": (lambda: type("Mine", (lib.pandas.Index,), {})([1, 2]), READONLY),
    "pandas.Index.values": (lambda: lib.pandas.Index([1, 2]).values, READONLY),
    "pandas.Index.array": (lambda: lib.pandas.Index([1, 2]).array, READONLY),
    "pandas.DatetimeIndex": (lambda: lib.pandas.date_range("2020", periods=2), READONLY),
    "pandas.PeriodIndex": (lambda: lib.pandas.period_range("2020", periods=2), REFUSED),
    "pandas.MultiIndex": (lambda: lib.pandas.MultiIndex.from_tuples([(1, 2)]), REFUSED),
    "pandas.IntervalIndex": (lambda: lib.pandas.interval_range(0, 3), REFUSED),
    "pandas.CategoricalIndex": (lambda: lib.pandas.CategoricalIndex(["a", "b"]), REFUSED),
    "pandas.Categorical": (lambda: lib.pandas.Categorical(["a", "b"]), REFUSED),
    "codes of a Categorical": (lambda: lib.pandas.Categorical(["a", "b"]).codes, READONLY),
    "codes of a Series": (lambda: lib.pandas.Series(["a"], dtype="category").cat.codes, READONLY),
    "pandas.Series": (lambda: lib.pandas.Series([1.0, 2.0]), READONLY),
    "pandas.DataFrame": (lambda: lib.pandas.DataFrame({"a": [1.0, 2.0]}), READONLY),
    "pandas.DataFrame, mixed": (lambda: lib.pandas.DataFrame({"a": [1], "b": [1.5]}), REFUSED),
    "Series of pyarrow": (lambda: lib.pandas.Series([1, 2], dtype="int64[pyarrow]"), READONLY),
    "array of pyarrow": (lambda: lib.pandas.array([1.0], dtype="double[pyarrow]"), READONLY),
    "Series of integers with NA": (lambda: lib.pandas.Series([1, 2], dtype="Int64"), READONLY),
    "integers that may be NA": (lambda: lib.pandas.array([1, 2], dtype="Int64"), WRITABLE),
    "integers that are NA": (lambda: lib.pandas.array([1, None], dtype="Int64"), REFUSED),
    "pandas.arrays.SparseArray": (lambda: lib.pandas.arrays.SparseArray([1.0, 2.0]), READONLY),
    "texts of pandas": (lambda: lib.pandas.Series(["a", "b"]), REFUSED),
    # Arrow's memory never changes
    "polars.Series": (lambda: lib.polars.Series([1.0, 2.0]), READONLY),
    "polars.Series with null": (lambda: lib.polars.Series([1.0, None]), REFUSED),
    "polars.Series of bool": (lambda: lib.polars.Series([True]), REFUSED),
    "polars.DataFrame, one column": (lambda: lib.polars.DataFrame({"a": [1.0, 2.0]}), READONLY),
    "pyarrow.Array": (lambda: lib.pyarrow.array([1.0, 2.0]), READONLY),
    "pyarrow.Array of bool": (lambda: lib.pyarrow.array([True]), REFUSED),
    "pyarrow.Array with null": (lambda: lib.pyarrow.array([1, None]), REFUSED),
    "pyarrow.Array of text": (lambda: lib.pyarrow.array(["a"]), REFUSED),
    "pyarrow.Array of intervals": (
        lambda: lib.pyarrow.array([(1, 2, 3)], lib.pyarrow.month_day_nano_interval()),
        REFUSED,
    ),
    "pyarrow.ChunkedArray": (lambda: lib.pyarrow.chunked_array([[1.0]]), READONLY),
    # xarray's own arrays are mutable; it keeps what it has read from a file as its own array
    "xarray.DataArray": (lambda: lib.xarray.DataArray(np.arange(3.0)), WRITABLE),
    "xarray.Variable": (lambda: lib.xarray.Variable("n", np.arange(3.0)), WRITABLE),
    "xarray, read from a file": (lambda: opened()["x"], WRITABLE),
    "xarray, read each time": (lambda: opened(cache=False)["x"], REFUSED),
    "coordinates of xarray": (lambda: data_set().coords["n"], READONLY),
    "xarray.IndexVariable": (lambda: data_set().coords["n"].variable, READONLY),
    "coordinates, read from a file": (lambda: opened()["n"], READONLY),
    "xarray.Dataset": (data_set, REFUSED),
    # Immutable, or computed
    "awkward.Array": (lambda: lib.awkward.Array([1.0, 2.0]), READONLY),
    "awkward.Array of NumPy's": (lambda: lib.awkward.from_numpy(np.arange(3.0)), READONLY),
    "awkward.Array, ragged": (lambda: lib.awkward.Array([[1], [2, 3]]), REFUSED),
    "awkward.Array with None": (lambda: lib.awkward.Array([1, None]), REFUSED),
    "dask of an array": (lambda: importlib.import_module("dask.array").from_array(np.arange(3.0)), REFUSED),
    "dask, computed": (lambda: importlib.import_module("dask.array").ones(3) + 1, REFUSED),
    # Files: read at each request
    "h5py.Dataset": (lambda: h5(np.arange(3.0)), REFUSED),
    "h5py.Dataset, chunked": (lambda: h5(np.arange(3.0), chunks=(2,)), REFUSED),
    "h5py.Dataset, empty": (lambda: h5(lib.h5py.Empty("f4")), REFUSED),
    "h5py.Dataset, closed": (closed_h5, REFUSED),
    "zarr.Array": (lambda: lib.zarr.array(np.arange(3.0)), REFUSED),
    "netCDF4.Variable": (netcdf, REFUSED),
    "netCDF4.Variable without masks": (lambda: netcdf(masked=False), REFUSED),
    # No protocol
    "numba.typed.List": (typed_list, REFUSED),
}
each_object = pytest.mark.parametrize("name", OBJECTS)


def made(name: str) -> tuple[Any, str]:
    make, must_be = OBJECTS[name]
    if "dask" in name:
        assert lib.dask
    return make(), must_be


def outcome(x: Any, **options: Any) -> tuple[Any, str]:
    """The array, or the text of a refusal."""
    try:
        return bridge.to_numpy(x, **options), ""
    except (bridge.SharingError, TypeError) as error:
        return None, str(error)


def state_of(x: Any) -> str:
    try:
        return READONLY if bridge.view(x).readonly else WRITABLE
    except (bridge.SharingError, TypeError):
        return REFUSED


@each_object
def test_what_it_must_be(name: str) -> None:
    x, must_be = made(name)
    assert state_of(x) == must_be
    assert state_of(x) == must_be, "at the second request"


@each_object
def test_a_write_is_seen_in_the_object_or_impossible(name: str) -> None:
    x, must_be = made(name)
    if must_be == REFUSED:
        pytest.skip("shares nothing")
    array = bridge.to_numpy(x)
    assert array.flags.writeable is (must_be == WRITABLE)
    if must_be == WRITABLE:
        array[0] = 77
        assert np.asarray(x)[0] == 77
    else:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 77


@needs_torch
@each_object
def test_torch_gets_nothing_that_must_not_be_written(name: str) -> None:
    x, must_be = made(name)
    if must_be == WRITABLE:
        bridge.to_torch(x)[0] = 77
        assert np.asarray(x)[0] == 77
        return
    with pytest.raises((bridge.SharingError, TypeError)) as caught:
        bridge.to_torch(x)
    if must_be == READONLY:
        assert caught.value.field == ("dtype" if np.asarray(x).dtype.kind == "M" else "readonly")


@each_object
def test_a_copy_is_independent_or_refused_in_our_words(name: str) -> None:
    x, _ = made(name)
    copy, text = outcome(x, copy=True)
    if copy is None:
        assert "copy=" not in text, "it was asked for"
        return
    before = np.array(x)
    copy[...] = 0
    np.testing.assert_array_equal(np.array(x), before)


@each_object
def test_a_hint_to_copy_cures(name: str) -> None:
    x, must_be = made(name)
    if must_be != REFUSED:
        pytest.skip("needs no hint")
    _, text = outcome(x)
    assert text
    if "copy=None" in text:
        assert outcome(x, copy=None)[0] is not None


def test_an_index_cannot_be_corrupted() -> None:
    """It finds values by a hash table that a write would not update."""
    index = lib.pandas.Index([10, 20, 30])
    assert index.get_loc(20) == 1
    with pytest.raises(ValueError, match="read-only"):
        bridge.to_numpy(index)[1] = 99
    assert list(index) == [10, 20, 30]
    assert 20 in index
