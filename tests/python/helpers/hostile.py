"""How the tables of lies are checked: what a lie is, and what must be true after it was refused."""

from __future__ import annotations

import gc
import re
import sys
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import numpy_bridge as bridge
from fake_interfaces import FakeInterface, FakeStruct
from fakes import Exchanging, FakeBuffer, FakeTensor
from support import torch

POISON = 8  # an address that crashes whoever reads it


class Lie(NamedTuple):
    """Fields of a fake that contradict each other or the protocol, and the refusal that is due.

    "..." in a text stands for anything. An empty hint means that there is no way round.
    """

    fields: dict[str, Any]
    field: str
    expected: str
    got: str
    hint: str = ""


# Everything that takes in memory, and so everything that must refuse
CONSUMERS: dict[str, Callable[[Any], Any]] = {
    "view": bridge.view,
    "view-readonly": lambda x: bridge.view(x, readonly=True),
    "to_numpy": bridge.to_numpy,
    "to_numpy-copy": lambda x: bridge.to_numpy(x, copy=True),
    "to_numpy-if-needed": lambda x: bridge.to_numpy(x, copy=None),
    "shares_memory": lambda x: bridge.shares_memory(x, b"abc"),
    "may_share_memory": lambda x: bridge.may_share_memory(b"abc", x),
}
if torch is not None:
    CONSUMERS["to_torch"] = lambda x: bridge.to_torch(x, allow_readonly=True)
    CONSUMERS["to_torch-copy"] = lambda x: bridge.to_torch(x, copy=True)


def taken_and_given_back(producer: Any) -> tuple[int, int]:
    if isinstance(producer, FakeBuffer):
        return producer.exports, producer.releases
    if isinstance(producer, FakeStruct):
        return len(producer.kept), producer.released
    if isinstance(producer, FakeInterface):
        return 0, 0
    fake = producer.fake if isinstance(producer, Exchanging) else producer
    assert isinstance(fake, FakeTensor)
    return fake.handed_out, fake.deleted


def refusal_of(function: Callable[[Any], Any], producer: Any) -> tuple[str, ...]:
    """The parts of the SharingError that `function` raises; the error itself is gone, and its frames."""
    parts: tuple[str, ...] | None = None
    try:
        function(producer)
    except bridge.SharingError as error:
        parts = error.args
    assert parts is not None, "believed"
    assert "\n" not in "".join(parts)
    return parts


def matches(text: str, seen: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, text.split("..."))), seen, re.DOTALL) is not None


def assert_refused(make: Callable[[], Any], lie: Lie, protocol: str, *, handed_out: bool = True) -> None:
    """Every consumer refuses in the same words, gives back what it took exactly once, and keeps nothing."""
    producer = make()
    seen = weakref.ref(producer)
    before = sys.getrefcount(producer)
    for name, consume in CONSUMERS.items():
        error = refusal_of(consume, producer)
        assert error[:2] == (protocol, lie.field), (name, error)
        assert matches(lie.expected, error[2]), (name, error)
        assert matches(lie.got, error[3]), (name, error)
        assert matches(lie.hint, error[4]), (name, error)
        taken, given_back = taken_and_given_back(producer)
        assert given_back == taken, name
        assert sys.getrefcount(producer) == before, name
    assert (taken > 0) == handed_out
    del producer
    gc.collect(0)
    if seen() is not None:  # it has lived long enough to be of an older generation
        gc.collect()
    assert seen() is None


def assert_believed(make: Callable[[], Any], values: Any, change: Callable[[Any], None]) -> None:
    """A neighbour of a lie that is true: shared, written through both ways, and given back once."""
    producer = make()
    before = sys.getrefcount(producer)
    array = bridge.to_numpy(producer)
    assert array.tolist() == values
    if array.size:
        change(producer)
        changed = array.tolist()
        assert changed != values
        if array.flags.writeable:
            array[...] = 1
            assert bridge.to_numpy(producer, copy=True).tolist() == array.tolist() != changed
    assert np.asarray(bridge.view(producer)).tolist() == array.tolist()
    del array
    taken, given_back = taken_and_given_back(producer)
    assert taken == given_back
    assert sys.getrefcount(producer) == before
