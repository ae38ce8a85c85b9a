"""Nothing that an exporter of the buffer protocol says is believed."""

from __future__ import annotations

import gc
import sys
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fakes import FakeBuffer
from hostile import CONSUMERS, Lie, assert_believed, assert_refused, refusal_of
from hostile_buffer import LIES, ODD_BUT_TRUE

each_consumer = pytest.mark.parametrize("consumer", CONSUMERS)


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_lie_is_refused(lie: Lie) -> None:
    assert_refused(lambda: FakeBuffer(**lie.fields), lie, "buffer")


@pytest.mark.parametrize("name", ODD_BUT_TRUE)
def test_an_odd_truth_is_shared(name: str) -> None:
    fields, values = ODD_BUT_TRUE[name]
    if values is None:
        values = bridge.to_numpy(FakeBuffer(**fields)).tolist()

    def change(producer: FakeBuffer) -> None:
        producer.values[:] = [7, 8, 9]

    assert_believed(lambda: FakeBuffer(**fields), values, change)


def test_readonly_is_kept_whatever_its_value() -> None:
    for value in (1, 2, -1, 256, 2**31 - 1):
        assert not bridge.to_numpy(FakeBuffer(readonly=value)).flags.writeable
    assert bridge.to_numpy(FakeBuffer(readonly=0)).flags.writeable


@each_consumer
def test_an_exporter_that_fails(consumer: str) -> None:
    producer = FakeBuffer(fail=True)
    before = sys.getrefcount(producer)
    error = refusal_of(CONSUMERS[consumer], producer)
    assert error[:3] == ("buffer", "export", "a buffer")
    assert (producer.exports, producer.releases) == (0, 0)
    assert sys.getrefcount(producer) == before


def test_an_exporter_that_names_no_owner() -> None:
    """Nobody is told of the release then; the object is kept alive all the same."""
    producer = FakeBuffer(obj=None)
    before = sys.getrefcount(producer)
    array = bridge.to_numpy(producer)
    values = producer.values
    assert sys.getrefcount(producer) > before
    array[1] = 50
    assert values[1] == 50
    del array
    gc.collect()
    assert (producer.exports, producer.releases, sys.getrefcount(producer)) == (0, 0, before)


def test_extents_that_change_after_they_were_read() -> None:
    producer = FakeBuffer()
    shared = bridge.view(producer)
    array = bridge.to_numpy(shared)
    producer.arrays["shape"][0], producer.arrays["strides"][0] = 10**9, -(10**12)
    producer.lies.update(buf=8, readonly=1, format=b"T{")
    assert (shared.shape, shared.strides, shared.dtype) == ((3,), (8,), "float64")
    assert array.tolist() == np.asarray(shared).tolist() == [1, 2, 3]
    assert memoryview(shared).tolist() == [1, 2, 3]


def test_a_release_that_uses_the_bridge() -> None:
    """The hook of an exporter may do anything, with our own functions too."""
    log = []

    class Busy(FakeBuffer):
        def release(self, view: Any) -> None:
            block = bytearray(b"abc")
            bridge.to_numpy(block)[0] = 1
            log.append((block, refusal_of(bridge.view, FakeBuffer(ndim=65))[1]))
            super().release(view)

    producer = Busy()
    array = bridge.to_numpy(producer)
    assert array.tolist() == [1, 2, 3]
    del array
    assert log == [(bytearray(b"\x01bc"), "ndim")]
    assert (producer.exports, producer.releases) == (1, 1)


# Exporters written in Python: `__buffer__` (PEP 688), which Python itself reads from 3.12 on


@each_consumer
@pytest.mark.parametrize("error", [BufferError, ValueError, TypeError, RuntimeError, AttributeError])
def test_an_exporter_that_raises(error: type[Exception], consumer: str) -> None:
    class Raising:
        def __buffer__(self, flags: int) -> memoryview:
            raise error("no\nand more")

    got = refusal_of(CONSUMERS[consumer], Raising())[3]
    assert f"{error.__name__}: no" in got
    assert "and more" not in got


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError, GeneratorExit])
def test_what_is_not_about_the_request_passes_through(error: type[BaseException]) -> None:
    class Raising:
        def __buffer__(self, flags: int) -> memoryview:
            raise error

    with pytest.raises(error):
        bridge.view(Raising())


@each_consumer
@pytest.mark.parametrize("answer", [None, 5, b"abc", bytearray(3), [], np.ones(2)], ids=repr)
def test_an_exporter_that_returns_no_memoryview(answer: object, consumer: str) -> None:
    class Strange:
        def __buffer__(self, flags: int) -> Any:
            return answer

    assert "memoryview" in "".join(refusal_of(CONSUMERS[consumer], Strange()))


def test_an_exporter_in_python_is_released_once() -> None:
    class Lender:
        def __init__(self) -> None:
            self.block = bytearray(b"abc")
            self.releases = 0

        def __buffer__(self, flags: int) -> memoryview:
            return memoryview(self.block)

        def __release_buffer__(self, lent: memoryview) -> None:
            self.releases += 1
            lent.release()

    lender = Lender()
    array = bridge.to_numpy(lender)
    array[0] = 50
    assert lender.block[0] == 50
    with pytest.raises(BufferError):
        lender.block.extend(b"x")
    assert lender.releases == 0
    del array
    assert lender.releases == 1
    lender.block.extend(b"x")
