"""The advice of an audit is in the words of the line, can be followed, and gives what the line gave."""

from __future__ import annotations

import linecache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge.auditing.model import AuditLog, Conversion

torch = pytest.importorskip("torch", reason="most rows convert to torch")

READ_ONLY = "a = np.ones(3)\na.flags.writeable = False"
MASKED = "a = np.ma.masked_array([1.0, 2.0], [True, False])"
WITH_GRAD = "t = torch.ones(3, requires_grad=True)"


def scope_after(source: str, folder: Path) -> tuple[dict[str, Any], AuditLog]:
    file = folder / "program.py"
    file.write_text(source)
    linecache.clearcache()
    scope: dict[str, Any] = {"np": np, "torch": torch, "bridge": bridge}
    with bridge.audit() as log:
        exec(compile(source, str(file), "exec"), scope)
    return scope, log


def advised(source: str, folder: Path) -> tuple[dict[str, Any], Conversion]:
    scope, log = scope_after(source, folder)
    (hidden,) = log.hidden
    return scope, hidden


@pytest.mark.parametrize(
    ("setup", "call", "advice"),
    [
        ("a = np.ones(3)", "torch.tensor(a)", "bridge.to_torch(a)"),
        ("a = np.ones(3)", "torch.tensor(data=a, requires_grad=False)", "bridge.to_torch(a)"),
        ("a = np.ones((2, 3))", "torch.tensor(a[1])", "bridge.to_torch(a[1])"),
        ("a = np.ones((2, 3))", "torch.tensor(a[1] + 1)", "bridge.to_torch(a[1] + 1)"),
        ("a = {'obs': np.ones(3)}", "torch.tensor(\n    a['obs']\n)", "bridge.to_torch(a['obs'])"),
        ("a = np.ones(3)", "torch.tensor((lambda x: x)(a))", "bridge.to_torch((lambda x: x)(a))"),
        (READ_ONLY, "torch.tensor(a)", "bridge.to_torch(a, allow_readonly=True)"),
        ("a = np.ones(3, np.float32)", "np.array(a, dtype='f4')", "np.asarray(a, dtype=np.float32)"),
        (
            "a = np.ones(3, np.float32)",
            "torch.tensor(a, dtype=torch.float32)",
            "torch.as_tensor(a, dtype=torch.float32)",
        ),
        ("a = np.ones((3, 2))", "np.array(a.T)", "np.asarray(a.T)"),
        ("a = np.ones((3, 2))", "torch.tensor(a.T)", "bridge.to_torch(a.T)"),
        ("t = torch.ones(3)", "np.array(t)", "bridge.to_numpy(t)"),
        ("t = torch.ones(3)", "torch.tensor(t)", "t.detach()"),
        ("t = torch.ones(3)", "torch.tensor(-t)", "(-t).detach()"),
        (WITH_GRAD, "np.array(t.detach())", "bridge.to_numpy(t.detach())"),
        ("a = bytearray(8)", "np.array(a)", "bridge.to_numpy(a)"),
        # the maker takes a dtype
        (
            "a = np.linspace(0, 1, 3)",
            "torch.as_tensor(a, dtype=torch.float32)",
            "create a as float32, then bridge.to_torch(a)",
        ),
        ("a = np.arange(3)", "torch.Tensor(a[1:])", "create a as float32, then bridge.to_torch(a[1:])"),
        (
            "a = np.random.default_rng(0).random(3)",
            "torch.Tensor(a.reshape(3, 1))",
            "create a as float32, then bridge.to_torch(a.reshape(3, 1))",
        ),
        (
            "a: np.ndarray = np.ones(3, bool)",
            "torch.Tensor(a)",
            "create a as float32, then bridge.to_torch(a)",
        ),
        # it is not seen, and the dtype is of the same kind
        ("a = np.ones(3) * 2", "torch.Tensor(a)", "create a as float32, then bridge.to_torch(a)"),
    ],
)
def test_the_advice_gives_the_same(setup: str, call: str, advice: str, tmp_path: Path) -> None:
    scope, found = advised(f"{setup}\nresult = {call}\n", tmp_path)
    assert found.advice is not None
    assert found.advice.short == advice
    assert str(found.advice) == f"{advice} shares, if neither array is written while the other is in use"
    if found.advice.first:
        scope["a"] = scope["a"].astype(found.advice.first.removeprefix("create a as "))
    result, instead = scope["result"], eval(found.advice.code, scope)
    assert (type(instead), instead.dtype, instead.shape) == (type(result), result.dtype, result.shape)
    assert getattr(instead, "requires_grad", False) == getattr(result, "requires_grad", False)
    if isinstance(result, torch.Tensor):
        assert instead.stride() == result.stride()
    else:
        assert instead.strides == result.strides
    assert np.array_equal(instead, result)
    source = scope.get("a", scope.get("t"))
    if "+" in advice or "-" in advice or isinstance(source, dict) or setup == READ_ONLY:
        return  # of a new array nobody else has the memory
    memory = np.asarray(source.detach() if "t" in scope else source)
    memory[...] = 1 - memory
    assert not np.array_equal(instead, result)


@pytest.mark.parametrize(
    ("setup", "call"),
    [
        ("a = np.logical_or(np.zeros(3, bool), True)", "torch.Tensor(a)"),
        ("a = np.ones(3) > 0", "torch.Tensor(a)"),
        ("a = np.ones((3, 3)).argmax(0)", "torch.as_tensor(a, dtype=torch.int32)"),
        ("a = np.random.rand(3)", "torch.Tensor(a)"),
        ("a = np.random.random(3)", "torch.Tensor(a)"),
        ("b = np.zeros(3, bool)\na = b | b", "torch.Tensor(a)"),
        ("a = 1", "torch.Tensor(np.isnan(np.ones(3)))"),
        ("class C: pass\nc = C()\nc.a = np.ones(3) < 2", "torch.Tensor(c.a)"),
        # a frame has the dtypes of its columns
        ("class F: values = np.ones(3)", "torch.tensor(F.values[1:], dtype=torch.float32)"),
        # the layout changes
        ("a = np.ones((3, 2))", "torch.tensor(a[:, 0])"),
    ],
)
def test_no_advice_that_cannot_be_followed(setup: str, call: str, tmp_path: Path) -> None:
    _, found = advised(f"{setup}\nresult = {call}\n", tmp_path)
    assert found.advice is None
    assert "shares" not in str(found)


@pytest.mark.parametrize(
    "line",
    [
        "b, c = np.array(a), np.array(a[:])",
        "c = [np.array(x) for x in (a, a)]",
        "c = make(*[a])",
        "c = eval('np.array(a)')",
        f"c = np.array({'a' + '[:]' * 20})",
    ],
)
def test_an_argument_that_is_not_one_short_expression_is_x(line: str, tmp_path: Path) -> None:
    _, log = scope_after(f"a = np.ones(3)\nmake = np.array\n{line}\n", tmp_path)
    assert {found.advice.code for found in log.hidden if found.advice} == {"np.asarray(x)"}


def test_a_name_is_that_of_its_own_function(tmp_path: Path) -> None:
    source = "a = np.ones(3) > 0\ndef f():\n    a = np.ones(3)\n    return torch.Tensor(a)\nf()\na = 1\n"
    _, found = advised(source, tmp_path)
    assert found.advice is not None
    assert found.advice.first == "create a as float32"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("b = np.array(a)  # numpy-bridge: allow\n", 0),
        ("b = np.array(\n    a,  # numpy-bridge: allow, for a snapshot\n)\n", 0),
        ("for b in np.array(a):  # numpy-bridge: allow\n    pass\n", 0),
        ("# numpy-bridge: allow\nb = np.array(a)\n", 1),
        ("b = np.array(a)  # numpy-bridge allows\n", 1),
    ],
)
def test_a_comment_allows_the_copies_of_a_line(text: str, hidden: int, tmp_path: Path) -> None:
    _, log = scope_after(f"a = np.ones(3)\n{text}", tmp_path)
    (found,) = log.copies
    assert len(log.hidden) == hidden
    assert (found.allowed, "a comment allows it" in found.why) == (not hidden, not hidden)
