"""Fields of records as Views."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge import view
from records import DTYPES, RECORD, assert_same_values, filled
from support import needs_torch, readonly, refused


def test_fields_are_views_by_name() -> None:
    records = filled(DTYPES["nested"], (5,))
    shared = bridge.fields(records)
    assert list(shared) == ["at", "n"]
    assert shared["n"].strides == (9,)
    inner = bridge.fields(shared["at"])
    bridge.to_numpy(inner["y"])[:] = 5
    assert (records["at"]["y"] == 5).all()
    records["n"][2] = 77
    assert bridge.to_numpy(shared["n"])[2] == 77


@pytest.mark.parametrize("name", [name for name in DTYPES if DTYPES[name].names])
def test_fields_of_every_record(name: str) -> None:
    array = filled(DTYPES[name])
    for wrap, is_readonly in ((lambda x: x, False), (view, False), (readonly, True)):  # in this order
        shared = bridge.fields(wrap(array))
        assert list(shared) == list(array.dtype.names or ())
        for field, part in shared.items():
            assert bridge.shares_memory(part, array)
            assert bridge.to_numpy(part).dtype == array[field].dtype
            assert (part.shape, part.strides) == (array[field].shape, array[field].strides)
            assert_same_values(bridge.to_numpy(part), array[field])
            assert part.readonly is is_readonly


@needs_torch
def test_torch_takes_fields_whose_size_divides_that_of_the_record() -> None:
    records = np.zeros(3, [("x", "f4"), ("y", "f4"), ("id", "i8")])
    for name, part in bridge.fields(records).items():
        bridge.to_torch(part)[1] = 7
        assert records[name].tolist() == [0, 7, 0]
    for field, what in (("x", None), ("id", "alignment")):
        part = bridge.fields(np.zeros(5, [("x", "f4"), ("id", "i8")]))[field]
        if what is None:
            assert bridge.to_torch(part).stride() == (3,)
            continue
        with refused(what, "torch"):
            bridge.to_torch(part)


NO_FIELDS: dict[str, Callable[[], Any]] = {
    "numbers": lambda: np.zeros(2),
    "no fields": lambda: np.zeros(2, []),
    "bytes": lambda: b"abc",
    "times": lambda: np.zeros(2, "M8[s]"),
}


@pytest.mark.parametrize("make", NO_FIELDS.values(), ids=NO_FIELDS)
def test_what_has_no_fields_is_refused(make: Callable[[], Any]) -> None:
    with refused("dtype", "fields"):
        bridge.fields(make())


def test_fields_keep_the_records() -> None:
    records = np.zeros(5, RECORD)
    gone = weakref.ref(records)
    shared = bridge.fields(records)
    del records
    gc.collect()
    owner = gone()
    assert owner is not None
    bridge.to_numpy(shared["x"])[:] = 3
    assert owner["x"].tolist() == [3.0] * 5
    with pytest.raises(ValueError, match="resize"):
        owner.resize(9, refcheck=False)
    shared.clear()
    del owner
    gc.collect()
    assert gone() is None
