"""`__array_interface__` and `__array_struct__`: what comes in aliases, lies are refused, and NumPy reads
what a View hands out."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable
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
    FreshBytes,
    Wandering,
)
from fakes import FakeBuffer, new_capsule
from numpy_bridge import from_pointer, view
from support import (
    EXTENSIONS,
    LAYOUTS,
    NUMBERS,
    assert_aliases,
    base_array,
    dtype_layouts,
    dtype_named,
    is_empty,
    needs_ml_dtypes,
    refused,
)


class Only:
    """Speaks one protocol, in the words of another object."""

    def __init__(self, protocol: str, memory: Any) -> None:
        self.memory, self.protocol = memory, protocol

    def __getattr__(self, name: str) -> Any:
        if name == self.protocol:
            return getattr(self.memory, name)
        raise AttributeError(name)


PROTOCOLS = ["__array_interface__", "__array_struct__"]
each_protocol = pytest.mark.parametrize("protocol", PROTOCOLS)

# What comes in, and goes out


@each_protocol
@pytest.mark.parametrize(("name", "layout"), dtype_layouts(NUMBERS, LAYOUTS))
def test_numpys_own_comes_in(name: str, layout: str, protocol: str) -> None:
    array = LAYOUTS[layout](base_array(name))
    shared = view(Only(protocol, array))
    assert (shared.shape, np.dtype(shared.dtype)) == (array.shape, array.dtype)
    assert_aliases(array, bridge.to_numpy(shared))


@each_protocol
@pytest.mark.parametrize(("name", "layout"), dtype_layouts(NUMBERS, LAYOUTS))
def test_numpy_reads_what_goes_out(name: str, layout: str, protocol: str) -> None:
    array = LAYOUTS[layout](base_array(name))
    seen = np.asarray(Only(protocol, view(array)))
    assert (seen.dtype, seen.shape, seen.flags.aligned) == (array.dtype, array.shape, array.flags.aligned)
    assert array.size < 2 or seen.strides == array.strides
    assert_aliases(array, seen)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_dictionary_is_numpys(layout: str) -> None:
    array = LAYOUTS[layout](base_array())
    ours, theirs = view(array).__array_interface__, array.__array_interface__
    assert ours.keys() == theirs.keys()
    for key in ours.keys() - ({"data"} if is_empty(array) else set()):
        assert ours[key] == theirs[key], key


@each_protocol
def test_readonly_is_kept(protocol: str) -> None:
    block = base_array()
    assert view(Only(protocol, view(block, readonly=True))).readonly
    assert not np.asarray(Only(protocol, view(block, readonly=True))).flags.writeable
    assert not view(Only(protocol, block)).readonly


@each_protocol
def test_absent_where_it_has_no_words(protocol: str) -> None:
    for words, name in (
        (True, "float32"),
        (False, "bfloat16"),
        (False, "float8_e5m2"),
        (False, "complex32"),
        (False, "float4_e2m1fn_x2"),
    ):
        assert hasattr(from_pointer(4096, (2,), name), protocol) is words
    assert not hasattr(from_pointer(4096, (2,), "float32", device="cuda:0"), protocol)
    with pytest.raises(AttributeError, match="bfloat16"):
        getattr(from_pointer(4096, (2,), "bfloat16"), protocol)


@needs_ml_dtypes
@pytest.mark.parametrize("name", EXTENSIONS)
def test_numpy_finds_another_way_for_other_dtypes(name: str) -> None:
    array = base_array(name)
    seen = np.asarray(view(array))
    assert seen.dtype == dtype_named(name)
    assert_aliases(array, seen)


def test_a_capsule_outlives_its_view() -> None:
    array = base_array()
    seen = weakref.ref(array)
    capsule = view(array).__array_struct__
    del array
    gc.collect()
    alias = view(type("Holds", (), {"__array_struct__": capsule})())
    assert np.asarray(alias).tolist() == base_array().tolist()
    del capsule, alias
    gc.collect()
    assert seen() is None


# Fakes that tell the truth, in unusual words

WORDS: dict[str, tuple[dict[str, Any], Any]] = {
    "plain": ({}, [0, 1, 2, 3, 4, 5]),
    "None for missing": ({"strides": None, "descr": None, "mask": None, "offset": None}, [0, 1, 2, 3, 4, 5]),
    "strides": ({"shape": (3,), "strides": (8,)}, [0, 2, 4]),
    "2-d": ({"shape": (2, 3)}, [[0, 1, 2], [3, 4, 5]]),
    "0-d": ({"shape": ()}, 0),
    "empty": ({"shape": (0,), "data": (0, False)}, []),
    "typestr as bytes": ({"typestr": b"<f4"}, [0, 1, 2, 3, 4, 5]),
    "descr": ({"descr": [("x", "<f4")]}, [0, 1, 2, 3, 4, 5]),
    "numpy integers": ({"shape": (np.int64(2),), "strides": (np.int32(4),)}, [0, 1]),
    "no offset": ({"offset": 0}, [0, 1, 2, 3, 4, 5]),
}


@pytest.mark.parametrize("name", WORDS)
def test_words(name: str) -> None:
    fields, values = WORDS[name]
    producer = FakeInterface(**fields)
    array = bridge.to_numpy(producer)
    assert array.tolist() == values
    assert array.dtype == np.float32
    if array.size > 1:
        producer.values[0] = 50
        assert array.flat[0] == 50
        array.flat[0] = 60
        assert producer.values[0] == 60


@pytest.mark.parametrize(("flag", "readonly"), [(True, True), (1, True), (0, False), (False, False)])
def test_readonly_flag(flag: Any, readonly: bool) -> None:
    producer = FakeInterface()
    producer.fields["data"] = (producer.address, flag)
    assert view(producer).readonly is readonly


def test_the_producer_is_kept_alive() -> None:
    producer = FakeInterface()
    seen = weakref.ref(producer)
    array = bridge.to_numpy(producer)
    del producer
    gc.collect()
    assert array.tolist() == [0, 1, 2, 3, 4, 5]
    del array
    gc.collect()
    assert seen() is None


def test_foreign_byte_order() -> None:
    array = bridge.to_numpy(FakeInterface(typestr=">f4"))
    assert array.dtype == ">f4"
    assert array.view("<f4").tolist() == [0, 1, 2, 3, 4, 5]


# Data as a buffer


def test_data_as_a_buffer() -> None:
    block = bytearray(np.arange(8, dtype="f4").tobytes())
    array = bridge.to_numpy(FakeInterface(data=block, offset=8))
    assert array.tolist() == [2, 3, 4, 5, 6, 7]
    array[0] = 50
    assert np.frombuffer(block, "f4")[2] == 50
    with pytest.raises(BufferError):
        block.extend(b"x")
    del array
    gc.collect()
    block.extend(b"x")


def test_data_as_a_buffer_from_its_end() -> None:
    block = bytearray(np.arange(6, dtype="f4").tobytes())
    fields = {"data": block, "offset": 20, "strides": (-4,)}
    assert bridge.to_numpy(FakeInterface(**fields)).tolist() == [5, 4, 3, 2, 1, 0]
    for offset in (16, 24, -4, 2**62, -(2**62)):
        with refused("data", hint=None):
            view(FakeInterface(**{**fields, "offset": offset}))


def test_readonly_data() -> None:
    assert view(FakeInterface(data=bytes(24))).readonly


class OwnBuffer(FakeBuffer):
    """Its elements have a format that is refused; its array interface says what they are."""

    def __init__(self, data: Any) -> None:
        super().__init__(format=b"T{d:x:}")
        self.data = data

    @property
    def __array_interface__(self) -> Any:
        fields = {"version": 3, "shape": (3,), "typestr": "<f8", "data": self.data}
        return {key: value for key, value in fields.items() if value is not MISSING}


@pytest.mark.parametrize("data", [MISSING, None])
def test_without_data_the_object_itself_is_the_buffer(data: Any) -> None:
    producer = OwnBuffer(data)
    array = bridge.to_numpy(producer)
    assert array.tolist() == [1, 2, 3]
    array[0] = 50
    assert producer.values[0] == 50


# Copies are no shares


def test_fresh_bytes_are_a_copy() -> None:
    producer = FreshBytes()
    for function in (view, bridge.to_numpy, lambda x: bridge.shares_memory(x, x)):
        with refused("data", "__array_interface__", hint="copy=None"):
            function(producer)
    for copy in (None, True):
        values = bridge.to_numpy(producer, copy=copy)
        assert values.tolist() == [0, 1, 2, 3, 4, 5]
        assert values.flags.writeable
    with refused("data", hint="numpy.array"):
        bridge.to_numpy(Wandering(), copy=True)


def test_a_capsule_of_a_copy() -> None:
    with refused("data", "__array_struct__", hint="copy=None"):
        view(FakeStruct(fresh=True))
    assert bridge.to_numpy(FakeStruct(fresh=True), copy=None).tolist() == [0, 1, 2, 3, 4, 5]


# Lies. Each is refused with the field at fault, and nothing is kept.

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
    *(("typestr", {"typestr": v}) for v in (MISSING, None, 4, "", "<", "f", "<f", "<f3", "<f16", "<f04444")),
    *(
        ("typestr", {"typestr": v})
        for v in ("|O8", "<U4", "|S4", "<m8[s]", "|V8", "|t4", "f4f4", "\ud800", b"\xff")
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
@pytest.mark.parametrize("protocol", [*PROTOCOLS, "__cuda_array_interface__", "__array__"])
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


# The order of protocols


def test_one_failing_protocol_does_not_stop_the_next() -> None:
    class Several(FakeInterface):
        calls: Callable[..., Any]

        @property
        def __array_struct__(self) -> object:
            raise RuntimeError("broken")

        def __dlpack__(self) -> object:
            raise BufferError("no")

    assert bridge.to_numpy(Several()).tolist() == [0, 1, 2, 3, 4, 5]
    with pytest.raises(bridge.SharingError) as caught:
        view(Several(version=9))
    for part in (
        "DLPack: ",
        "BufferError: no",
        "__array_struct__: ",
        "RuntimeError: broken",
        "__array_interface__: ",
    ):
        assert part in caught.value.got
