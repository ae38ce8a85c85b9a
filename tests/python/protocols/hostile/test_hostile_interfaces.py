"""Nothing that a producer of the array interfaces says is believed."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fake_interfaces import ArrayMethod, FakeCudaInterface, FakeInterface, FakeStruct
from fakes import FakeBuffer
from hostile import CONSUMERS, Lie, assert_believed, assert_refused, refusal_of
from hostile_interfaces import CUDA, DICTIONARY, TRUE_DICTIONARIES
from hostile_structs import STRUCT, TRUE_STRUCTS

each_consumer = pytest.mark.parametrize("consumer", CONSUMERS)


def struct(**fields: Any) -> FakeStruct:
    if isinstance(fields.get("shape"), tuple):
        fields.setdefault("nd", len(fields["shape"]))
    return FakeStruct(**fields)


def rows(table: dict[str, Lie]) -> Any:
    return pytest.mark.parametrize("lie", table.values(), ids=table)


@rows(DICTIONARY)
def test_a_lie_in_the_dictionary_is_refused(lie: Lie) -> None:
    assert_refused(lambda: FakeInterface(**lie.fields), lie, "__array_interface__", handed_out=False)


@rows(CUDA)
def test_a_lie_in_the_dictionary_for_cuda_is_refused(lie: Lie) -> None:
    assert_refused(lambda: FakeCudaInterface(**lie.fields), lie, "__cuda_array_interface__", handed_out=False)


@rows(STRUCT)
def test_a_lie_in_the_structure_is_refused(lie: Lie) -> None:
    assert_refused(lambda: struct(**lie.fields), lie, "__array_struct__")


def placed(make: Callable[..., Any], fields: dict[str, Any]) -> Any:
    """A producer whose first element is not at the start of its values."""
    fields = dict(fields)
    offset = 4 * fields.pop("first", 0) + fields.pop("offset_of_data", 0)
    producer = make(**fields)
    if offset and make is FakeInterface:
        producer.fields["data"] = (producer.address + offset, False)
    elif offset:
        producer.lies["data"] = producer.address + offset
    return producer


def change(producer: Any) -> None:
    producer.values[:] = [7, 9, 7, 9, 7, 9]


@pytest.mark.parametrize(
    ("make", "row"),
    [pytest.param(FakeInterface, row, id=f"dictionary-{name}") for name, row in TRUE_DICTIONARIES.items()]
    + [pytest.param(struct, row, id=f"structure-{name}") for name, row in TRUE_STRUCTS.items()],
)
def test_an_odd_truth_is_shared(make: Callable[..., Any], row: tuple[dict[str, Any], Any]) -> None:
    fields, values = row
    if values is None:
        values = bridge.to_numpy(placed(make, fields)).tolist()
    assert_believed(lambda: placed(make, fields), values, change)


def test_memory_of_cuda_is_described_as_the_dictionary_says() -> None:
    for version in (2, 3):
        producer = FakeCudaInterface(version=version, data=(4096, True), shape=(2, 3), strides=(24, 4))
        shared = bridge.view(producer)
        assert (shared.ptr, shared.shape, shared.strides) == (4096, (2, 3), (24, 4))
        assert (shared.device, shared.readonly, shared.dtype) == ("cuda:0", True, "float32")


def test_readonly_is_kept() -> None:
    for flag in (True, 1, 5, -1, 2**70):
        producer = FakeInterface()
        producer.fields["data"] = (producer.address, flag)
        assert bridge.view(producer).readonly
    assert bridge.view(FakeInterface(data=bytes(24))).readonly
    assert not bridge.view(FakeInterface(data=bytearray(24))).readonly


def test_a_buffer_as_data_is_locked_while_it_is_shared() -> None:
    block = bytearray(24)
    producer = FakeInterface(data=block, offset=4, shape=(5,))
    array = bridge.to_numpy(producer)
    array[0] = 1
    assert block[4:8] == np.float32(1).tobytes()
    with pytest.raises(BufferError):
        block.extend(b"x")
    del array
    gc.collect()
    block.extend(b"x")


@each_consumer
def test_a_buffer_that_lies_about_its_length(consumer: str) -> None:
    """It says that there is room, up to the end of the address space and beyond."""
    data = FakeBuffer(buf=2**64 - 64, len=2**62)
    producer = FakeInterface(data=data, offset=2**40)
    protocol, field, *_ = refusal_of(CONSUMERS[consumer], producer)
    assert (protocol, field) == ("__array_interface__", "data")
    assert data.exports == data.releases > 0


# Answers that are none, and attributes that misbehave


@each_consumer
@pytest.mark.parametrize("answer", [5, "text", [], (), b"", object(), {1: 2}.items(), int], ids=repr)
@pytest.mark.parametrize("name", ["__array_interface__", "__array_struct__", "__cuda_array_interface__"])
def test_an_answer_of_the_wrong_type(name: str, answer: object, consumer: str) -> None:
    producer = type("Strange", (), {name: answer})()
    protocol, field, expected, got, _ = refusal_of(CONSUMERS[consumer], producer)
    assert (protocol, field) == (name, "attribute")
    assert expected == ("a capsule" if "struct" in name else "a dictionary")
    assert got


@each_consumer
@pytest.mark.parametrize("name", ["__array_interface__", "__array_struct__", "__cuda_array_interface__"])
def test_an_attribute_that_raises(name: str, consumer: str) -> None:
    def fail(self: Any) -> Any:
        raise RuntimeError("no\nand more")

    producer = type("Raising", (), {name: property(fail)})()
    error = refusal_of(CONSUMERS[consumer], producer)
    assert error[:4] == (name, "attribute", "an attribute that can be read", "RuntimeError: no")


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError, GeneratorExit])
@pytest.mark.parametrize("name", ["__array_interface__", "__array_struct__", "__cuda_array_interface__"])
def test_what_is_not_about_the_request_passes_through(name: str, error: type[BaseException]) -> None:
    def fail(self: Any) -> Any:
        raise error

    with pytest.raises(error):
        bridge.view(type("Raising", (), {name: property(fail)})())


class Index:
    """An integer that does things while it is read."""

    def __init__(self, action: Callable[[], int]) -> None:
        self.action = action

    def __index__(self) -> int:
        return self.action()


@each_consumer
def test_integers_that_change_the_dictionary_while_it_is_read(consumer: str) -> None:
    producer = FakeInterface()

    def clear() -> int:
        producer.fields.clear()
        gc.collect()
        return 6

    producer.fields["shape"] = (Index(clear),)
    refusal_of(CONSUMERS[consumer], producer)


@each_consumer
def test_integers_that_raise(consumer: str) -> None:
    def fail() -> int:
        raise ZeroDivisionError("no")

    for entry in ("shape", "strides"):
        producer = FakeInterface(**{entry: (Index(fail),)})
        assert refusal_of(CONSUMERS[consumer], producer)[1:] == (
            entry,
            "64-bit integers",
            "ZeroDivisionError: no",
            "",
        )


def test_extents_that_change_after_they_were_read() -> None:
    producer = struct()
    shared = bridge.view(producer)
    seen = producer.kept[0][0]
    seen.shape[0], seen.strides[0], seen.data, seen.nd = 10**9, -(2**60), 8, 64
    assert (shared.shape, shared.strides) == ((6,), (4,))
    assert np.asarray(shared).tolist() == [0, 1, 2, 3, 4, 5]
    del shared
    gc.collect()
    assert producer.released == len(producer.kept)


# __array__


@each_consumer
@pytest.mark.parametrize("answer", [None, 5, [1], b"abc", object(), np.float32(1), np.ndarray], ids=repr)
def test_an_array_method_that_returns_no_array(answer: object, consumer: str) -> None:
    error = refusal_of(CONSUMERS[consumer], ArrayMethod(lambda: answer))
    assert error[:3] == ("__array__", "call", "an ndarray")


@each_consumer
@pytest.mark.parametrize(
    "error", [ValueError, TypeError, RuntimeError, AttributeError, BufferError, KeyError]
)
def test_an_array_method_that_raises(error: type[Exception], consumer: str) -> None:
    def fail() -> Any:
        raise error("no")

    producer = ArrayMethod(fail)
    before = sys.getrefcount(producer)
    assert error.__name__ in refusal_of(CONSUMERS[consumer], producer)[3]
    assert sys.getrefcount(producer) == before


@pytest.mark.parametrize("consumer", ["view", "to_numpy"])
def test_an_array_method_that_copies_now_and_then(consumer: str) -> None:
    array = np.zeros(6)
    answers = [array, array.copy()]
    producer = ArrayMethod(lambda: answers.pop())
    assert refusal_of(CONSUMERS[consumer], producer)[3] == "a fresh copy each time"
