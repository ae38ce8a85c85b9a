"""Refusals of trees: all in one error, by path, and nothing is left behind."""

from __future__ import annotations

import contextlib
import copy
import pickle
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge import SharingError, TreeError
from support import needs_torch, torch

pytest.importorskip("optree", reason="takes trees apart")


def refused(call: Callable[[], object]) -> TreeError:
    with pytest.raises(TreeError) as caught:
        call()
    return caught.value


def test_one_refusal_reads_as_that_of_the_array() -> None:
    times = np.zeros(1, "O")
    with pytest.raises(SharingError) as alone:
        bridge.view(times)
    error = refused(lambda: bridge.view({"a": [b"1", times], "b": 1}, tree=True))
    assert str(error) == f"tree['a'][1]: {alone.value}"
    parts = (error.protocol, error.field, error.expected, error.got, error.hint)
    assert parts == alone.value.args
    assert {path: each.args for path, each in error.refusals.items()} == {"tree['a'][1]": alone.value.args}


def test_all_refusals_are_in_one_error() -> None:
    wrong = [np.zeros(1, "O"), object(), (b"1", {3: object()})]
    error = refused(lambda: bridge.to_numpy(wrong[1:], tree=True))
    assert list(error.refusals) == ["tree[0]", "tree[1][1][3]"]
    assert (error.protocol, error.field) == ("tree", "leaf")
    assert error.hint.startswith("register its class")
    error = refused(lambda: bridge.view(wrong, tree=True))
    assert (error.protocol, error.field, error.hint) == ("several", "several", "")
    first, *rest = str(error).splitlines()
    assert first == "3 arrays of the tree cannot be shared, and none was:"
    assert [line.partition(": ")[0] for line in rest] == ["  - tree[0]", "  - tree[1]", "  - tree[2][1][3]"]
    assert isinstance(error, BufferError)


def test_the_text_of_many_refusals_ends() -> None:
    error = refused(lambda: bridge.view([object()] * 500, tree=True))
    assert len(error.refusals) == 500
    assert len(str(error).splitlines()) == 22
    assert str(error).endswith("and 480 more, in the attribute refusals")


@pytest.mark.parametrize("again", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy])
def test_errors_can_be_sent(again: Callable[[TreeError], TreeError]) -> None:
    error = refused(lambda: bridge.view([object()], tree=True))
    assert str(again(error)) == str(error)
    assert again(error).field == error.field


def test_both_trees_of_shares_memory_are_named() -> None:
    error = refused(lambda: bridge.shares_memory({"x": object()}, [object()], tree=True))
    assert list(error.refusals) == ["a['x']", "b[0]"]


def endless(kind: str) -> Any:
    tree: Any = []
    if kind == "cycle":
        tree.append({"again": tree})
    else:
        for _ in range(100_000):
            tree = [tree]
    return tree


@pytest.mark.parametrize("kind", ["cycle", "deep"])
@pytest.mark.parametrize(
    "call",
    [bridge.view, bridge.to_numpy, bridge.explain, lambda x, tree: bridge.shares_memory(b"1", x, tree=tree)],
)
def test_cycles_and_deep_trees(kind: str, call: Any) -> None:
    with pytest.raises(SharingError, match="no cycles, got more levels") as caught:
        call(endless(kind), tree=True)
    assert (caught.value.protocol, caught.value.field) == ("tree", "depth")


def test_errors_that_are_no_refusals_pass_through() -> None:
    class Ill:
        @property
        def __array_interface__(self) -> Any:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bridge.to_numpy([Ill()], tree=True)


def test_exports_end_and_nothing_is_kept() -> None:
    block = bytearray(8)
    array = np.zeros(3)
    before = sys.getrefcount(array)
    with contextlib.suppress(TreeError):  # pytest.raises would keep frames
        bridge.view([block, array, object()], tree=True)
    block.extend(b"1")
    assert sys.getrefcount(array) == before


UNPINNED: dict[str, Callable[[Any], Callable[[], object]]] = {
    "to_numpy, a tensor later": lambda t: lambda: bridge.to_numpy([t, t._neg_view()], tree=True),
    "to_numpy, an array earlier": lambda t: (
        lambda: bridge.to_numpy([np.zeros(1, "O"), t, object()], tree=True)
    ),
    "to_numpy, copy if needed": lambda t: lambda: bridge.to_numpy([t, object()], copy=None, tree=True),
    "view": lambda t: lambda: bridge.view({"a": t, "b": t.clone().requires_grad_()}, tree=True),
    "view, readonly": lambda t: lambda: bridge.view([t, object()], readonly=True, tree=True),
    "to": lambda t: lambda: bridge.to([t, t._neg_view()], "numpy", tree=True),
    "to, copy if needed": lambda t: lambda: bridge.to([t, object()], "numpy", copy=None, tree=True),
    "to, the wrong device": lambda t: lambda: bridge.to([t], "numpy", device="cuda", tree=True),
    "to_torch": lambda t: lambda: bridge.to_torch([t, np.zeros(2)[::-1]], tree=True),
}


@needs_torch
@pytest.mark.parametrize("name", UNPINNED)
def test_no_tensor_is_pinned_by_a_refusal(name: str) -> None:
    t = torch.zeros(3)
    refused(UNPINNED[name](t))
    assert t.untyped_storage().resizable()
    t.resize_(1000)


@needs_torch
def test_a_tensor_that_is_refused_for_jax_is_not_pinned() -> None:
    pytest.importorskip("jax", reason="refuses writable memory")
    t = torch.zeros(64)
    error = refused(lambda: bridge.to_jax([t], tree=True))
    assert error.field in ("readonly", "alignment")
    assert t.untyped_storage().resizable()
    shared = bridge.view([t], tree=True)
    assert not t.untyped_storage().resizable()
    assert shared[0].ptr == t.data_ptr()


@needs_torch
def test_copies_where_needed() -> None:
    t, tracked = torch.zeros(2), torch.ones(2, requires_grad=True)
    shared, copied = bridge.to_numpy([t, tracked], copy=None, tree=True)
    shared[0] = copied[0] = 5
    assert t.tolist() == [5, 0]
    assert tracked.tolist() == [1, 1]
