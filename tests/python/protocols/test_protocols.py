"""What is taken in through DLPack, the C exchange API and the buffer protocol, and given back.

Producers here are fakes in C structures, which can say anything; lies are refused in `refusals.py`.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fakes import READ_ONLY, FakeBuffer, FakeTensor, exchange_type
from support import needs_torch

versions = pytest.mark.parametrize("versioned", [True, False], ids=["versioned", "unversioned"])

# Truths: the fake's fields, and the values that they mean
TRUTHS: dict[str, tuple[dict[str, Any], Any]] = {
    "plain": ({}, [0, 1, 2, 3, 4, 5]),
    "no strides": ({"strides": None}, [0, 1, 2, 3, 4, 5]),
    "no strides, 2-d": ({"strides": None, "shape": (2, 3), "ndim": 2}, [[0, 1, 2], [3, 4, 5]]),
    "transposed": ({"strides": (1, 3), "shape": (3, 2), "ndim": 2}, [[0, 3], [1, 4], [2, 5]]),
    "byte offset": ({"byte_offset": 8, "shape": (4,)}, [2, 3, 4, 5]),
    "backwards": ({"byte_offset": 20, "strides": (-1,)}, [5, 4, 3, 2, 1, 0]),
    "broadcast": ({"strides": (0,), "shape": (3,), "byte_offset": 4}, [1, 1, 1]),
    "0-d": ({"ndim": 0, "shape": None, "strides": None, "byte_offset": 12}, 3),
    "empty": ({"shape": (0,), "data": None}, []),
    "stride of one element": ({"shape": (1,), "strides": (2**60,)}, [0]),
    "integers": ({"dtype": (0, 32, 1), "shape": (1,)}, [0]),
    "half the itemsize": ({"dtype": (2, 16, 1), "shape": (2,)}, [0, 0]),
    "host memory of CUDA": ({"device": (3, 0)}, [0, 1, 2, 3, 4, 5]),
}


@versions
@pytest.mark.parametrize("name", TRUTHS)
def test_dlpack(name: str, versioned: bool) -> None:
    fields, values = TRUTHS[name]
    producer = FakeTensor(versioned=versioned, **fields)
    array = bridge.to_numpy(producer)
    assert array.tolist() == values
    assert producer.deleted == 0
    if array.dtype == np.float32 and array.size > 1:
        producer.values[1] = producer.values[2] = producer.values[5] = 50
        assert 50 in array
    del array
    assert producer.deleted == 1


@pytest.mark.parametrize(
    ("fields", "readonly"),
    [
        ({"flags": READ_ONLY}, True),
        ({"flags": 0}, False),
        ({"flags": 1 << 40}, False),  # of a later minor version: to be ignored
        ({"version": (1, 99)}, False),
    ],
    ids=["read-only", "none", "unknown flag", "later minor version"],
)
def test_versions_and_flags(fields: dict[str, Any], readonly: bool) -> None:
    shared = bridge.view(FakeTensor(**fields))
    assert shared.readonly is readonly
    assert np.asarray(shared).tolist() == [0, 1, 2, 3, 4, 5]


@versions
def test_a_deleter_may_be_missing(versioned: bool) -> None:
    producer = FakeTensor(versioned=versioned, deleter=None)
    assert bridge.to_numpy(producer).tolist() == [0, 1, 2, 3, 4, 5]


@versions
@pytest.mark.parametrize(
    "function", [bridge.view, bridge.to_numpy, pytest.param(lambda x: bridge.to_torch(x), marks=needs_torch)]
)
def test_the_deleter_is_called_once_when_the_last_alias_goes(
    function: Callable[[Any], Any], versioned: bool
) -> None:
    producer = FakeTensor(versioned=versioned)
    alias = function(producer)
    aliases = [alias, bridge.to_numpy(alias)[1:], memoryview(bridge.view(bridge.to_numpy(alias)))]
    del alias
    while aliases:
        assert producer.deleted == 0
        del aliases[0]
        gc.collect()
    assert producer.deleted == 1


@versions
def test_the_producer_lives_until_its_deleter_has_run(versioned: bool) -> None:
    """Some keep the structure, or the deleter, inside the object."""
    producer = FakeTensor(versioned=versioned)
    seen, alias = weakref.ref(producer), bridge.to_numpy(producer)
    log: list[bool] = []
    producer.on_delete = lambda: log.append(seen() is not None)
    del producer
    gc.collect()
    assert alias.tolist() == [0, 1, 2, 3, 4, 5]
    del alias
    gc.collect()
    assert log == [True]
    assert seen() is None


@versions
@pytest.mark.parametrize("lie", [{"ndim": 65}, {"dtype": (99, 8, 1)}, {"shape": (-1,)}, {"data": None}])
def test_what_is_refused_is_given_back_at_once(lie: dict[str, Any], versioned: bool) -> None:
    producer = FakeTensor(versioned=versioned, **lie)
    before = sys.getrefcount(producer)
    with pytest.raises(bridge.SharingError):
        bridge.view(producer)
    assert producer.deleted == 1
    assert sys.getrefcount(producer) == before


def test_comparing_gives_back_at_once() -> None:
    producer = FakeTensor()
    assert bridge.shares_memory(producer, producer)
    assert producer.deleted == 2


def test_empty_memory_with_an_extent_beyond_numpy() -> None:
    """A zero makes any shape empty; NumPy itself has no such array."""
    shared = bridge.view(FakeTensor(shape=(0, 2**62), strides=(1, 1), ndim=2, data=None))
    assert (shared.shape, shared.nbytes) == ((0, 2**62), 0)
    with pytest.raises(bridge.SharingError):
        bridge.to_numpy(shared)


# How the producer is asked


class Asked(FakeTensor):
    """Notes every call, and knows only some keywords."""

    def __init__(self, *known: str, **lies: Any) -> None:
        super().__init__(**lies)
        self.known, self.calls = known, []

    def __dlpack__(self, **keywords: Any) -> object:
        self.calls.append(keywords)
        if unknown := keywords.keys() - set(self.known):
            raise TypeError(f"unexpected keyword arguments {unknown}")
        return super().__dlpack__()


@pytest.mark.parametrize(
    "known", [("max_version", "copy"), ("max_version",), (), ("max_version", "copy", "stream")]
)
def test_old_producers_are_asked_in_their_words(known: tuple[str, ...]) -> None:
    producer = Asked(*known, versioned="max_version" in known)
    assert bridge.to_numpy(producer).tolist() == [0, 1, 2, 3, 4, 5]
    first = producer.calls[0]
    assert first["max_version"] >= (1, 0)
    assert first["copy"] is False
    assert producer.calls[-1].keys() <= set(known)
    assert all(call.get("stream") is None for call in producer.calls)


def test_a_failure_is_not_asked_twice() -> None:
    producer = Asked("max_version", "copy", error=BufferError("no"))
    with pytest.raises(bridge.SharingError, match="BufferError: no"):
        bridge.view(producer)
    assert len(producer.calls) == 1


def test_a_failing_attribute_is_not_taken_for_a_missing_one() -> None:
    class Failing:
        @property
        def __dlpack__(self) -> Any:
            raise RuntimeError("broken property")

    with pytest.raises((RuntimeError, bridge.SharingError), match="broken property"):
        bridge.view(Failing())


# The C exchange API


def test_exchange_api() -> None:
    producer = exchange_type(lambda x: x.fake.managed)()
    producer.fake = FakeTensor()
    array = bridge.to_numpy(producer)
    array[3] = 50
    assert producer.fake.values[3] == 50
    del array
    assert producer.fake.deleted == 1


def test_an_older_exchange_table_behind_a_foreign_one() -> None:
    old = exchange_type(lambda x: x.fake.managed, (1, 0))
    producer = exchange_type(lambda x: None, (2, 0), previous=old)()
    producer.fake = FakeTensor()
    assert bridge.to_numpy(producer).tolist() == [0, 1, 2, 3, 4, 5]


def test_a_foreign_exchange_table_is_not_called() -> None:
    called = []
    foreign = exchange_type(called.append, (2, 0))
    with pytest.raises((TypeError, bridge.SharingError)):
        bridge.view(foreign())
    capable = type("Capable", (foreign, FakeTensor), {})()
    assert bridge.to_numpy(capable).tolist() == [0, 1, 2, 3, 4, 5]
    assert called == []


@pytest.mark.parametrize("attribute", [None, 5, "text"])
def test_what_is_no_exchange_table_is_passed_over(attribute: object) -> None:
    strange = type("Strange", (FakeTensor,), {"__dlpack_c_exchange_api__": attribute})()
    assert bridge.to_numpy(strange).tolist() == [0, 1, 2, 3, 4, 5]


# The buffer protocol


BUFFERS: dict[str, tuple[dict[str, Any], Any]] = {
    "plain": ({}, [1, 2, 3]),
    "no strides": ({"strides": None}, [1, 2, 3]),
    "no shape": ({"shape": None, "strides": None}, [1, 2, 3]),
    "no format": ({"format": None, "itemsize": 1, "shape": (24,), "strides": (1,)}, None),
    "0-d": ({"ndim": 0, "shape": None, "strides": None, "len": 8}, 1),
    "backwards": ({"shape": (1, 3), "strides": (0, 8), "ndim": 2}, [[1, 2, 3]]),
    "suboffsets that lead nowhere": ({"suboffsets": (-1,)}, [1, 2, 3]),
    "empty": ({"buf": None, "shape": (0,), "len": 0}, []),
    "native order": ({"format": b"@d"}, [1, 2, 3]),
    "standard size": ({"format": b"=d"}, [1, 2, 3]),
    "complex": ({"format": b"Zd", "itemsize": 16, "shape": (1,), "strides": (16,), "len": 16}, [1 + 2j]),
    "long of 8 bytes": ({"format": b"<l", "shape": (3,)}, None),
}


@pytest.mark.parametrize("name", BUFFERS)
def test_buffer(name: str) -> None:
    fields, values = BUFFERS[name]
    producer = FakeBuffer(**fields)
    before = sys.getrefcount(producer)
    array = bridge.to_numpy(producer)
    assert array.tolist() == (ctypes_values(producer, array) if values is None else values)
    assert sys.getrefcount(producer) > before
    del array
    assert sys.getrefcount(producer) == before


def ctypes_values(producer: FakeBuffer, array: np.ndarray) -> list[Any]:
    kind = {1: ctypes.c_uint8, 8: ctypes.c_int64}[array.itemsize]
    return list((kind * len(array)).from_buffer(producer.values))


def test_readonly_buffer() -> None:
    assert bridge.view(FakeBuffer(readonly=1)).readonly


def test_a_refused_buffer_is_released_at_once() -> None:
    block = bytearray(8)
    characters = memoryview(block).cast("c")
    with pytest.raises(bridge.SharingError):
        bridge._core.values_of(characters)
    characters.release()
    block.extend(b"x")


def test_one_failing_protocol_does_not_stop_the_next() -> None:
    """A buffer that cannot be shared, and DLPack that can."""

    class Capable(FakeBuffer, FakeTensor):
        def __init__(self) -> None:
            FakeTensor.__init__(self)
            values = self.values
            FakeBuffer.__init__(self, format=b"T{d:x:}")
            self.values = values

    producer = Capable()
    array = bridge.to_numpy(producer)
    assert array.tolist() == [0, 1, 2, 3, 4, 5]
    del array
    assert producer.deleted == 1
