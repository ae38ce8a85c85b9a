"""PEP 688: `__buffer__` written in Python, which works the same before and after Python 3.12."""

from __future__ import annotations

import gc
import sys
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge import _core, view
from support import refused


class Lends:
    """Lends its block as memoryviews, and counts what is out."""

    def __init__(self, answer: Any = None) -> None:
        self.block = bytearray(range(8))
        self.answer = answer
        self.lent: list[int] = []
        self.returned = 0

    def __buffer__(self, flags: int) -> memoryview:
        self.lent.append(int(flags))
        return memoryview(self.block).cast("h") if self.answer is None else self.answer()

    def __release_buffer__(self, lent: memoryview) -> None:
        self.returned += 1
        lent.release()


def test_shares_until_it_is_given_back() -> None:
    producer = Lends()
    array = bridge.to_numpy(producer)
    assert array.dtype == np.int16
    array[0] = -1
    assert producer.block[:2] == b"\xff\xff"
    producer.block[2:4] = b"\xff\xff"
    assert array[1] == -1
    with pytest.raises(BufferError):
        producer.block.extend(b"x")
    del array
    gc.collect()
    assert len(producer.lent) == producer.returned
    producer.block.extend(b"x")


def test_readonly() -> None:
    producer = Lends(lambda: memoryview(b"ab"))
    assert view(producer).readonly
    gc.collect()
    assert len(producer.lent) == producer.returned


def test_without_a_release_method() -> None:
    block = bytearray(8)

    class Plain:
        def __buffer__(self, flags: int) -> memoryview:
            return memoryview(block)

    array = bridge.to_numpy(Plain())
    array[0] = 7
    assert block[0] == 7
    del array
    gc.collect()
    block.extend(b"x")


def released() -> memoryview:
    lent = memoryview(b"ab")
    lent.release()
    return lent


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (lambda: 1 / 0, "ZeroDivisionError"),
        (lambda: 5, "memoryview"),
        (lambda: b"ab", "memoryview"),
        (released, "released"),
    ],
)
def test_nonsense(answer: Any, text: str) -> None:
    with pytest.raises(bridge.SharingError, match=f"the buffer protocol: .*{text}"):
        view(Lends(answer))


def test_what_cannot_be_shared_is_given_back() -> None:
    producer = Lends(lambda: memoryview(b"ab").cast("c"))
    with refused("format", "buffer"):
        _core.values_of(producer)
    gc.collect()
    assert len(producer.lent) == producer.returned


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_what_is_not_about_the_request_passes_through(error: type[BaseException]) -> None:
    def fail() -> Any:
        raise error

    with pytest.raises(error):
        view(Lends(fail))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_failing_release_is_reported_and_nothing_else(capsys: Any) -> None:
    class Fails(Lends):
        def __release_buffer__(self, lent: memoryview) -> None:
            raise RuntimeError("not taken back")

    array = bridge.to_numpy(Fails())
    del array
    gc.collect()


def test_a_view_has_the_method_where_python_has_it() -> None:
    shared = view(bytearray(range(8)))
    assert hasattr(shared, "__buffer__") is (sys.version_info >= (3, 12))
    if sys.version_info >= (3, 12):
        assert shared.__buffer__(0).tobytes() == bytes(range(8))
