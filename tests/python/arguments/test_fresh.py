"""New arrays that C++ fills by index, and functions of numbers that are broadcast."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from support import needs_torch

try:
    import torch
except ImportError:
    torch = None


@pytest.fixture
def fresh(extension: ModuleType) -> Any:
    return extension.fresh


@pytest.mark.parametrize("name", ["table", "columns"])
def test_filled_by_index(fresh: Any, name: str) -> None:
    x = getattr(fresh, name)(2, 3)
    assert type(x) is np.ndarray
    assert x.tolist() == [[0, 1, 2], [10, 11, 12]]
    assert x.flags.owndata
    assert x.flags.writeable
    assert x.flags.f_contiguous == (name == "columns")
    assert x.dtype == ("f8" if name == "columns" else "f4")


@pytest.mark.parametrize("shape", [(), (3,), (0, 2), (2, 3, 4)])
def test_any_shape(fresh: Any, shape: tuple[int, ...]) -> None:
    x = fresh.of_any_shape(shape)
    assert x.shape == shape
    assert (x == 7).all()


def test_impossible_shapes(fresh: Any) -> None:
    with pytest.raises(ValueError, match="negative"):
        fresh.table(-1, 2)
    with pytest.raises((ValueError, MemoryError)):
        fresh.table(2**40, 2**40)
    with pytest.raises(MemoryError):
        fresh.table(2**40, 2**10)


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "float32", "complex128"])
def test_a_dtype_chosen_at_run_time(fresh: Any, dtype: str) -> None:
    x = fresh.of_dtype(dtype)
    assert x.dtype == dtype
    assert x.tolist() == np.arange(3).astype(dtype).tolist()


def test_a_dtype_without_a_cpp_type(fresh: Any) -> None:
    with pytest.raises(TypeError, match="float16"):
        fresh.of_dtype("float16")


def test_records(fresh: Any) -> None:
    x = fresh.records()
    assert x.dtype == [("first", "i4"), ("second", "i4")]
    assert x.tolist() == [(1, 2), (3, 4)]


LIKE: dict[str, Any] = {
    "ndarray": lambda a: a,
    "View": bridge.view,
    "memoryview": memoryview,
    "reversed": lambda a: a[::-1],
}


@pytest.mark.parametrize("name", LIKE)
def test_like_host_memory(fresh: Any, name: str) -> None:
    x = fresh.doubled(LIKE[name](np.arange(3, dtype=np.float32)))
    assert sorted(np.asarray(x).tolist()) == [0, 2, 4]


@needs_torch
def test_like_a_tensor(fresh: Any) -> None:
    t = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    x = fresh.doubled(t.T)
    assert type(x) is torch.Tensor
    assert x.tolist() == (2 * t.T).tolist()
    assert x.is_contiguous()
    sums = fresh.sums_of_rows(t.double())
    assert sums.dtype == torch.float64
    assert sums.tolist() == [3, 12]


def test_like_an_array_of_one_of_several_dtypes(fresh: Any) -> None:
    for dtype in (np.float32, np.float64):
        sums = fresh.sums_of_rows(np.ones((2, 3), dtype))
        assert sums.dtype == dtype
        assert sums.tolist() == [3, 3]


BROADCAST: list[tuple[Any, Any]] = [
    (np.ones((3, 1)), np.arange(4.0)),
    (np.ones((2, 1, 4)), np.ones((3, 1))),
    (3.0, np.arange(3)[::-1]),
    ([3.0, 4.0], [[1], [2]]),
    (3, 4),
    (np.ones((0, 2)), 1.0),
    (np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.arange(6.0).reshape(2, 3).astype(">f4")),
]


@pytest.mark.parametrize(("a", "b"), BROADCAST)
def test_vectorize_broadcasts_as_numpy_does(fresh: Any, a: Any, b: Any) -> None:
    expected = np.hypot(a, b)
    found = fresh.hypot(a, b)
    assert found.shape == np.shape(expected)
    np.testing.assert_allclose(found, expected)


def test_vectorize_of_three_arguments_and_another_result(fresh: Any) -> None:
    found = fresh.is_close([1, 2, 3], [[1.05], [2.5]], 0.1)
    assert found.dtype == bool
    assert found.tolist() == [[True, False, False], [False, False, False]]


def test_shapes_that_do_not_go_together(fresh: Any) -> None:
    with pytest.raises(ValueError, match="3 and 2 elements along one dimension cannot be broadcast together"):
        fresh.hypot(np.ones(3), np.ones(2))
    with pytest.raises(TypeError, match="expected float64, CPU"):
        fresh.hypot("a", 1)


def test_vectorize_of_a_function(fresh: Any) -> None:
    assert fresh.square([1, 2, 3]).tolist() == [1, 4, 9]


def test_arguments_that_are_only_read_are_repeated(fresh: Any) -> None:
    out = np.empty((2, 3), np.float32)
    fresh.multiply_into(out, np.float32([[2], [3]]), np.float32([1, 2, 3]))
    assert out.tolist() == [[2, 4, 6], [3, 6, 9]]
    with pytest.raises(ValueError, match="more elements than the result"):
        fresh.multiply_into(out[0], out, np.ones(3, np.float32))


def test_what_is_written_is_not_repeated(fresh: Any) -> None:
    into = np.zeros(3, np.float32)
    fresh.add_into(into, np.ones(1, np.float32))
    assert into.tolist() == [1, 1, 1]
    with pytest.raises(ValueError, match="written to cannot be broadcast"):
        fresh.add_into(into, np.ones((2, 3), np.float32))
