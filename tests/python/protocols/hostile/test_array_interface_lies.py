"""`__array_interface__` and `__array_struct__` that lie: refused with the field at fault, nothing kept."""

from __future__ import annotations

import gc
import sys
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fake_interfaces import (
    HAS_DESCR,
    MISSING,
    NOT_SWAPPED,
    WRITEABLE,
    FakeCudaInterface,
    FakeInterface,
    FakeStruct,
)
from fakes import new_capsule
from numpy_bridge import view
from support import refused

HUGE = 10**5000
NO_INTEGERS: list[Any] = [True, 1.0, "1", None, HUGE, -HUGE, 2**63, (1,), np.array([1, 2])]
LIES: list[tuple[str, dict[str, Any]]] = [
    *(("version", {"version": v}) for v in (MISSING, None, True, 3.0, "3", 0, -3, 2, 4, HUGE)),
    *(("shape", {"shape": v}) for v in (MISSING, None, 6, "6", [6], {6}, b"\6", ((6,),), (-1,), (6, -6))),
    *(("shape", {"shape": (v,)}) for v in NO_INTEGERS),
    *(("shape", {"shape": v}) for v in ((2**62,), (2**32, 2**32), (2**63 - 1, 2**63 - 1))),
    ("ndim", {"shape": (1,) * 65}),
    ("ndim", {"shape": (1,) * 10_000}),
    *(("strides", {"strides": v}) for v in (4, "4", [4], (), (4, 4))),
    *(("strides", {"strides": (v,)}) for v in NO_INTEGERS),
    *(("strides", {"strides": (v,)}) for v in (2**62, -(2**63), 2**63 - 1)),
    ("data", {"strides": (-(2**60),)}),
    *(("typestr", {"typestr": v}) for v in (MISSING, None, 4, "", "<", "f", "<f", "<f3", "<f15", "<f04444")),
    *(
        ("typestr", {"typestr": v})
        for v in ("|O8", "<U", "|S0", "<m8[ns", "|V", "|t4", "f4f4", "\ud800", b"\xff")
    ),
    *(("descr", {"descr": v}) for v in (5, [], (), [5], [("x",)], [("x", "<f4", (2,))], "<f4")),
    *(("descr", {"descr": [("x", v)]}) for v in ("<i4", ">f4", "<f8", "|V4", 5, [("y", "<f4")])),
    *(("mask", {"mask": v}) for v in (True, False, np.zeros(6), 0)),
    *(("data", {"data": v}) for v in (5, "8", (), (8,), (8, False, 0), [8, False], object(), 1.5)),
    *(("data", {"data": (v, False)}) for v in (None, "8", b"8", 8.0, True, -1, HUGE, 2**64, (8,))),
    *(("data", {"data": (8, v)}) for v in (None, "False", "", 0.0, [])),
    *(("data", {"data": (v, False)}) for v in (0, 2**64 - 1, 2**64 - 8)),
    *(("data", {"data": v}) for v in (b"", bytes(23), memoryview(bytes(48))[::2], MISSING, None)),
    *(("offset", {"data": bytes(64), "offset": v}) for v in NO_INTEGERS if v is not None),
    *(("data", {"data": bytes(64), "offset": v}) for v in (-1, 41, 65, 2**63 - 1, -(2**63))),
    *(("offset", {"offset": v}) for v in (1, -1, "1", True, 4.0, HUGE)),
]


@pytest.mark.parametrize(("field", "lies"), LIES)
def test_lie(field: str, lies: dict[str, Any]) -> None:
    producer = FakeInterface(**lies)
    before = sys.getrefcount(producer)
    for function in (view, lambda x: bridge.to_numpy(x, copy=True), lambda x: bridge.shares_memory(x, x)):
        with refused(field, "__array_interface__", hint=None):
            function(producer)
    gc.collect()
    assert sys.getrefcount(producer) == before


@pytest.mark.parametrize("answer", [None, 5, (), [("shape", (6,))], object(), new_capsule(8, None, None)])
def test_no_dictionary(answer: Any) -> None:
    producer = FakeInterface()
    producer.fields = answer
    with refused("attribute", "__array_interface__", hint=None):
        view(producer)


def test_a_class_is_not_its_instance() -> None:
    for kind in (FakeInterface, FakeCudaInterface, FakeStruct):
        with pytest.raises(TypeError, match="no memory"):
            view(kind)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
@pytest.mark.parametrize(
    "protocol", ["__array_interface__", "__array_struct__", "__cuda_array_interface__", "__array__"]
)
def test_what_is_not_about_the_request_passes_through(protocol: str, error: type[BaseException]) -> None:
    def fail(_: object) -> Any:
        raise error

    with pytest.raises(error):
        view(type("Interrupted", (), {protocol: property(fail)})())


def test_integers_may_run_code_that_changes_everything() -> None:
    """`__index__` of an extent empties the dictionary and the shape is read on."""

    class Extent:
        def __index__(self) -> int:
            producer.fields.clear()
            return 6

    producer = FakeInterface()
    producer.fields["shape"] = (Extent(),)
    with pytest.raises(bridge.SharingError):
        view(producer)


def test_text_that_cannot_be_shown() -> None:
    class Hostile:
        def __repr__(self) -> str:
            raise RuntimeError("no text")

    with refused("version", hint=None):
        view(FakeInterface(version=Hostile()))


# The C structure

STRUCTS: list[tuple[str, dict[str, Any]]] = [
    *(("attribute", {"answer": v}) for v in (None, 5, {}, new_capsule(8, b"named", None))),
    *(("two", {"two": v}) for v in (0, 1, 3, -2, 2**31 - 1)),
    *(("ndim", {"nd": v}) for v in (-1, 65, 2**31 - 1, -(2**31))),
    *(("typekind", {"kind": v}) for v in (b"O", b"U", b"S", b"V", b"M", b"m", b"t", b"\0", b"\xff", b"x")),
    *(("typekind", {"itemsize": v}) for v in (0, 3, -4, 16, 2**31 - 1, -(2**31))),
    *(("shape", {"shape": v}) for v in (None, (-1,), (2**62,), (-(2**63),))),
    *(("strides", {"strides": v}) for v in ((2**62,), (-(2**63),))),
    *(("data", {"data": v}) for v in (None, 2**64 - 4)),
    *(
        ("descr", {"flags": NOT_SWAPPED | HAS_DESCR, "descr": v})
        for v in (5, [], [("", "<f8")], [("", ">f4")])
    ),
]


@pytest.mark.parametrize(("field", "lies"), STRUCTS)
def test_lying_structure(field: str, lies: dict[str, Any]) -> None:
    producer = FakeStruct(**lies)
    with refused(field, "__array_struct__", hint=None):
        view(producer)
    assert producer.released == len(producer.kept)


def test_structure() -> None:
    producer = FakeStruct()
    array = bridge.to_numpy(producer)
    assert producer.released == 1  # of two requests
    array[0] = 50
    assert producer.values[0] == 50
    del array
    gc.collect()
    assert producer.released == 2


def test_structures_that_say_less() -> None:
    assert bridge.to_numpy(FakeStruct(strides=None)).tolist() == [0, 1, 2, 3, 4, 5]
    assert view(FakeStruct(flags=NOT_SWAPPED)).readonly
    assert view(FakeStruct(flags=WRITEABLE)).dtype == ">f4"
    assert view(FakeStruct(flags=NOT_SWAPPED | HAS_DESCR, descr=[("", "<f4")])).dtype == "float32"
