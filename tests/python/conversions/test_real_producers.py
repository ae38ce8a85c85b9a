"""What real array libraries hand out. `nox -s producers` installs those that are small; here a missing one
is skipped by name. The others (TensorFlow, Paddle) are played by fakes in `producers.py`."""

from __future__ import annotations

import gc
import importlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from support import assert_independent, needs_torch, refused


def library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        pytest.skip(f"{name} is not installed: nox -s producers")


def jax_array() -> Any:
    return library("jax.numpy").arange(8.0)


def jax_bfloat16() -> Any:
    return library("jax.numpy").arange(8.0).astype("bfloat16")


def arrow_array() -> Any:
    return library("pyarrow").array(np.arange(8.0))


def arrow_tensor() -> Any:
    return library("pyarrow").Tensor.from_numpy(np.arange(8.0))


def arrow_buffer(content: Any) -> Any:
    return library("pyarrow").py_buffer(content)


def ort_value() -> Any:
    return library("onnxruntime").OrtValue.ortvalue_from_numpy(np.arange(8.0))


def mlx_array() -> Any:
    array = library("mlx.core").arange(8).astype(library("mlx.core").float32)
    library("mlx.core").eval(array)
    return array


def tvm_tensor() -> Any:
    return library("tvm_ffi").from_dlpack(np.arange(8.0))


def strict_array() -> Any:
    return library("array_api_strict").arange(8, dtype=library("array_api_strict").float64)


def polars_series() -> Any:
    return library("polars").Series(np.arange(8.0))


def awkward_array() -> Any:
    return library("awkward").Array(np.arange(8.0))


def data_array() -> Any:
    return library("xarray").DataArray(np.arange(8.0))


def pandas_series() -> Any:
    return library("pandas").Series(np.arange(8.0))


def pandas_frame() -> Any:
    return library("pandas").DataFrame(np.arange(8.0).reshape(4, 2))


def image(mode: str) -> Any:
    return library("PIL.Image").new(mode, (4, 2))


# How to make eight elements, 0 to 7, and whether they may be written
SHARED: dict[str, tuple[Callable[[], Any], bool]] = {
    "jax": (jax_array, False),
    "pyarrow.Array": (arrow_array, False),
    "pyarrow.Tensor": (arrow_tensor, True),
    "onnxruntime": (ort_value, True),
    "mlx": (mlx_array, True),
    "tvm-ffi": (tvm_tensor, True),
    "array-api-strict": (strict_array, True),
    "polars.Series": (polars_series, False),
    "awkward": (awkward_array, False),
    "xarray": (data_array, True),
}
each = pytest.mark.parametrize("name", SHARED)


@each
def test_comes_in_as_it_is(name: str) -> None:
    make, writable = SHARED[name]
    x = make()
    shared = bridge.view(x)
    assert np.asarray(shared).tolist() == list(range(8))
    assert shared.readonly is not writable
    assert shared.owner is x
    again = bridge.to_numpy(x)
    assert bridge.shares_memory(shared, again)
    assert again.flags.writeable is writable
    if writable:
        again[3] = 50
        assert np.asarray(shared)[3] == 50
        assert np.asarray(bridge.view(x))[3] == 50


@each
def test_outlives_its_owner(name: str) -> None:
    array = bridge.to_numpy(SHARED[name][0]())
    gc.collect()
    junk = [np.full(8, 3.0) for _ in range(100)]
    assert array.tolist() == list(range(8))
    assert len(junk) == 100


@each
def test_copies(name: str) -> None:
    x = SHARED[name][0]()
    copy = bridge.to_numpy(x, copy=True)
    assert copy.tolist() == list(range(8))
    assert copy.flags.writeable
    assert not bridge.shares_memory(copy, x)


@needs_torch
@each
def test_reaches_torch_only_if_it_may_be_written(name: str) -> None:
    make, writable = SHARED[name]
    x = make()
    if writable:
        tensor = bridge.to_torch(x)
        tensor[0] = 50
        assert bridge.to_numpy(x)[0] == 50
    else:
        with refused("readonly", "torch", hint="copy=True"):
            bridge.to_torch(x)
        tensor = bridge.to_torch(x, allow_readonly=True)
        assert bridge.shares_memory(tensor, x)
    assert bridge.to_torch(x, copy=True).tolist()[1:] == list(range(1, 8))


@needs_torch
def test_jax_bfloat16() -> None:
    x = jax_bfloat16()
    shared = bridge.view(x)
    assert (shared.dtype, shared.readonly) == ("bfloat16", True)
    assert bridge.to_torch(x, copy=True).tolist() == list(range(8))


def test_arrow_buffers_say_themselves_whether_they_may_be_written() -> None:
    assert bridge.view(arrow_buffer(b"abcd")).readonly
    block = np.zeros(4, np.uint8)
    shared = bridge.view(arrow_buffer(block))
    assert not shared.readonly
    np.asarray(shared)[0] = 7
    assert block[0] == 7


def test_arrow_that_numpy_can_only_copy() -> None:
    arrow = library("pyarrow")
    for x in (arrow.chunked_array([[1.0], [2.0]]), arrow.array([1.0, None]), arrow.array([True, False])):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(bridge.SharingError):
                bridge.view(x)
            assert len(bridge.to_numpy(x, copy=True)) == 2


@pytest.mark.parametrize("make", [pandas_series, pandas_frame])
def test_pandas(make: Callable[[], Any]) -> None:
    """Read-only where pandas copies on write, which since version 3 is always."""
    x = make()
    array = bridge.to_numpy(x)
    assert array.flags.writeable is x.to_numpy().flags.writeable
    assert array.ravel().tolist() == list(range(8))
    assert bridge.shares_memory(x, x.to_numpy())
    x.iloc[0] = 50
    assert bridge.to_numpy(x).ravel()[0] == 50


def test_pandas_that_numpy_can_only_copy() -> None:
    pandas = library("pandas")
    mixed = pandas.DataFrame({"a": [1, 2], "b": [1.5, 2.5]})
    with pytest.raises(bridge.SharingError) as caught:
        bridge.view(mixed)
    assert caught.value.protocol == "__array__"
    assert bridge.to_numpy(mixed, copy=None).tolist() == [[1.0, 1.5], [2.0, 2.5]]
    with refused("dtype", "NumPy"):
        bridge.view(pandas.Series([object(), 1]))


def test_pandas_times_are_shared() -> None:
    pandas = library("pandas")
    times = pandas.Series(np.zeros(2, "M8[ns]"))
    seen = np.asarray(bridge.view(times))
    times.iloc[0] = pandas.Timestamp(1970, 1, 2)
    assert seen.dtype == "M8[ns]"
    assert seen[0] == np.datetime64("1970-01-02")


def test_polars_that_numpy_can_only_copy() -> None:
    polars = library("polars")
    for x in (polars.Series([1, None]), polars.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})):
        with pytest.raises(bridge.SharingError):
            bridge.view(x)
    assert bridge.to_numpy(polars.Series([1.0, None]), copy=True)[0] == 1


def test_awkward_that_is_no_array() -> None:
    with pytest.raises(bridge.SharingError):
        bridge.view(library("awkward").Array([[1], [2, 3]]))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "F", "1", "I"])
def test_pillow_copies_at_each_request(mode: str) -> None:
    picture = image(mode)
    if mode == "1":
        picture.putpixel((1, 0), 1)
    with refused("data", "__array_interface__", hint="copy=True"):
        bridge.view(picture)
    copy = bridge.to_numpy(picture, copy=None)
    assert copy.tolist() == np.asarray(picture).tolist()
    assert_independent(copy, bridge.to_numpy(picture, copy=True))


def test_pillow_reads_a_view() -> None:
    pillow = library("PIL.Image")
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert np.asarray(pillow.fromarray(bridge.view(pixels))).tolist() == pixels.tolist()


def test_array_api_strict_reads_a_view() -> None:
    strict = library("array_api_strict")
    array = np.arange(4.0)
    alias = strict.from_dlpack(bridge.view(array))
    array[0] = 7
    assert float(alias[0]) == 7


def test_arrow_and_onnxruntime_read_a_view() -> None:
    array = np.arange(4.0)
    buffer = arrow_buffer(bridge.view(array))
    array[0] = 7
    assert np.frombuffer(buffer)[0] == 7
