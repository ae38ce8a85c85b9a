"""shares_memory and explain of trees."""

from __future__ import annotations

import io
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import numpy_bridge as bridge
from support import needs_torch, run_python, torch

pytest.importorskip("optree", reason="takes trees apart")

BLOCK = np.zeros(60, np.uint8)


@st.composite
def parts(draw: Any) -> Any:
    start, step = draw(st.integers(0, 59)), draw(st.integers(1, 7))
    return BLOCK[start : draw(st.integers(start, 60)) : step]


@given(st.lists(parts(), max_size=6), st.lists(parts(), max_size=6))
def test_as_if_every_pair_were_compared(a: list[Any], b: list[Any]) -> None:
    expected = any(np.shares_memory(x, y) for x in a for y in b)
    assert bridge.shares_memory(a, {"b": tuple(b)}, tree=True) == expected
    found = bridge.explain(a, tree=True)
    for i, x in enumerate(a):
        earlier = [f"tree[{j}]" for j in range(i) if np.shares_memory(a[j], x)]
        assert found.aliases.get(f"tree[{i}]") == (earlier[0] if earlier else None)


def test_what_is_compared() -> None:
    x = np.zeros(4)
    assert bridge.shares_memory(x, [1, None, {"x": x[3:]}], tree=True)
    assert not bridge.shares_memory([x, x], [x.copy()], tree=True)  # not with those of the same tree
    assert not bridge.shares_memory([x[:0]], [x], tree=True)
    assert not bridge.shares_memory(5, [x], tree=True)
    assert bridge.shares_memory(x, x, tree=False)


def test_an_undecided_pair_matters_only_if_no_other_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    from numpy_bridge import _core

    x, y = np.zeros(8, np.uint8), np.zeros(8, np.uint8)
    decide = _core.shares_memory

    def undecided(a: Any, b: Any) -> bool:
        if a is x or b is x:
            raise bridge.TooHardError("too hard")
        return bool(decide(a, b))

    monkeypatch.setattr(_core, "shares_memory", undecided)
    assert bridge.shares_memory([x, y], [x[:], y[:]], tree=True)
    with pytest.raises(bridge.TooHardError):
        bridge.shares_memory([x], [x[:]], tree=True)


@needs_torch
def test_tensors_that_are_refused_have_addresses_too() -> None:
    t = torch.zeros(3, requires_grad=True)
    assert bridge.shares_memory({"t": t}, {"neg": t.detach()._neg_view()}, tree=True)
    assert t.untyped_storage().resizable()


def table() -> Any:
    frozen = np.zeros((2, 2), np.float32)
    frozen.flags.writeable = False
    words = np.array([None])
    return bridge.explain({"x": [frozen, frozen[0]], "words": words, "lr": 0.1, "none": None}, tree=True)


def test_explain_is_a_table_by_path() -> None:
    found = table()
    assert list(found.arrays) == ["tree['x'][0]", "tree['x'][1]", "tree['words']"]
    assert found.arrays["tree['x'][0]"].memory.readonly
    assert found.aliases == {"tree['x'][1]": "tree['x'][0]"}
    assert (found.type, found.values, bool(found)) == ("dict", 1, False)
    lines = str(found).splitlines()
    assert lines[0] == "dict with 3 arrays: 1 of them cannot be shared"
    rows = {line.split()[0]: line.split()[1:] for line in lines if line.startswith("  tree[")}
    assert rows["tree['x'][0]"] == ["read-only", "float32", "(2,", "2)", "numpy.ndarray"]
    assert rows["tree['words']"][0] == "refuses"
    assert "      shares memory with tree['x'][0]" in lines
    assert "1, passed on as they are" in str(found)
    assert "Python objects" in str(found)
    assert bridge.explain([b"1"], tree=True)


def test_explain_in_a_notebook_and_in_a_terminal() -> None:
    found = table()
    page = ElementTree.fromstring(f"<body>{found._repr_html_()}</body>")
    cells = [cell.text for cell in page.iter("td")]
    assert {"tree['x'][0]", "read-only", "float32", "(2, 2)"} <= set(cells)
    rich = pytest.importorskip("rich.console", reason="prints the table")
    console = rich.Console(file=io.StringIO(), width=160)
    console.print(found)
    text = console.file.getvalue()
    assert "tree['words']" in text
    assert "shares memory with tree['x'][0]" in text


def test_explain_of_two_trees_says_what_to_call() -> None:
    with pytest.raises(TypeError, match=r"shares_memory\(a, b, tree=True\)"):
        bridge.explain([b"1"], [b"1"], tree=True)  # type: ignore[call-overload]


def test_explain_needs_no_other_package_than_optree() -> None:
    text = run_python("""
import sys
sys.modules["rich"] = None
import numpy as np, numpy_bridge as bridge
print(bridge.explain({"a": np.ones(2)}, tree=True))
""")
    assert text.startswith("dict with 1 array: all of them can be shared\n")


@needs_torch
def test_explain_pins_nothing() -> None:
    t = torch.zeros(2)
    assert bridge.explain([t, t._neg_view()], tree=True).aliases == {"tree[1]": "tree[0]"}
    assert t.untyped_storage().resizable()
