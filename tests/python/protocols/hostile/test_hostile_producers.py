"""Producers that misbehave rather than lie: they raise, return nonsense, or do the wrong thing meanwhile."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fakes import FakeTensor
from hostile import CONSUMERS, refusal_of
from producers import Once

each_consumer = pytest.mark.parametrize("consumer", CONSUMERS)
versions = pytest.mark.parametrize("versioned", [True, False], ids=["versioned", "unversioned"])
VALUES = [0, 1, 2, 3, 4, 5]

# Raising


class Unprintable(Exception):
    def __str__(self) -> str:
        raise ZeroDivisionError("while being printed")


class NoText(Exception):
    def __str__(self) -> Any:
        return 5


ERRORS: dict[str, tuple[Callable[[], BaseException], str]] = {
    **{
        error.__name__: (lambda error=error: error("no"), f"{error.__name__}: no")
        for error in (
            *(ArithmeticError, AssertionError, AttributeError, BlockingIOError, BufferError, EOFError),
            *(Exception, ImportError, IndexError, LookupError, NameError, NotImplementedError, OSError),
            *(OverflowError, RecursionError, ReferenceError, RuntimeError, StopIteration, SyntaxError),
            *(SystemError, TimeoutError, TypeError, UnicodeError, UserWarning, ValueError, Warning),
        )
    },
    "KeyError": (lambda: KeyError("no"), "KeyError: 'no'"),
    "SharingError": (
        lambda: bridge.SharingError("a", "b", "c", "d"),
        "SharingError: cannot share this through a: expected c, got d. [a.b]",
    ),
    "without text": (lambda: ValueError(), "ValueError: "),
    "with lines": (lambda: ValueError("first\nsecond"), "ValueError: first"),
    "with surrogates": (lambda: ValueError("\ud800!"), "ValueError: ?!"),
    "with NUL": (lambda: ValueError("a\0b"), "ValueError: a\0b"),
    "no exception but a class": (lambda: UnicodeDecodeError("a", b"", 0, 1, "b"), "UnicodeDecodeError: ..."),
}
PASSING = [KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError, asyncio.CancelledError, BaseException]


@each_consumer
@pytest.mark.parametrize("name", ERRORS)
def test_an_error_becomes_a_refusal(name: str, consumer: str) -> None:
    make, text = ERRORS[name]
    error = make()
    producer = FakeTensor(error=error)
    before = sys.getrefcount(producer)
    protocol, field, expected, got, _ = refusal_of(CONSUMERS[consumer], producer)
    assert (protocol, field, expected) == ("DLPack", "__dlpack__", "a capsule")
    assert got == text or (text.endswith("...") and got.startswith(text[:-3]))
    error.__traceback__ = error.__context__ = None
    assert sys.getrefcount(producer) == before


@each_consumer
@pytest.mark.parametrize("error", PASSING)
def test_what_is_not_about_the_request_passes_through(error: type[BaseException], consumer: str) -> None:
    raised = error("x")
    producer = FakeTensor(error=raised)
    with pytest.raises(error) as caught:
        CONSUMERS[consumer](producer)
    assert caught.value is raised


@each_consumer
@pytest.mark.parametrize(("kind", "cause"), [(Unprintable, ZeroDivisionError), (NoText, TypeError)])
def test_an_error_that_cannot_be_printed(kind: type, cause: type[Exception], consumer: str) -> None:
    with pytest.raises((bridge.SharingError, cause)):
        CONSUMERS[consumer](FakeTensor(error=kind()))


@each_consumer
def test_a_type_error_is_asked_in_older_words_but_not_forever(consumer: str) -> None:
    calls = []

    class Picky:
        def __dlpack__(self, **keywords: Any) -> object:
            calls.append(sorted(keywords))
            raise TypeError("never with this argument")

    refusal_of(CONSUMERS[consumer], Picky())
    assert calls[:4] == [["copy", "max_version"], ["copy"], ["max_version"], []]
    assert len(calls) % 4 == 0
    assert len(calls) <= 12


# Returning nonsense


@each_consumer
@pytest.mark.parametrize(
    "answer",
    [None, 5, "dltensor", b"dltensor", [], (), {}, object(), NotImplemented, ..., int, np.ones(2), True, 1.5],
    ids=lambda answer: type(answer).__name__,
)
def test_an_answer_that_is_no_capsule(answer: object, consumer: str) -> None:
    producer = FakeTensor(answer=answer)
    protocol, field, expected, got, _ = refusal_of(CONSUMERS[consumer], producer)
    assert (protocol, field, expected) == ("DLPack", "__dlpack__", "a capsule")
    assert got.startswith("an object of type ")


@each_consumer
@pytest.mark.parametrize("method", [None, 5, "text", object()], ids=repr)
def test_a_method_that_is_none(method: object, consumer: str) -> None:
    producer = type("Strange", (), {"__dlpack__": method})()
    with pytest.raises((bridge.SharingError, TypeError)) as caught:
        CONSUMERS[consumer](producer)
    assert str(caught.value)


class TheirTypeError(TypeError):
    pass


@each_consumer
@pytest.mark.parametrize(
    "error",
    [TypeError("elements are packed bits"), TheirTypeError("bad argument: packed bits"), BufferError("bits")],
    ids=repr,
)
def test_a_reason_is_not_taken_for_an_unknown_keyword(error: Exception, consumer: str) -> None:
    """The producer is asked with all keywords, and not again without them."""

    class Producer:
        def __dlpack__(self, *, copy: Any = None, max_version: Any = None) -> Any:
            if max_version is None:
                raise BufferError("asked again")
            raise error

    protocol, field, _, got, hint = refusal_of(CONSUMERS[consumer], Producer())
    assert (protocol, field, got) == ("DLPack", "__dlpack__", f"{type(error).__name__}: {error}")
    is_question = consumer.endswith("shares_memory") or consumer.endswith("share_memory")
    assert is_question or hint == ""  # questions do not try whether a copy can be made


# Naming a device that the capsule is not on

NAMED: dict[str, Any] = {
    "another type": (2, 0),
    "text": "cpu",
    "one number": 1,
    "a short tuple": (1,),
    "a long tuple": (1, 0, 0),
    "a list": [1, 0],
    "floats": (1.0, 0.0),
    "no integers": (None, None),
    "a bool": (True, 0),
    "a huge number": (2**70, 0),
    "an error": RuntimeError("which device?"),
}


@each_consumer
@pytest.mark.parametrize("named", NAMED.values(), ids=NAMED)
@versions
def test_another_device_than_the_capsule_is_on(named: Any, versioned: bool, consumer: str) -> None:
    class Producer(FakeTensor):
        def __dlpack_device__(self) -> Any:
            if isinstance(named, Exception):
                raise named
            return named

    producer = Producer(versioned=versioned)
    protocol, field, *_ = refusal_of(CONSUMERS[consumer], producer)
    assert (protocol, field) == ("DLPack", "__dlpack_device__")
    assert producer.handed_out == producer.deleted > 0


@pytest.mark.parametrize(
    ("on", "named"), [((2, 0), (2, 1)), ((3, 0), (1, 0)), ((13, 0), (2, 0)), ((1, 0), (2, 0))]
)
@versions
def test_device_memory_that_is_named_otherwise(
    on: tuple[int, int], named: tuple[int, int], versioned: bool
) -> None:
    class Producer(FakeTensor):
        def __dlpack_device__(self) -> Any:
            return named

    _, field, expected, got, _ = refusal_of(bridge.view, Producer(versioned=versioned, device=on))
    assert (field, expected, got) == ("__dlpack_device__", f"the device of the capsule, {on}", str(named))


@pytest.mark.parametrize("named", [(1, 0), (1, 7), (1, None), None], ids=repr)
@versions
def test_names_of_the_cpu(named: Any, versioned: bool) -> None:
    """Its index means nothing, and old producers lack the method."""

    class Producer(FakeTensor):
        def __dlpack_device__(self) -> Any:
            return named

    if named is None:
        Producer.__dlpack_device__ = None
    producer = Producer(versioned=versioned)
    bridge.to_numpy(producer)[0] = 50
    assert producer.values[0] == 50


# Doing things meanwhile


@each_consumer
@versions
def test_calling_back_while_asked_and_while_released(versioned: bool, consumer: str) -> None:
    class Busy(FakeTensor):
        def __dlpack__(self, **keywords: Any) -> object:
            work(self)
            return super().__dlpack__(**keywords)

    def work(x: Any) -> None:
        other, block = FakeTensor(), bytearray(b"abc")
        array = bridge.to_numpy(other)
        np.asarray(bridge.view(block))[0] = 1
        assert bridge.shares_memory(array, other)
        assert refusal_of(bridge.view, FakeTensor(ndim=65))[1] == "ndim"
        del array
        assert other.handed_out == other.deleted
        gc.collect(0)

    log: list[None] = []
    producer = Busy(versioned=versioned)
    producer.on_delete = lambda: log.append(work(producer))
    result = CONSUMERS[consumer](producer)
    del result
    assert producer.handed_out == producer.deleted == len(log) > 0


@versions
def test_dropping_everything_while_asked(versioned: bool) -> None:
    """Nothing but the consumer holds the producer then."""
    kept: list[Any] = []

    class Vanishing(FakeTensor):
        def __dlpack__(self, **keywords: Any) -> object:
            kept.clear()
            gc.collect()
            return super().__dlpack__(**keywords)

    kept.append(Vanishing(versioned=versioned))
    seen = weakref.ref(kept[0])
    array = bridge.to_numpy(kept[0])
    junk = [FakeTensor() for _ in range(64)]
    gc.collect()
    assert array.tolist() == VALUES
    array[:] = 9
    assert all(list(other.values) == VALUES for other in junk)
    assert seen() is not None
    del array
    gc.collect()
    assert seen() is None


@versions
@pytest.mark.parametrize("hold", ["view", "to_numpy", "to_torch"])
def test_changing_the_description_afterwards(hold: str, versioned: bool) -> None:
    if hold not in CONSUMERS:
        pytest.skip("torch is not installed: pip install 'numpy-bridge[torch]'")
    producer = FakeTensor(versioned=versioned, shape=(2, 3), strides=(3, 1))
    shared = CONSUMERS[hold](producer)
    producer.shape[0], producer.shape[1] = 10**9, -1
    producer.strides[0], producer.strides[1] = -(10**12), 2**60
    tensor = producer.managed.tensor
    tensor.data, tensor.ndim, tensor.code, tensor.byte_offset = 8, 99, 200, 2**60
    tensor.shape, tensor.strides = None, None
    assert tuple(shared.shape) == (2, 3)
    assert np.asarray(shared).tolist() == [[0, 1, 2], [3, 4, 5]]
    tensor.ndim = 2
    del shared
    gc.collect()
    assert (producer.handed_out, producer.deleted) == (1, 1)


@versions
def test_a_deleter_that_fails_does_not_hide_another_error(versioned: bool, capfd: Any) -> None:
    """ctypes prints what the deleter raises; the refusal arrives all the same."""
    producer = FakeTensor(versioned=versioned, dtype=(3, 64, 1))
    producer.on_delete = lambda: 1 / 0
    seen: list[Any] = []
    hook, sys.unraisablehook = sys.unraisablehook, seen.append
    try:
        assert refusal_of(bridge.view, producer)[1] == "dtype"
    finally:
        sys.unraisablehook = hook
    assert [each.exc_type for each in seen] == [ZeroDivisionError]
    assert producer.deleted == 1


@versions
def test_many_threads_at_one_capsule(versioned: bool) -> None:
    """Exactly one gets it."""
    for _ in range(50):
        producer = FakeTensor(versioned=versioned)
        once, start = Once(producer.__dlpack__()), threading.Barrier(8)

        def take(once: Once = once, start: threading.Barrier = start) -> Any:
            start.wait()
            try:
                return bridge.to_numpy(once)
            except bridge.SharingError as error:
                return error.field

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = [future.result() for future in [pool.submit(take) for _ in range(8)]]
        winners = [answer for answer in answers if not isinstance(answer, str)]
        assert len(winners) == 1
        assert winners[0].tolist() == VALUES
        assert [answer for answer in answers if isinstance(answer, str)] == ["capsule name"] * 7
        del winners, answers
        assert producer.deleted == 1
