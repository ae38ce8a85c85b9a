"""What waits for what, in every order that streams may go on in: a wait that is missing is a wrong number."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from exchange import CurrentWorkStream, delete, managed_tensor_from_object
from fakes import Exchanging, FakeTensor, exchange_type, read_capsule
from numpy_bridge import add_, copy_
from simulated import OnStream, Simulation, Stream, at

SIDE = 20
PAIRS = [(5, 5), (5, 6), (6, 5), (1, 5), (5, 1), (None, 5), (5, None), (None, None)]
"""Streams of two operands. One that has none has nothing to wait for before, and goes on on stream 1."""

CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "packed": lambda x, y: add_(x(), y()),
    "broadcast": lambda x, y: add_(x(), y(np.s_[:1])),
    "strided": lambda x, y: [add_(x(np.s_[i::2]), y(np.s_[i::2])) for i in (0, 1)],
    "transposed": lambda x, y: add_(x(), y(np.s_[...], transposed=True)),
    "copy": lambda x, y: [copy_(x(), y()), add_(x(), 1)],
    "copy transposed": lambda x, y: [copy_(x(), y(np.s_[...], transposed=True)), add_(x(), 1)],
}
"""Each makes threes of ones and twos."""


class Square:
    """A square on a device or the host, and its owner, who works on a stream; called, a part of it."""

    def __init__(self, cuda: Simulation, number: int | None, before: float, device: str = "cuda:0") -> None:
        self.cuda, self.number = cuda, number
        self.stream: Stream = at(number) if number is not None else (int(device[-1]), 1)
        self.array = cuda.block(np.full((SIDE, SIDE), before, float), device)

    def fill(self, value: float) -> Square:
        """As its owner does it now, later than anything until now."""
        self.cuda.write(self.stream, self.array, value)
        return self

    def read(self) -> np.ndarray:
        return self.cuda.read(self.stream, self.array)

    def __call__(self, part: Any = np.s_[...], transposed: bool = False) -> OnStream:
        array = self.array.T if transposed else self.array
        return OnStream(array[part], self.number)


def square(cuda: Simulation, number: int | None, value: float) -> Square:
    """A square that gets this value, from 100: late, if anything has to be waited for."""
    if number is None:
        return Square(cuda, number, value)
    return Square(cuda, number, 100).fill(value)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("numbers", PAIRS)
def test_operands_on_two_streams(
    cuda: Simulation, order: list[Stream], numbers: tuple[Any, Any], call: str
) -> None:
    """Both are ready, x is read after it was written, and y overwritten after it was read."""
    x, y = square(cuda, numbers[0], 1), square(cuda, numbers[1], 2)
    CALLS[call](x, y)
    seen = x.read()
    y.fill(100)
    assert (x.array != 3).any(), "the host waits for nothing"
    cuda.run(*order)
    assert (seen == 3).all()


@pytest.mark.parametrize("number", [None, 1, 2, 5])
def test_a_number_is_added_on_the_stream_of_the_memory(
    cuda: Simulation, order: list[Stream], number: int | None
) -> None:
    x = square(cuda, number, 1) if number != 2 else Square(cuda, 2, 1)
    add_(x(), 2)
    seen = x.read() if number != 2 else cuda.read((0, 2), x.array)
    cuda.run(*order)
    assert (seen == 3).all()


def test_operands_that_overlap(cuda: Simulation, order: list[Stream]) -> None:
    """What is read first is kept on the stream as long as that takes."""
    x = square(cuda, 5, 1)
    add_(x(np.s_[1:]), x(np.s_[:-1]))
    cuda.write((0, 6), x.array[:0], 0)
    seen = x.read()
    cuda.run(*order)
    assert (seen[1:] == 2).all()
    assert (seen[0] == 1).all()


def test_a_stand_in_shows_what_is_missing_without_a_wait(cuda: Simulation) -> None:
    """The tests' own test: on two streams, nothing orders what nobody orders."""
    found = set()
    for order in ([(0, 5), (0, 6)], [(0, 6), (0, 5)]):
        x = square(cuda, 5, 1)
        seen = cuda.read((0, 6), x.array)
        cuda.run(*order)
        found.add(float(seen[0, 0]))
    assert found == {1, 100}


# Which stream memory comes with


def test_the_current_stream_of_an_exchange_table(cuda: Simulation, order: list[Stream]) -> None:
    def tell(device_type: int, index: int, out: Any) -> int:
        out[0] = 6
        return 0

    kind = exchange_type(lambda x: x.fake.hand_out())
    function = CurrentWorkStream(tell)
    kind.table.current_work_stream = ctypes.cast(function, ctypes.c_void_p)
    x, block = kind(), cuda.block(np.full(6, 100, "f4"))
    x.fake = FakeTensor(device=(2, 0), data=block.ctypes.data)
    cuda.write((0, 6), block, 1)
    add_(x, 1)
    add_(bridge.view(x), 1)
    seen = cuda.read((0, 6), block)
    cuda.run(*order)
    assert (seen == 3).all()


@pytest.mark.parametrize("make", [FakeTensor, Exchanging], ids=["capsule", "exchange table"])
def test_memory_without_a_word_of_its_stream_is_used_on_the_legacy_one(
    cuda: Simulation, order: list[Stream], make: Callable[..., Any]
) -> None:
    """A producer of DLPack makes that wait, as it is asked without a stream."""
    block = cuda.block(np.full(6, 100, "f4"))
    x = make(device=(2, 0), data=block.ctypes.data)
    cuda.write((0, 1), block, 1)
    add_(x, 1)
    seen = cuda.read((0, 1), block)
    cuda.run(*order)
    assert (seen == 2).all()


# Consumers of DLPack


def elements(tensor: Any, count: int) -> np.ndarray:
    """What a consumer's DLTensor points to; packed float64."""
    return np.frombuffer((ctypes.c_double * count).from_address(tensor.data))


@pytest.mark.parametrize("number", [1, 5, 6])
@pytest.mark.parametrize("consumer", [None, 1, 5, 6])
def test_a_consumer_of_a_capsule(
    cuda: Simulation, order: list[Stream], number: int, consumer: int | None
) -> None:
    x = square(cuda, number, 1)
    shared = bridge.view(x())
    capsule = shared.__dlpack__(stream=consumer, max_version=(1, 0))
    seen = cuda.read(at(consumer or 1), elements(read_capsule(capsule).tensor, SIDE * SIDE))
    assert "cudaStreamSynchronize" not in cuda.calls()
    cuda.run(*order)
    assert (seen == 1).all()


@pytest.mark.parametrize("number", [None, 1, 5, 6])
@pytest.mark.parametrize("consumer", [None, -1, 1, 5, 6])
def test_a_consumer_of_a_copy(
    cuda: Simulation, order: list[Stream], number: int | None, consumer: int | None
) -> None:
    """It is filled on the consumer's stream, with -1 on the memory's own; the owner may go on at once."""
    x = square(cuda, number, 1)
    shared = bridge.view(x(transposed=True))
    capsule = shared.__dlpack__(stream=consumer, copy=True, max_version=(1, 0))
    own = 1 if number is None else number
    seen = cuda.read(
        at({None: 1, -1: own}.get(consumer, consumer) or 1),
        elements(read_capsule(capsule).tensor, SIDE * SIDE),
    )
    x.fill(100)
    cuda.run(*order)
    assert (seen == 1).all()


@pytest.mark.parametrize("consumer", [None, -1, 1, 15])
@pytest.mark.parametrize("number", [None, 1, 5])
def test_a_consumer_of_a_copy_on_another_device(
    cuda: Simulation, order: list[Stream], number: int | None, consumer: int | None
) -> None:
    """On the consumer's stream, which is one of that device; with -1 on its legacy default one."""
    x = square(cuda, number, 1)
    capsule = bridge.view(x()).__dlpack__(stream=consumer, copy=True, dl_device=(2, 1), max_version=(1, 0))
    on = (1, 15 if consumer == 15 else 1)
    seen = cuda.read(on, elements(read_capsule(capsule).tensor, SIDE * SIDE))
    x.fill(100)
    cuda.run(on, *order)
    assert (seen == 1).all()


@pytest.mark.parametrize("consumer", [None, -1, 1, 5])
def test_a_consumer_of_a_copy_of_memory_of_the_host(
    cuda: Simulation, order: list[Stream], consumer: int | None
) -> None:
    """The stream is one of the device that is asked for, as the array API standard has it."""
    values = np.ones(9)
    capsule = bridge.view(values).__dlpack__(stream=consumer, copy=True, dl_device=(2, 0), max_version=(1, 0))
    values[:] = 100
    seen = cuda.read((0, 5 if consumer == 5 else 1), elements(read_capsule(capsule).tensor, 9))
    cuda.run(*order)
    assert (seen == 1).all()


def test_a_consumer_on_the_host_waits_for_the_memory_whatever_stream_it_names(cuda: Simulation) -> None:
    x = square(cuda, 5, 1)
    for stream in (None, -1, 5, 6):
        capsule = bridge.view(x()).__dlpack__(stream=stream, copy=True, dl_device=(1, 0), max_version=(1, 0))
        assert (elements(read_capsule(capsule).tensor, SIDE * SIDE) == 1).all()


def test_a_consumer_that_sees_to_the_order_itself(cuda: Simulation) -> None:
    shared = bridge.view(square(cuda, 5, 1)())
    cuda.calls()
    assert shared.__dlpack__(stream=-1)
    assert cuda.calls() == []


@pytest.mark.parametrize("number", [1, 5, 6])
def test_a_consumer_of_the_exchange_table(cuda: Simulation, order: list[Stream], number: int) -> None:
    """It works on the legacy default stream."""
    x = square(cuda, number, 1)
    tensor = managed_tensor_from_object(bridge.view(x()))
    seen = cuda.read((0, 1), elements(tensor.tensor, SIDE * SIDE))
    cuda.run(*order)
    delete(tensor)
    assert (seen == 1).all()


def test_a_consumer_of_the_cuda_array_interface_is_told_the_stream(cuda: Simulation) -> None:
    for number in (None, 1, 2, 5):
        shared = bridge.view(OnStream(cuda.block(np.ones(3)), number))
        assert shared.__cuda_array_interface__["stream"] == number


# Memory that is freed in the order of a stream


def test_memory_is_freed_behind_what_reads_it(cuda: Simulation, order: list[Stream]) -> None:
    """The owner of y frees it on its own stream, right after the call; somebody writes there."""
    x, y = square(cuda, 5, 1), square(cuda, 6, 2)
    for call in (add_, copy_):
        call(x(), y())
        y.fill(np.inf)
        y.fill(2)
    seen = x.read()
    cuda.run(*order)
    assert (seen == 2).all()
