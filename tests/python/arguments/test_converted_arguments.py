"""Lists and numbers as arrays, ranges of dimensions, copies of the layout only, arrays out of containers."""

from __future__ import annotations

import gc
import weakref
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from support import needs_torch

try:
    import torch
except ImportError:
    torch = None


@pytest.fixture
def converted(extension: ModuleType) -> Any:
    return extension.converted


VALUES = {
    "list": [1, 2, 3],
    "tuple": (1, 2, 3),
    "range": range(1, 4),
    "list of NumPy's scalars": [np.int64(1), np.float32(2), 3],
    "list of bools and numbers": [True, 2, 3.0],
    "generator of arrays": (np.int16(1), np.int16(2), np.int16(3)),
}


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("function", ["floats", "doubles"])
def test_values_without_memory(converted: Any, function: str, name: str) -> None:
    assert getattr(converted, function)(VALUES[name]) == ([1, 2, 3], True)


def test_arrays_are_still_borrowed(converted: Any) -> None:
    assert converted.floats(np.ones(2, np.float32)) == ([1, 1], False)
    assert converted.floats(np.ones(2, np.float16)) == ([1, 1], True)


WHOLE: list[tuple[str, Any, Any]] = [
    ("bytes", [0, 255], [0, 255]),
    ("bytes", [0, 256], None),
    ("bytes", [-1], None),
    ("bytes", [1.5], None),
    ("bytes", [1.0], None),  # fractions are no integers, even if they are whole
    ("bytes", [], []),
    ("sizes", [1, 2**40], [1, 2**40]),
    ("sizes", [-1], None),
    ("sizes", [2**63], [2**63]),
    ("floats", [0.1], [np.float32(0.1)]),  # rounds, as NumPy does
    ("floats", [1e300], None),
    ("floats", [float("inf")], [float("inf")]),
    ("floats", [1j], None),
]


@pytest.mark.parametrize(("function", "values", "expected"), WHOLE)
def test_numbers_keep_their_values_or_are_refused(
    converted: Any, function: str, values: Any, expected: Any
) -> None:
    call = getattr(converted, function)
    if expected is None:
        with pytest.raises(TypeError, match="x: expected"):
            call(values)
    else:
        assert call(values) == (expected, True)


@pytest.mark.parametrize("given", [None, "text", ["text"], {}, [[1], [2, 3]], [object()], [None], object()])
def test_what_has_no_numbers(converted: Any, given: Any) -> None:
    with pytest.raises(TypeError, match="x: expected float32, 1-D, CPU; got"):
        converted.floats(given)


def test_errors_of_constructors_and_setters(converted: Any) -> None:
    with pytest.raises(
        TypeError, match=r"^Weights\(\): values: expected float64, 1-D, CPU; got str: not numbers$"
    ):
        converted.Weights("text")
    weights = converted.Weights([1])
    weights.values = [1, 2]
    assert weights.total() == 3
    with pytest.raises(TypeError, match=r"^arg\d: expected float64, 1-D, CPU; got str: not numbers$"):
        weights.values = "text"


REASONS: list[tuple[str, Any, str]] = [
    ("bytes", [256], "list: numbers out of range"),
    ("bytes", [1.5], "list: numbers of another kind: float64"),
    ("floats", "text", "str: not numbers"),
    ("floats", ["text"], "list: not numbers"),
    ("floats", object(), "object: not numbers"),
    ("floats", [[1], [2, 3]], "list: ValueError: setting an array element with a sequence"),
    ("floats", [[1, 2]], r"list: an array of shape \(1, 2\)"),
    ("floats", None, "NoneType"),
]


@pytest.mark.parametrize(("function", "given", "reason"), REASONS)
def test_reasons_are_those_of_the_values(converted: Any, function: str, given: Any, reason: str) -> None:
    with pytest.raises(TypeError, match=f"x: expected .*, 1-D, CPU; got {reason}"):
        getattr(converted, function)(given)


def test_nothing_has_the_dtype_that_numpy_gives_it(converted: Any) -> None:
    assert converted.dtype_of([]) == "float64"
    assert converted.dtype_of([1]) == "int64"


@pytest.mark.parametrize(
    ("start", "stop", "step"), [(0, 7, 1), (1, 7, 2), (0, 7, 6), (0, 7, 7), (3, 3, 5), (1, 3, 2**63 - 1)]
)
def test_slices(converted: Any, start: int, stop: int, step: int) -> None:
    x = np.arange(7, dtype=np.float32)
    assert converted.sliced(x, start, stop, step) == x[start:stop:step].tolist()
    assert converted.sliced(x[::-1], start, stop, step) == x[::-1][start:stop:step].tolist()


def test_a_number_is_an_array_without_dimensions(converted: Any) -> None:
    assert converted.scalar(3) == ()
    assert converted.scalar(np.float32(3)) == ()
    assert converted.scalar([[1, 2, 3]]) == (1, 3)


def test_exact_overloads_come_first(converted: Any) -> None:
    assert converted.overloaded(3.0) == "number"
    assert converted.overloaded([3.0]) == "array"
    assert converted.overloaded(np.ones(2)) == "array"


def test_a_converted_array_can_be_kept(converted: Any) -> None:
    weights = converted.Weights([1, 2, 3])
    gc.collect()
    assert weights.total() == 6
    assert weights.values.tolist() == [1, 2, 3]
    values = np.ones(3)
    weights = converted.Weights(values)
    values[:] = 5
    assert weights.total() == 15
    assert weights.values is values


PACKED: list[tuple[Any, tuple[str, bool]]] = [
    (np.ones((4, 2), np.float32), ("float32", False)),
    (np.ones((4, 2), np.float32).T, ("float32", True)),
    (np.ones((4, 2)).T, ("float64", True)),
    (np.ones((4, 2), ">f4"), ("float32", True)),
    (np.ones((4, 2), np.int32), ("", False)),
    (np.ones((4, 2), np.float16).T, ("", False)),
]


@pytest.mark.parametrize(("x", "expected"), PACKED)
def test_copies_that_keep_the_dtype(converted: Any, x: Any, expected: tuple[str, bool]) -> None:
    if expected[0]:
        assert converted.packed(x) == expected
    else:
        with pytest.raises(TypeError, match="x: expected float32 or float64, C-contiguous, CPU; got"):
            converted.packed(x)


@needs_torch
def test_copies_of_tensors_that_keep_the_dtype(converted: Any) -> None:
    assert converted.packed(torch.ones(4, 2).T) == ("float32", True)
    with pytest.raises(TypeError, match="x: expected"):
        converted.packed(torch.ones(4, 2, dtype=torch.bfloat16).T)


@pytest.mark.parametrize("ndim", range(6))
def test_ranges_of_dimensions(converted: Any, ndim: int) -> None:
    x = np.ones((1,) * ndim, np.float32)
    if 2 <= ndim <= 3:
        assert converted.planes(x) == x.shape
    else:
        with pytest.raises(TypeError, match=r"x: expected float32, 2-D or 3-D, CPU; got float32 \(.*reshape"):
            converted.planes(x)


@pytest.mark.parametrize(
    ("shape", "fits"),
    [((3,), False), ((2, 3), True), ((5, 2, 3), True), ((2, 4), False), ((3, 2), False), ((), False)],
)
def test_trailing_extents(converted: Any, shape: tuple[int, ...], fits: bool) -> None:
    if fits:
        assert converted.points(np.ones(shape, np.float32)) == shape
    else:
        with pytest.raises(TypeError, match=r"x: expected float32, shape \(\.\.\., any, 3\), CPU"):
            converted.points(np.ones(shape, np.float32))


def test_char_is_text(converted: Any) -> None:
    assert converted.text(b"abc") == "abc"
    assert converted.text(bytearray(b"abc")) == "abc"
    assert converted.text(np.frombuffer(b"abc", np.int8)) == "abc"


def test_rows_and_slices(converted: Any) -> None:
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert converted.rows(x) == [3, 12]
    assert converted.rows(x.T) == [3, 5, 7]
    assert converted.rows(x[::-1, ::2]) == [8, 2]
    converted.clear_every_second(x)
    assert x.tolist() == [[0, 0, 2], [3, 0, 5]]


def test_borrowed_by_hand(converted: Any) -> None:
    assert converted.total_of({"x": np.ones(3, np.float32)}) == 3
    with pytest.raises(TypeError, match=r"named\['x'\]: expected float32, 1-D, CPU; got float64 \(3,\)"):
        converted.total_of({"x": np.ones(3)})
    arrays = [np.ones(2, np.float32), np.ones((2, 2), np.float32)]
    converted.zero_all(*arrays)
    assert [a.sum() for a in arrays] == [0, 0]
    with pytest.raises(TypeError, match="array: expected float32, C-contiguous, writable, CPU; got float64"):
        converted.zero_all(arrays[0], np.ones(2))


def test_what_is_borrowed_by_hand_stays_in_place(converted: Any) -> None:
    x = np.ones(1000, np.float32)
    with pytest.raises(ValueError, match="resize"):
        converted.resize_while_borrowed(x)
    x.resize(1, refcheck=False)  # once the borrow has ended
    assert x.shape == (1,)


@needs_torch
def test_writes_by_hand_are_noted(converted: Any) -> None:
    t = torch.ones(2)
    before = t._version
    converted.zero_all(t)
    assert t.tolist() == [0, 0]
    assert t._version > before


def test_shared_by_hand(converted: Any) -> None:
    x = np.ones(2, np.float32)
    assert converted.shared_item([x]) is x
    reference = weakref.ref(x)
    with pytest.raises(TypeError, match=r"list\[0\]: expected"):
        converted.shared_item([np.ones(2)])
    del x
    gc.collect()
    assert reference() is None
