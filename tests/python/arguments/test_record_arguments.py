"""Structs, long doubles and bytes as elements of C++ arguments and results."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.lib.recfunctions import require_fields

import numpy_bridge as bridge
from support import needs_ml_dtypes, needs_torch

try:
    import torch
except ImportError:
    torch = None

POINT = np.dtype([("x", "f4"), ("y", "f4")])
SAMPLE = np.dtype([("tag", "u1"), ("value", "f8"), ("where", POINT)], align=True)


@pytest.fixture
def records(extension: ModuleType) -> Any:
    return extension.records


def _samples(dtype: np.dtype[Any] = SAMPLE) -> Any:
    return np.array([(7, 0.5, (1, 2)), (8, 1.5, (3, 4)), (9, 2.5, (5, 6))], dtype)


def test_a_struct_is_the_record_that_numpy_has(records: Any) -> None:
    assert records.point == POINT
    assert records.sample == SAMPLE


@pytest.mark.parametrize("dtype", ["equal", "the very same"])
def test_writes_reach_the_array(records: Any, dtype: str) -> None:
    points = np.zeros(3, POINT if dtype == "equal" else records.point)
    records.shift(points, 2.5)
    assert points["x"].tolist() == [2.5] * 3
    assert points["y"].tolist() == [0] * 3


@pytest.mark.parametrize(
    "wrap",
    [bridge.view, memoryview, lambda a: a.view(np.recarray), lambda a: a[::-1]],
    ids=["View", "memoryview", "recarray", "reversed"],
)
def test_any_way_to_pass_them(records: Any, wrap: Any) -> None:
    points = np.zeros(3, POINT)
    records.shift(wrap(points), 1)
    assert points["x"].tolist() == [1] * 3


def test_fields_of_records_are_records(records: Any) -> None:
    nested = np.zeros(3, [("head", POINT), ("tail", POINT)])
    records.shift(nested["tail"], 1)
    assert nested["tail"]["x"].tolist() == [1] * 3
    assert nested["head"]["x"].tolist() == [0] * 3


@pytest.mark.parametrize("name", ["total", "total_released"])
def test_padding_is_where_the_compiler_puts_it(records: Any, name: str) -> None:
    assert getattr(records, name)(_samples()) == 4.5
    assert getattr(records, name)(_samples()[::2]) == 3.0


PACKED = np.dtype([("tag", "u1"), ("value", "f8"), ("where", POINT)])
OTHERS = {
    "packed": PACKED,
    "other byte order": SAMPLE.newbyteorder(),
    "other names": np.dtype([("label", "u1"), ("value", "f8"), ("where", POINT)], align=True),
    "other types": np.dtype([("tag", "u1"), ("value", "f4"), ("where", POINT)], align=True),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_dtypes_are_refused(records: Any, name: str) -> None:
    with pytest.raises(TypeError) as caught:
        records.total(_samples(OTHERS[name]))
    assert f"samples: expected {records.sample}, 1-D, CPU; got {OTHERS[name]} (3,)" in str(caught.value)
    remedy = f"; call samples.astype({records.sample})"
    assert str(caught.value).endswith("numpy.ndarray" if name == "other names" else remedy)


@pytest.mark.parametrize(("name", "accepted"), list(zip(OTHERS, [True, True, False, False], strict=True)))
def test_a_copy_changes_padding_and_byte_order_only(records: Any, name: str, accepted: bool) -> None:
    samples = _samples(OTHERS[name])
    if accepted:
        assert records.total_of_copy(samples) == (4.5, True)
    else:
        with pytest.raises(TypeError, match="expected"):
            records.total_of_copy(samples)


def test_a_cast_changes_the_types_of_fields(records: Any) -> None:
    assert records.total_after_cast(_samples(OTHERS["other types"])) == 2.5


REQUIRE = "numpy.lib.recfunctions.require_fields"
REORDERED = np.dtype([("y", "f4"), ("x", "f4")])


@pytest.mark.parametrize("dtype", [REORDERED, np.dtype([*REORDERED.descr, ("z", "f4")])])
def test_fields_are_not_mixed_up(records: Any, dtype: Any) -> None:
    """NumPy's `astype` assigns fields by position."""
    points = np.ones(2, dtype)
    points["y"] = 2
    with pytest.raises(TypeError, match=re.escape(f"; call {REQUIRE}(points, {POINT})")):
        records.values_of(points)
    assert records.values_of(require_fields(points, POINT)) == [1, 2, 1, 2]
    with pytest.raises(
        TypeError, match=re.escape(f"; assign it first, or the writes are lost: points = {REQUIRE}(points, ")
    ):
        records.shift(points, 1)


def test_a_cast_does_not_rename_fields(records: Any) -> None:
    with pytest.raises(TypeError, match=r"'label'.*numpy\.ndarray$"):
        records.total_after_cast(_samples(OTHERS["other names"]))
    nested = np.dtype([("tag", "u1"), ("value", "f8"), ("where", REORDERED)])
    with pytest.raises(TypeError, match="'where'"):
        records.total_after_cast(_samples(nested))


def test_tuples_are_records(records: Any) -> None:
    assert records.values_of([(1, 2), (3, 4)]) == [1, 2, 3, 4]
    assert records.values_of(list(np.ones(2, POINT))) == [1] * 4
    assert records.values_of([]) == []


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ([1, 2], "list: not tuples of the fields"),
        ([[1, 2]], "list: not tuples of the fields"),
        (list(np.ones(1, REORDERED)), "list: not tuples of the fields"),
        ([(1,)], "list: ValueError: "),
        ([(1, "a")], "list: ValueError: "),
        ((1, 2), r"tuple: an array of shape \(\)"),
    ],
)
def test_what_is_no_record(records: Any, given: Any, reason: str) -> None:
    with pytest.raises(TypeError, match=f"points: expected .*; got {reason}"):
        records.values_of(given)


def test_long_doubles_of_numbers_only(records: Any) -> None:
    for given in ([1, 2.5], [np.longdouble(1), np.float32(2.5)], []):
        assert records.long_doubles(given) == given
    for given in (["1.5"], [None], [b"2"], [1j]):
        with pytest.raises(TypeError, match=r"x: expected .*; got list: not numbers of this kind"):
            records.long_doubles(given)


def test_no_copy_where_none_is_needed(records: Any) -> None:
    assert records.total_of_copy(_samples()) == (4.5, False)


@pytest.mark.parametrize("given", [np.zeros(3), np.zeros(3, "V24"), np.zeros(3, "M8[s]"), [1.0], "text"])
def test_no_records_at_all(records: Any, given: Any) -> None:
    with pytest.raises(TypeError, match=r"samples: expected {'names'"):
        records.total(given)


def test_misaligned_records_are_refused(records: Any) -> None:
    raw = np.zeros(3 * SAMPLE.itemsize + 1, "u1")[1:]
    with pytest.raises(TypeError, match="misaligned"):
        records.total(raw.view(SAMPLE))


def test_strides_that_are_no_multiples(records: Any) -> None:
    whole = np.zeros(3, [("where", POINT), ("more", "f4")])
    with pytest.raises(TypeError, match=r"strides \(12,\) bytes.*call x.copy\(\)|strides"):
        records.shift(whole["where"], 1)


def test_read_only_records(records: Any) -> None:
    points = np.zeros(3, POINT)
    points.flags.writeable = False
    with pytest.raises(TypeError, match="read-only"):
        records.shift(points, 1)
    assert records.one_of_both(points) == 3


def test_overloads_and_containers(records: Any) -> None:
    assert records.one_of_both(np.zeros(2, POINT)) == 2
    assert records.one_of_both(np.zeros(2, "f4")) == -2
    assert records.tags([_samples(), _samples()[1:]]) == [7, 8]
    assert records.y_of(None) == 0
    assert records.y_of(np.array([(1, 2)], POINT)) == 2
    with pytest.raises(TypeError, match=r"expected \[\('x', '<f4'\), \('y', '<f4'\)\]"):
        records.one_of_both(np.zeros(2, "f8"))


def test_shared_records_outlive_the_call(records: Any) -> None:
    points = np.zeros(2, POINT)
    track = records.Track(points)
    track.move(3)
    assert points["y"].tolist() == [3, 3]
    with pytest.raises(ValueError, match="resize"):
        points.resize(4, refcheck=False)


def test_results(records: Any) -> None:
    points = records.made_points()
    assert points.dtype == POINT
    assert points.tolist() == [(1, 2), (3, 4)]
    view = records.view_of_points()
    assert isinstance(view, bridge.View)
    array = np.asarray(view)
    array["x"] = 9
    assert bridge.to_numpy(view)["x"].tolist() == [9, 9]


@needs_torch
def test_torch_has_no_records(records: Any) -> None:
    with pytest.raises(BufferError, match=r"got \[\('x', '<f4'\), .*Share one field at a time"):
        records.tensor_of_points()


def test_a_struct_that_is_not_registered(records: Any) -> None:
    with pytest.raises(RuntimeError, match=r"unknown has no dtype: .*PYBIND11_NUMPY_DTYPE"):
        records.unregistered(np.zeros(2, POINT))


def test_long_doubles(records: Any) -> None:
    x = np.array([1, 3], np.longdouble) + np.finfo(np.longdouble).eps
    expected = x / 2
    records.halve(x)
    assert (x == expected).all()
    with pytest.raises(TypeError, match=r"expected longdouble|expected float"):
        records.halve(np.ones(2))


ELEMENTS = {
    "numbers": np.arange(6, dtype="f4").reshape(2, 3),
    "other byte order": np.arange(6, dtype=">i2").reshape(2, 3),
    "records": np.array([(1, 2), (3, 4)], POINT),
    "times": np.array(["2024-01-01", "2025-01-01"], "M8[s]"),
    "text": np.array([b"ab", b"cde"]),
    "scalar": np.array(1.5),
    "none": np.zeros((0, 3)),
    "most dimensions": np.ones((1,) * (32 if np.__version__ < "2" else 64), "f4"),
}


@pytest.mark.parametrize("name", ELEMENTS)
@pytest.mark.parametrize("call", ["sum_of_bytes", "sum_of_bytes_released"])
def test_the_bytes_of_any_elements(records: Any, name: str, call: str) -> None:
    x = ELEMENTS[name]
    for order in "CF":
        assert getattr(records, call)(np.asarray(x, order=order)) == sum(x.tobytes())


@pytest.mark.parametrize("name", ELEMENTS)
def test_bytes_are_one_more_dimension(records: Any, name: str) -> None:
    x = ELEMENTS[name]
    shape, strides, size = records.bytes_of(x)
    assert (shape, strides, size) == ([*x.shape, x.itemsize], [*x.strides, 1], x.nbytes)


def test_bytes_by_index(records: Any) -> None:
    x = np.array([0x0102, 0x0304], "<u2")[::-1]
    assert [records.byte_at(x, i, j) for i in (0, 1) for j in (0, 1)] == [4, 3, 2, 1]
    assert records.second_as_float(np.array([1, 2.5], "f4")) == 2.5


@needs_torch
@needs_ml_dtypes
def test_bytes_of_tensors(records: Any) -> None:
    t = torch.arange(4, dtype=torch.bfloat16)
    assert records.sum_of_bytes(t) == sum(t.view(torch.uint8).tolist())
    records.clear(t)
    assert t.tolist() == [0] * 4


def test_bytes_are_written(records: Any) -> None:
    x = np.array([(1, 2), (3, 4)], POINT)
    records.clear(x)
    assert x.tolist() == [(0, 0)] * 2
    with pytest.raises(TypeError, match="x: expected bytes of any dtype, C-contiguous, writable, CPU"):
        records.clear(np.broadcast_to(x, (2, 2)))


def test_a_copy_of_bytes_keeps_the_dtype(records: Any) -> None:
    x = np.array([(1, 2), (3, 4), (5, 6)], POINT)
    assert records.sum_of_copy(x[::2]) == (16, True)
    assert records.sum_of_copy(x) == (24, False)


def test_objects_have_no_bytes_to_share(records: Any) -> None:
    with pytest.raises(TypeError, match="object"):
        records.sum_of_bytes(np.array([{}], object))


def test_signatures(records: Any) -> None:
    assert "records of 8 bytes, writable, CPU" in records.shift.__doc__
    assert "bytes of any dtype, contiguous, CPU" in records.sum_of_bytes.__doc__
