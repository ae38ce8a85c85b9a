"""Types that mislead: exchange tables that are none, and objects that claim to be what they are not."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fakes import ExchangeTable, Exchanging, FakeTensor, exchange_type, new_capsule
from hostile import CONSUMERS, taken_and_given_back

each_consumer = pytest.mark.parametrize("consumer", CONSUMERS)
VALUES = [0, 1, 2, 3, 4, 5]

# The exchange API


def test_a_ring_of_foreign_tables() -> None:
    foreign = exchange_type(lambda x: None, (2, 0))
    foreign.table.previous = ctypes.addressof(foreign.table)
    with pytest.raises(TypeError, match="no memory"):
        bridge.view(foreign())


def test_a_table_without_functions() -> None:
    table = ExchangeTable(1, 3)
    capsule = new_capsule(ctypes.addressof(table), b"dlpack_exchange_api", None)
    empty = type("Empty", (FakeTensor,), {"__dlpack_c_exchange_api__": capsule})()
    assert bridge.to_numpy(empty).tolist() == VALUES


def test_a_table_behind_many_older_ones() -> None:
    previous = exchange_type(lambda x: x.hand_out(), (1, 0))
    for major in range(2, 10):
        previous = exchange_type(lambda x: None, (major, 0), previous=previous)
    producer = type("Producer", (previous, FakeTensor), {})()
    array = bridge.to_numpy(producer)
    array[1] = 50
    assert producer.values[1] == 50
    del array
    assert (producer.handed_out, producer.deleted) == (1, 1)


@pytest.mark.parametrize("name", [b"dltensor", b"exchange", None, b"dlpack_exchange_api2"])
def test_a_table_in_a_capsule_of_another_name(name: bytes | None) -> None:
    capsule = new_capsule(1, name, None)
    strange = type("Strange", (FakeTensor,), {"__dlpack_c_exchange_api__": capsule})()
    assert bridge.to_numpy(strange).tolist() == VALUES


@each_consumer
def test_a_table_that_raises_is_reported(consumer: str) -> None:
    class Meta(type):
        @property
        def __dlpack_c_exchange_api__(cls) -> Any:
            raise RuntimeError("broken table")

    producer = Meta("Broken", (), {})()
    with pytest.raises((bridge.SharingError, RuntimeError), match="broken table"):
        CONSUMERS[consumer](producer)


@each_consumer
def test_what_the_exchange_api_refuses_the_capsule_may_give(consumer: str) -> None:
    class Both(Exchanging, FakeTensor):
        def __init__(self) -> None:
            FakeTensor.__init__(self)
            self.fake = FakeTensor(ndim=65)

        values = None  # of FakeTensor, set by its __init__

    producer = Both()
    CONSUMERS[consumer](producer)
    assert taken_and_given_back(producer) == (producer.fake.deleted,) * 2
    assert producer.handed_out == producer.deleted > 0


# What objects say of themselves


@pytest.mark.parametrize("module", [5, None, "\ud800", "a\nb", "x" * 10_000, ""], ids=lambda v: repr(v)[:10])
@pytest.mark.parametrize("name", ["T", "\ud800", "a\nb", "x" * 10_000], ids=lambda v: repr(v)[:10])
def test_a_type_with_a_strange_name(name: str, module: object) -> None:
    strange = type("T", (), {"__module__": module})
    strange.__qualname__ = name
    with pytest.raises(TypeError, match="no memory to share"):
        bridge.view(strange())


@pytest.mark.parametrize("disguise", [np.ndarray, bridge.View, memoryview, type, np.ma.MaskedArray, bytes])
def test_an_object_that_says_it_is_another(disguise: type) -> None:
    liar = type("Liar", (), {"__class__": property(lambda self: disguise)})()
    assert isinstance(liar, disguise)
    for consume in CONSUMERS.values():
        with pytest.raises(TypeError, match="no memory"):
            consume(liar)


def test_attributes_that_answer_everything() -> None:
    class Yes:
        def __getattr__(self, name: str) -> Any:
            return lambda *arguments, **keywords: self

    for consume in CONSUMERS.values():
        with pytest.raises((bridge.SharingError, TypeError)):
            consume(Yes())
