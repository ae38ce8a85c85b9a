"""`__array_interface__` and `__array_struct__`: what comes in aliases, NumPy reads what goes out."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fake_interfaces import (
    MISSING,
    FakeInterface,
    FakeStruct,
    FreshBytes,
    Wandering,
)
from fakes import FakeBuffer
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
        with refused("data", "__array_interface__", hint="copy=True"):
            function(producer)
    for copy in (None, True):
        values = bridge.to_numpy(producer, copy=copy)
        assert values.tolist() == [0, 1, 2, 3, 4, 5]
        assert values.flags.writeable
    with refused("data", hint="numpy.array"):
        bridge.to_numpy(Wandering(), copy=True)


def test_a_capsule_of_a_copy() -> None:
    with refused("data", "__array_struct__", hint="copy=True"):
        view(FakeStruct(fresh=True))
    assert bridge.to_numpy(FakeStruct(fresh=True), copy=None).tolist() == [0, 1, 2, 3, 4, 5]


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
