"""Calls that one line makes again and again. What is known of them must be what judging each one says."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge.auditing import dispatch
from numpy_bridge.auditing.install.installation import installation
from numpy_bridge.auditing.program.rewriting import rewritten

torch = pytest.importorskip("torch", reason="most of it is torch's")

F4, F8 = np.arange(12, dtype="f4").reshape(3, 4), np.arange(12.0).reshape(3, 4)
READ_ONLY = F4.view()
READ_ONLY.flags.writeable = False
ROW = np.lib.stride_tricks.as_strided(F4, (1, 4), (64, 4))
ARRAYS = [
    *(
        F4,
        F8,
        F4.T,
        F8.T,
        F4[::-1],
        F4[:, ::2],
        READ_ONLY,
        F4.astype(">f4"),
        F4.view("u1")[:, 1:13].view("f4"),
    ),
    *(
        F4[:0],
        ROW,
        F4[0, 0, ...],
        F4 > 3,
        F4.astype(object),
        np.ma.array(F4, mask=False),
        F4.view(np.recarray),
    ),
]
T4 = torch.arange(12.0).reshape(3, 4)
LEARNED = T4.clone().requires_grad_()
TENSORS = [
    *(T4, T4.double(), T4.t(), T4.t().double(), T4[:0], T4 > 3, T4.to(torch.bfloat16), LEARNED, LEARNED.t()),
    *(torch.nn.Parameter(T4), T4._neg_view(), torch.complex(T4, T4), torch.complex(T4, T4).conj()),
    *(torch.empty(3, 4, device="meta"), T4.to_sparse(), T4.expand(2, 3, 4), T4[0, 0]),
]
PLAIN = [1, 2.5, True, [1, 2], [1.5], [[1], [2]], (1, 2), [], np.float32(1), [F4, F4], [F8], bytearray(8)]
SCALARS = [np.datetime64("2026", "ns"), np.datetime64("2026", "us"), np.str_("ab"), np.str_("abc")]
TRANSFORMS: list[Callable[..., Any]] = [
    *(lambda f: f, torch.func.vmap, lambda f: torch.func.grad(lambda x: f(x).sum())),
    *(torch.func.functionalize, lambda f: lambda x: torch.func.jvp(f, (x,), (x,))),
]
FORMS: list[tuple[str, list[Any]]] = [
    ("np.asarray(x, dtype=np.float32)", [*ARRAYS, *TENSORS, *PLAIN]),
    ("np.ascontiguousarray(x)", [*ARRAYS, *TENSORS]),
    ("np.array(x, copy=y)", [(x, y) for x in (F4, F8.T, T4, [1]) for y in (True, False, None, 1)]),
    ("torch.as_tensor(x, dtype=torch.float32)", [*ARRAYS, *TENSORS, *PLAIN]),
    ("torch.tensor(x)", [*ARRAYS, *PLAIN]),
    ("torch.from_numpy(x)", ARRAYS),
    ("torch.FloatTensor(x)", [*ARRAYS, *PLAIN[3:]]),
    ("torch.Tensor(x)", [*ARRAYS, *PLAIN[3:]]),
    ("x.contiguous()", TENSORS),
    ("x.float()", TENSORS),
    ("x.to(y)", [(x, y) for x in TENSORS for y in (torch.float32, torch.float64, "cpu", T4)]),
    ("x.numpy()", TENSORS),
    ("x.detach().numpy()", TENSORS),
    ("x.tolist()", [*ARRAYS, *TENSORS]),
    ("x.reshape(-1)", [*ARRAYS, *TENSORS]),
    ("x.astype(np.float32)", ARRAYS),
    ("x.astype(np.float32, copy=y)", [(x, y) for x in ARRAYS for y in (True, False)]),
    ("x.copy()", [*ARRAYS, [1], {1: 2}]),
    ("x[y]", [(x, y) for x in (F4, F8, T4, LEARNED) for y in (0, [0, 1], slice(1), np.array([0]), ...)]),
    ("np.stack(x)", [[F4, F4], [F8, F8], [T4, T4], [1, 2], ([1.0], [2.0]), [[F4, F4]], [[1], [2]], [[T4]]]),
    ("torch.cat(x)", [[T4, T4], [T4.double()], [LEARNED, T4]]),
    ("np.where(x > 3, x, y)", [(x, y) for x in ARRAYS[:4] for y in (0, F4[0, 0])]),
    ("np.frombuffer(x, np.uint8)", [np.float64(2), np.float32(1), np.ones(2), bytearray(4)]),
    ("np.asarray(memoryview(x))", [F4, F8, READ_ONLY]),
    ("np.array(x, dtype=object)", SCALARS),
    ("y(lambda x: x[..., [0, 1]])(x)", [(T4, y) for y in TRANSFORMS]),
    ("y(lambda x: x[..., [0, 1]])(x)", [(T4, y) for y in reversed(TRANSFORMS)]),
]


@pytest.fixture
def forget() -> Iterator[None]:
    """Keep nothing of other tests, nor for them."""
    installation.dispatcher.forget()
    yield
    installation.dispatcher.forget()


def compiled(code: str, folder: Path) -> Callable[[Any, Any], Any]:
    """Return a function with one line, as the command compiles it."""
    file = folder / "line.py"
    file.write_text(f"import numpy as np\nimport torch\ndef convert(x, y):\n    return {code}\n")
    names: dict[str, Any] = {}
    exec(rewritten(file.read_bytes(), str(file)), names)  # type: ignore[arg-type]
    return names["convert"]  # type: ignore[no-any-return]


def reported(convert: Callable[[Any, Any], Any], inputs: list[Any]) -> list[Any]:
    """Return what is reported of each call, without the time."""
    found: list[Any] = []
    with installation.listening(lambda c, source, result: found.append(vars(c) | {"seconds": 0})):
        for each in inputs:
            x, y = each if isinstance(each, tuple) and len(each) == 2 else (each, None)
            found.append("call")
            try:
                convert(x, y)
            except Exception as error:
                found.append(type(error).__name__)
    return found


@pytest.mark.parametrize(("code", "inputs"), FORMS, ids=[code for code, _ in FORMS])
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("forget")
def test_what_is_known_is_what_would_be_judged(
    code: str, inputs: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert = compiled(code, tmp_path)
    order = [*inputs, *inputs, *random.Random(0).sample(inputs, len(inputs))]
    known = reported(convert, order)
    monkeypatch.setattr(dispatch, "key_of", lambda *_: None)
    assert known == reported(convert, order)
    assert any(isinstance(each, dict) for each in known)


@pytest.mark.usefixtures("forget")
def test_a_line_that_shares_and_copies_by_turns() -> None:
    same, other = np.ones(3, "f4"), np.ones(5)
    with bridge.audit() as log:
        made = [torch.as_tensor(each, dtype=torch.float32) for each in (same, other, same, other, same[:2])]
    same[:], other[:] = 7, 7
    assert [each[0].item() for each in made] == [7, 1, 7, 1, 7]
    assert [(c.outcome, c.times, c.nbytes) for c in log] == [("shared", 3, 32), ("copied", 2, 40)]


@pytest.mark.usefixtures("forget")
def test_equal_arrays_that_lie_in_the_same_memory_or_not() -> None:
    x = np.ones(3)
    flags = [True, False, True, None]
    with bridge.audit() as log:
        made = [np.array(x, copy=flag) for flag in flags]
    x[:] = 7
    assert [each[0] == 1 for each in made] == [flag is True for flag in flags]
    assert [(c.outcome, c.times, c.nbytes) for c in log] == [("copied", 2, 48), ("shared", 2, 48)]


@pytest.mark.usefixtures("forget")
def test_only_the_first_of_equal_calls_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[object] = []
    judge = dispatch.judge
    monkeypatch.setattr(dispatch, "judge", lambda *given: (judged.append(given), judge(*given))[1])
    with bridge.audit() as log:
        for n in range(2, 51):
            torch.tensor(np.ones((n, 3)))
    assert (len(judged), len(log), log.copied_bytes) == (1, 49, sum(24 * n for n in range(2, 51)))


@pytest.mark.usefixtures("forget")
def test_a_line_of_a_library_that_several_lines_lead_to(tmp_path: Path) -> None:
    file = str(tmp_path / "site-packages" / "installed.py")
    names: dict[str, Any] = {"np": np}
    exec(compile("def convert(x):\n    return np.asarray(x)", file, "exec"), names)
    convert, tensor = names["convert"], torch.ones(2)
    with bridge.audit() as log:
        for _ in range(3):
            convert(tensor)
            (convert(tensor), convert([1]), convert(tensor.double()))  # what stays there does not count
    first, second, double = (c for c in log if c.call == "np.asarray")
    assert [c.place.line - first.place.line for c in (first, second, double)] == [0, 1, 1]
    assert {(c.times, c.place.through_file, c.place.through_line) for c in (first, second)} == {(3, file, 2)}
    assert (double.times, double.nbytes) == (3, 48)


@pytest.mark.usefixtures("forget")
def test_inside_torch_func_nothing_is_taken_for_what_is_known() -> None:
    with bridge.audit() as log:
        f = lambda x: (x.double() * 2).sum()  # noqa: E731 - one line for all
        f(LEARNED), torch.func.grad(f)(T4), torch.func.vmap(f)(T4), f(LEARNED)
    assert [(c.call, c.times, c.nbytes) for c in log] == [("Tensor.double", 2, 192)]


@pytest.mark.usefixtures("forget")
def test_little_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "_MOST", 3)
    with bridge.audit() as log:
        for n in range(8):
            np.asarray(np.zeros((1, 1, n + 2, 3)).T)
        assert len(installation.dispatcher._known) <= 3
    assert (len(log), installation.dispatcher._known) == (8, {})
