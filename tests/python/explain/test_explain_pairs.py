"""`explain(a, b)`: counts against brute force, every kind of relation, origin and advice."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import numpy_bridge as bridge
from numpy_bridge.explanation.model import Relation
from numpy_bridge.memory import counting
from numpy_bridge.memory.runs import bytes_of, normal, starts_of
from strategies import BUFFER, layouts
from support import needs_torch, strided, torch

# Counting


def element_starts(a: np.ndarray) -> np.ndarray:
    """The addresses of all elements; elements at one address count once."""
    steps = np.zeros(a.shape, np.int64)
    for axis, stride in enumerate(a.strides):
        steps += stride * np.arange(a.shape[axis]).reshape((-1,) + (1,) * (a.ndim - axis - 1))
    return np.unique(a.ctypes.data + steps.ravel())


def all_bytes(a: np.ndarray) -> np.ndarray:
    return np.unique((element_starts(a)[:, None] + np.arange(a.itemsize)).ravel())


def touching(a: np.ndarray, b: np.ndarray) -> int:
    bytes_of_b = all_bytes(b)
    inside = np.isin(element_starts(a)[:, None] + np.arange(a.itemsize), bytes_of_b)
    return int(inside.any(axis=1).sum())


def assert_counted(a: np.ndarray, b: np.ndarray) -> Relation:
    relation = bridge.explain(a, b)
    found = relation.overlap
    counts = (found.bytes, found.of_a, found.of_b, found.size_a, found.size_b)
    assert all(count.exact for count in counts)
    assert found.bytes.least == len(np.intersect1d(all_bytes(a), all_bytes(b)))
    assert (found.of_a.least, found.of_b.least) == (touching(a, b), touching(b, a))
    assert (found.size_a.least, found.size_b.least) == (len(element_starts(a)), len(element_starts(b)))
    assert bool(relation) is bool(found.shares) is np.shares_memory(a, b)
    return relation


@settings(max_examples=400)
@given(layouts(), layouts())
@example(BUFFER[::3], BUFFER[1::3])
@example(BUFFER[::-1], BUFFER[:1])
def test_counts_agree_with_sets_of_addresses(a: np.ndarray, b: np.ndarray) -> None:
    assert_counted(a, b)


repeats = st.lists(st.tuples(st.integers(-70, 70), st.integers(1, 6)), max_size=4)
sets = st.tuples(st.integers(0, 200), st.integers(1, 9), repeats)


def listed(start: int, length: int, parts: list[tuple[int, int]]) -> set[int]:
    found = {start + byte for byte in range(length)}
    for step, times in parts:
        found = {address + step * k for address in found for k in range(times)}
    return found


@settings(max_examples=800)
@given(sets, sets)
def test_normal_sets_are_the_same_sets_and_are_counted(first: Any, second: Any) -> None:
    a, b = listed(*first), listed(*second)
    runs_a, runs_b = normal(*first), normal(*second)
    assert listed(runs_a.start, runs_a.length, list(runs_a.repeats)) == a
    assert (runs_a.start, runs_a.stop) == (min(a), max(a) + 1)
    assert counting.size(runs_a) == counting.Count(len(a), len(a))
    assert counting.common(runs_a, runs_b) == counting.Count(len(a & b), len(a & b))


@settings(max_examples=300)
@given(st.data())
def test_both_ways_of_counting_agree(data: Any) -> None:
    """Nested sets, step by step and in a bitmap; with hundreds of repeats, so that beats come round."""

    def draw() -> Any:
        inner, times = data.draw(st.integers(2, 40)), data.draw(st.integers(1, 20))
        outer = inner * times + data.draw(st.integers(0, 60))
        parts = [(outer, data.draw(st.integers(1, 300))), (inner, times)]
        return normal(data.draw(st.integers(0, 3000)), data.draw(st.integers(1, inner)), parts)

    a, b = draw(), draw()
    assume(a.nested and b.nested)
    low, high = min(a.start, b.start), max(a.stop, b.stop)
    marked = counting._marked(a, low, high) & counting._marked(b, low, high)
    assert counting._Comparison().count(a, b) == np.count_nonzero(marked)


def at(start: int, shape: tuple[int, ...], strides: tuple[int, ...], dtype: str = "f4") -> bridge.View:
    """Memory that nobody has, and nobody reads: of any size."""
    return bridge.from_pointer(start, shape, dtype, strides=strides)


def test_memory_of_any_size_is_counted_at_once() -> None:
    block = at(1 << 40, (10 << 28,), (4,))  # 10 GiB
    found = bridge.explain(block, at((1 << 40) + (4 << 30), (10 << 28,), (4,))).overlap
    assert found.bytes == counting.Count(6 << 30, 6 << 30)
    assert found.of_a == found.of_b == counting.Count(6 << 28, 6 << 28)
    rows = at(1 << 40, (1 << 20, 1 << 10), (1 << 14, 8), "f8")
    thirds = at((1 << 40) + 8, (1 << 28,), (24,), "f8")
    found = bridge.explain(rows, thirds).overlap
    # Of each 16 KiB the first 8 are in rows. A third of them, as the beat comes round, is in thirds.
    last = (24 * (1 << 28)) >> 14
    first_elements = np.arange(min(last, 1 << 20), dtype=np.int64) * 2048
    within = sum(-((first - 1 - (1 << 10)) // 3) - -((first - 1) // 3) for first in first_elements.tolist())
    assert found.of_a.exact
    assert found.of_a.least == within


def test_what_takes_too_long_has_bounds_and_says_so() -> None:
    steps = random.Random(0).sample(range(1 << 40, 1 << 41), 40)
    many = at(1 << 12, (2,) * 40, tuple(steps), "u1")
    undecided = bridge.explain(many, at((1 << 12) + sum(steps) // 2, (1,), (1,), "u1"))
    assert (undecided.overlap.kind, undecided.overlap.shares) == ("undecided", None)
    assert not undecided
    assert undecided.overlap.bytes == counting.Count(0, 1)
    assert "0 to 1 bytes" in str(undecided)
    meeting = bridge.explain(many, at(1 << 12, (1 << 20,), (1 << 22,), "u1"))
    assert meeting.overlap.kind == "partial overlap"
    assert meeting.overlap.bytes == counting.Count(1, 1 << 20)
    assert bridge.explain(many, many).overlap.kind == "same memory"


# Kinds


M = np.zeros((6, 8), "f4")

KINDS: dict[str, tuple[Any, Any, str]] = {
    "itself": (M, M, "same memory"),
    "transposed": (M, M.T, "same memory"),
    "reversed": (M, M[::-1, ::-1], "same memory"),
    "other dtype": (M, M.view("u1"), "same memory"),
    "broadcast": (M[0, :1], strided(M, (5,), (0,)), "same memory"),
    "row": (M[1], M, "a inside b"),
    "columns": (M, M[:, 1:3], "b inside a"),
    "blocks": (M[:3, :5], M[2:, 3:], "partial overlap"),
    "half an element": (M.view("u1")[0, 2:4], M[0, 1:].view("u1")[:4], "disjoint"),
    "even and odd": (M[:, ::2], M[:, 1::2], "interleaved"),
    "rows": (M[:3], M[3:], "disjoint"),
    "others": (M, np.zeros(3), "disjoint"),
    "nothing": (M, M[:0], "disjoint"),
    "devices": (M, bridge.from_pointer(M.ctypes.data, (8,), "f4", device="cuda:0"), "different devices"),
    "two GPUs": (
        bridge.from_pointer(4096, (8,), "f4", device="cuda:1"),
        bridge.from_pointer(4096, (8,), "f4", device="cuda:0"),
        "different devices",
    ),
    "no memory": (M, [1.0], "no memory"),
    "None by mistake": (M, None, "no memory"),
}


@pytest.mark.parametrize("name", KINDS)
def test_kind(name: str) -> None:
    a, b, kind = KINDS[name]
    relation = bridge.explain(a, b)
    assert relation.overlap.kind == kind
    mirrored = {"a inside b": "b inside a", "b inside a": "a inside b"}
    assert bridge.explain(b, a).overlap.kind == mirrored.get(kind, kind)
    assert kind in str(relation)
    assert relation.svg.startswith("<svg") is (kind != "no memory")
    if kind not in ("no memory", "different devices"):
        assert_counted(a, b)


def test_bytes_inside_an_element_count_it_whole() -> None:
    numbers = np.zeros(4, "f8")
    found = bridge.explain(numbers, numbers.view("u1")[6:17]).overlap
    assert (found.bytes.least, found.of_a.least, found.of_b.least) == (11, 3, 11)


def test_sliding_windows_count_each_element_once() -> None:
    numbers = np.zeros(10)
    windows = np.lib.stride_tricks.sliding_window_view(numbers, 4)
    found = bridge.explain(windows, numbers[5:]).overlap
    assert (found.size_a.least, found.of_a.least, found.bytes.least) == (10, 5, 40)


# Origin and advice


def test_origin_by_bases() -> None:
    assert bridge.explain(M, M).origin == "a and b are one object"
    assert bridge.explain(M[1], M).origin == "a is a view of b"
    assert bridge.explain(M, M[1]).origin == "b is a view of a"
    assert bridge.explain(M[:, ::2], M[:, 1::2]).origin == "both are views of one numpy.ndarray"
    assert bridge.explain(M, np.zeros(2)).origin == ""
    block = bytearray(8)
    assert bridge.explain(memoryview(block), np.frombuffer(block, "u1")).origin == (
        "both are views of one bytearray"
    )
    assert bridge.explain(bridge.view(M), M).origin == "a is a view of b"


@needs_torch
def test_origin_across_libraries() -> None:
    array = np.zeros(4, "f4")
    tensor = bridge.to_torch(array)
    assert bridge.explain(array, tensor).origin == "a allocated the block; b was made over it"
    assert bridge.explain(tensor, array[1:]).origin == (
        "b's owner, a numpy.ndarray, allocated the block; a was made over it"
    )
    tensor = torch.zeros(4)
    for other in (bridge.to_numpy(tensor), tensor[1:], tensor.view(2, 2)):
        assert "view" in bridge.explain(other, tensor).origin
    lent = torch.from_numpy(array)
    assert bridge.explain(tensor.numpy(), tensor.numpy()).origin.startswith("both are views of one torch.")
    assert bridge.explain(lent, torch.from_numpy(array)).origin == (
        "which came first can't be seen: neither names the other"
    )


@needs_torch
@pytest.mark.parametrize(
    "pair",
    [
        lambda: (np.zeros(4), np.zeros(4)),
        lambda: (np.zeros(4), torch.zeros(4)),
        lambda: (torch.zeros(4), np.zeros(4)),
        lambda: (np.zeros(4), bytearray(4)),
        lambda: (array := np.zeros(4), array[1:]),
        lambda: (array := np.zeros(4), bridge.to_torch(array)),
        lambda: (block := bytearray(4), memoryview(block)),
        lambda: (np.zeros(4)[::-1], torch.zeros(4)),
    ],
)
def test_advice_turns_it_round(pair: Any) -> None:
    a, b = pair()
    relation = bridge.explain(a, b)
    _, given, call = relation.advice.partition("b = ")
    if not given:
        assert isinstance(a, np.ndarray)
        with pytest.raises(bridge.SharingError):
            bridge.to_torch(a)
        return
    changed = eval(call, {"a": a, "b": b, "bridge": bridge})
    assert bridge.shares_memory(a, changed) is not bool(relation)


def test_a_relation_says_how_far_apart() -> None:
    a = at(1 << 40, (4,), (4,))
    assert "1 TiB between them" in str(bridge.explain(a, at((2 << 40) + 16, (4,), (4,))))
    assert "next to each other" in str(bridge.explain(a, at((1 << 40) + 16, (4,), (4,))))
    assert math.isclose(bridge.explain(a, a).overlap.bytes.least, 16)


def test_sets_of_runs() -> None:
    assert bytes_of(100, 4, (5, 2), (8, 4)) == normal(100, 40, [])
    assert starts_of(100, (5, 2), (8, 4)) == normal(100, 1, [(4, 10)])
    assert bytes_of(100, 4, (3,), (-8,)).start == 84
