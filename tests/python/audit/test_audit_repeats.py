"""Calls that one line makes again and again. What is known of them must be what judging each one says."""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge import _core
from numpy_bridge.auditing import dispatch
from numpy_bridge.auditing.install.installation import installation
from numpy_bridge.auditing.judging.calls import Call
from numpy_bridge.auditing.model import kind_of
from numpy_bridge.auditing.program.rewriting import rewritten
from numpy_bridge.libraries import LIBRARIES, Library

torch = pytest.importorskip("torch", reason="most of it is torch's")


class Image:
    """A picture as Pillow's are: each request for its memory makes a copy."""

    __module__ = "PIL.Image"

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return {"version": 3, "typestr": "|u1", "shape": (3, 4), "data": bytes(range(12))}


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
PLAIN = [
    *(1, 2.5, True, [1, 2], [1.5], [[1], [2]], (1, 2), [], np.float32(1)),
    *([F4, F4], [F8], bytearray(8), Image()),
]
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
    ("np.where(F4 > 3, x, y)", [(x, y) for x in (0.0, [0.0], F4) for y in (1.0, F4, F8)]),
    ("np.append(x, y)", [(x, y) for x in (0.0, [0.0], F4) for y in (1.0, [1.0], F4)]),
    ("np.frombuffer(x, np.uint8)", [np.float64(2), np.float32(1), np.ones(2), bytearray(4)]),
    ("np.asarray(memoryview(x))", [F4, F8, READ_ONLY]),
    ("np.array(x, dtype=object)", SCALARS),
    ("y(lambda x: x[..., [0, 1]])(x)", [(T4, y) for y in TRANSFORMS]),
    ("y(lambda x: x[..., [0, 1]])(x)", [(T4, y) for y in reversed(TRANSFORMS)]),
]


def judge_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge every call from now on, as none counts as one that is made again."""
    monkeypatch.setattr(Call, "repeats", property(lambda _: False))
    monkeypatch.setattr(installation.dispatcher, "known", _core.KnownCalls(dispatch._is_own))


def compiled(code: str, folder: Path) -> Callable[[Any, Any], Any]:
    """Return a function with one line, as the command compiles it."""
    file = folder / "line.py"
    file.write_text(f"import numpy as np\nimport torch\ndef convert(x, y):\n    return {code}\n")
    names: dict[str, Any] = {"F4": F4}
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
    installation.dispatcher.forget()
    judge_each(monkeypatch)
    assert known == reported(convert, order)
    assert any(isinstance(each, dict) for each in known)


def counted(convert: Callable[[Any, Any], Any], inputs: list[Any]) -> dict[Any, tuple[int, int]]:
    """Return how often each kind of conversion was made, and the bytes."""
    with bridge.audit() as log:
        for each in inputs:
            x, y = each if isinstance(each, tuple) and len(each) == 2 else (each, None)
            with suppress(Exception):
                convert(x, y)
    return {kind_of(c): (c.times, c.nbytes) for c in log}


@pytest.mark.parametrize(("code", "inputs"), FORMS, ids=[code for code, _ in FORMS])
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("forget")
def test_what_is_counted_is_what_would_be_judged(
    code: str, inputs: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert = compiled(code, tmp_path)
    order = [*inputs, *inputs, *random.Random(1).sample(inputs, len(inputs))]
    found = counted(convert, order)
    installation.dispatcher.forget()
    judge_each(monkeypatch)
    assert found == counted(convert, order)
    assert found


@pytest.mark.usefixtures("forget")
def test_an_array_that_changes_between_calls_at_one_line() -> None:
    array, tensor = np.zeros((4, 4), "f4"), torch.zeros(4, 4)
    with bridge.audit() as log:
        for _ in range(2):
            for change in (
                lambda: None,
                lambda: setattr(array.flags, "writeable", False),
                lambda: setattr(array.flags, "writeable", True),
                lambda: array.resize((2, 4), refcheck=False),
                lambda: array.resize((4, 4), refcheck=False),
                lambda: tensor.resize_(8),
                lambda: tensor.resize_(4, 4),
                lambda: tensor.t_(),
                lambda: tensor.requires_grad_(),
                lambda: tensor.requires_grad_(False),
            ):
                change()
                np.ascontiguousarray(array), tensor.contiguous(), np.array(array)
    found = {(c.call, c.outcome): (c.times, c.nbytes) for c in log}
    assert found == {
        ("np.ascontiguousarray", "shared"): (20, 2 * (9 * 64 + 32)),
        ("np.array", "copied"): (20, 2 * (9 * 64 + 32)),
        ("Tensor.contiguous", "shared"): (9, 7 * 64 + 2 * 32),
        ("Tensor.contiguous", "copied"): (11, 11 * 64),
    }


LIBRARY = """
import numpy as np
import torch

def tensor(x):
    return torch.tensor(x)

def array(x):
    return np.asarray(x)
"""


@pytest.mark.usefixtures("forget")
@pytest.mark.filterwarnings("ignore")
def test_slow_lists_and_pictures_that_a_library_converts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists of arrays are the slowest conversions of all. Lists of numbers are not reported."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "somelib.py").write_text(LIBRARY)
    monkeypatch.syspath_prepend(folder)
    library: Any = __import__("somelib")
    with bridge.audit() as log:
        for _ in range(3):
            library.tensor([np.ones(1000), np.ones(1000)])
            library.array([torch.ones(()), torch.ones(())])
            library.array([1.0, 2.0])
            library.array(Image())
    assert [(c.call, c.times, bool(c.faster)) for c in log] == [
        ("torch.tensor", 3, True),
        ("np.asarray", 3, True),
        ("np.asarray", 3, False),
    ]


@pytest.mark.usefixtures("forget")
def test_scalars_without_a_dtype_are_judged_each() -> None:
    class Odd(np.float64):
        dtype = None

    with bridge.audit() as log:
        for _ in range(3):
            np.asarray(Odd(3))
    assert [(c.outcome, c.times, c.nbytes) for c in log] == [("unknown", 3, 0)]


@pytest.mark.usefixtures("forget")
def test_two_calls_on_one_line() -> None:
    same, other = torch.ones(3), torch.ones(5, dtype=torch.float64)
    with bridge.audit() as log:
        for _ in range(4):
            same.float(), other.float()
            first, second = same.float(), same.float()
    first[0] = 7
    assert second[0] == same[0] == 7
    assert [(c.outcome, c.times, c.nbytes) for c in log] == [
        *(("shared", 4, 48), ("copied", 4, 80)),
        ("shared", 8, 96),
    ]


@pytest.mark.usefixtures("forget")
def test_an_object_that_cannot_be_asked_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing:
        def look_up(self, *_: object) -> None:
            raise RuntimeError("a question failed")

        remember = look_up

        def __len__(self) -> int:
            return 0

    with bridge.audit() as log, monkeypatch.context() as patch:
        patch.setattr(installation.dispatcher, "known", Failing())
        for _ in range(2):
            torch.Tensor(np.ones(2, "f4"))
    assert [(c.call, c.outcome, c.times) for c in log] == [("torch.Tensor", "shared", 2)]


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


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.name)
@pytest.mark.usefixtures("forget")
def test_objects_are_judged_by_type_where_each_request_copies(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the first of them is judged, in libraries that the table says this of."""
    judged: list[object] = []
    judge = dispatch.judge
    monkeypatch.setattr(dispatch, "judge", lambda *given: (judged.append(given), judge(*given))[1])
    kind = type("Image", (Image,), {"__module__": f"{library.modules[0]}.image"})
    with bridge.audit() as log:
        for _ in range(3):
            np.asarray(kind())
    assert len(judged) == (1 if library.lends_copies else 3)
    assert len(log) == 3
    if library.lends_copies:
        assert log.copied_bytes == 3 * 12


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
def test_the_traceback_of_a_copy_at_an_own_line_ends_there(tmp_path: Path) -> None:
    convert = compiled("x.astype(np.float32)", tmp_path)
    for _ in range(2):
        with bridge.no_copies(), pytest.raises(bridge.HiddenCopyError) as caught:
            convert(F4, None)
        assert [Path(each.filename).name for each in traceback.extract_tb(caught.tb)][1:] == ["line.py"]
