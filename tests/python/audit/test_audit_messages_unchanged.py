"""Messages are sent as they are without an audit, whatever is in them."""

from __future__ import annotations

import multiprocessing
import pickle
import tracemalloc
import unittest.mock
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge.auditing.judging import messages
from numpy_bridge.auditing.judging.calls import Sends
from support import needs_torch, torch

ARRAY = np.arange(1000.0)


def test_everything_is_as_before(pipe: tuple[Connection, Connection]) -> None:
    original = pickle.dumps, Connection.__dict__.get("send"), Connection.send
    plain = pickle.dumps({"a": ARRAY})
    with bridge.audit():
        assert pickle.dumps({"a": ARRAY}) == plain
        assert pickle.loads(pickle.dumps(pickle.dumps)) in (original[0], pickle.dumps)
        with pytest.raises((pickle.PicklingError, AttributeError)):
            pickle.dumps([ARRAY, lambda: None])
        pipe[0].send([ARRAY])
    assert np.array_equal(pipe[1].recv()[0], ARRAY)
    assert (pickle.dumps, Connection.__dict__.get("send"), Connection.send) == original


@needs_torch
def test_subclasses_are_not_asked() -> None:
    asked = []

    class Watching(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function, types, arguments=(), options=None):
            asked.append(function)
            return super().__torch_function__(function, types, arguments, options or {})

        def __reduce_ex__(self, protocol):
            return int, ()

    x = torch.ones(10).as_subclass(Watching)
    asked.clear()
    pickle.dumps(x)
    plain = list(asked)
    asked.clear()
    with bridge.audit():
        pickle.dumps(x)
    assert asked == plain


def without_strides() -> Any:
    class Strideless(torch.Tensor):
        def stride(self, *dim: int) -> Any:
            raise RuntimeError

        def __reduce_ex__(self, protocol: Any) -> Any:
            return int, ()

    return torch.ones(3).as_subclass(Strideless)


class Typeless(np.ndarray):
    @property
    def dtype(self) -> Any:
        raise RuntimeError


def nested() -> Any:
    return torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)])


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("call", ["pickle.dumps", "Connection.send"])
@pytest.mark.parametrize(
    ("make", "found"),  # 1: the array beside it
    [
        (lambda: ARRAY.view(Typeless), 0),
        pytest.param(without_strides, 1, marks=needs_torch),
        pytest.param(nested, 1, marks=needs_torch),
    ],
)
def test_what_cannot_be_described_is_sent_as_before(
    call: str, make: Callable[[], Any], found: int, pipe: tuple[Connection, Connection]
) -> None:
    with bridge.audit() as log:
        pickle.dumps([make(), ARRAY]) if call == "pickle.dumps" else pipe[0].send([make(), ARRAY])
    assert [c.call for c in log] == [call] * found


def test_a_method_is_replaced_where_it_is_defined(pipe: tuple[Connection, Connection]) -> None:
    with (
        bridge.audit(),
        unittest.mock.patch.object(multiprocessing.connection._ConnectionBase, "send") as send,
    ):
        pipe[0].send(ARRAY)
    assert send.called


@pytest.mark.parametrize("kind", [list, tuple, dict.fromkeys])
def test_long_objects_are_not_copied(kind: Callable[[Any], Any]) -> None:
    long = kind(range(200_000))
    tracemalloc.start()
    try:
        messages.outgoing(long, Sends.MESSAGE)
        assert tracemalloc.get_traced_memory()[1] < 200_000
    finally:
        tracemalloc.stop()
