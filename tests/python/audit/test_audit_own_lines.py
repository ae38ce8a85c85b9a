"""Copies at a program's own lines, and the truth: written through one side, read from the other."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge import _core
from numpy_bridge.auditing.judging.calls import CALLS
from numpy_bridge.auditing.program.copies import FUNCTIONS, METHODS
from numpy_bridge.auditing.program.rewriting import rewritten

torch = pytest.importorskip("torch", reason="most programs are torch's")

A, A4 = "np.arange(12.0).reshape(4, 3)", "np.arange(12, dtype=np.float32).reshape(4, 3)"
T = "torch.arange(12.0).reshape(4, 3)"
GRID = "torch.meshgrid(torch.arange(2), torch.arange(3), indexing='ij')"

FLIPS = {
    "flip": "flip(x, (0,))",
    "fliplr": "fliplr(x)",
    "flipud": "flipud(x)",
    "rot90": "rot90(x, 1)",
    "masked_fill": "masked_fill(x, torch.tensor(False), 0)",
    "masked_scatter": "masked_scatter(x, torch.zeros(4, 3, dtype=bool), torch.ones(1))",
    "index_fill": "index_fill(x, 0, torch.tensor([], dtype=int), 1)",
    "index_copy": "index_copy(x, 0, torch.tensor([], dtype=int), torch.ones(0, 3))",
    "index_put": "index_put(x, (torch.tensor([], dtype=int),), torch.ones(0, 3))",
    "scatter": "scatter(x, 0, torch.zeros(0, 3, dtype=int), 1.0)",
}
ASKED, HIDDEN = False, True

COPIES = [
    # x, code, call, whether it is hidden
    (A, "x.copy()", "ndarray.copy", ASKED),
    (A, "x.astype(np.float32)", "ndarray.astype", ASKED),
    (A, "x.astype(np.float64)", "ndarray.astype", HIDDEN),
    (A, "x.astype('f8', copy=True)", "ndarray.astype", ASKED),
    (A, "x.astype(float, order='F')", "ndarray.astype", ASKED),
    (A, "x.flatten()", "ndarray.flatten", ASKED),
    (A, "x.take([1, 2])", "ndarray.take", ASKED),
    (A, "x.repeat(2)", "ndarray.repeat", ASKED),
    (A, "x.compress([True, False, True], axis=0)", "ndarray.compress", ASKED),
    ("np.array([0, 1])", "x.choose([np.ones(2), np.ones(2)])", "ndarray.choose", ASKED),
    (A, "x.tolist()", "ndarray.tolist", ASKED),
    (A, "x.tobytes()", "ndarray.tobytes", ASKED),
    (A, "x.T.reshape(-1)", "ndarray.reshape", HIDDEN),
    (A, "x.T.ravel()", "ndarray.ravel", HIDDEN),
    (A, "x[[0, 2]]", "ndarray[]", ASKED),
    (A, "x[x > 5]", "ndarray[]", ASKED),
    (A, "x[:, np.array([0, 1])]", "ndarray[]", ASKED),
    (A, "x[0, [1, 2]]", "ndarray[]", ASKED),
    ("memoryview(np.arange(4.0))", "x.tobytes()", "memoryview.tobytes", ASKED),
    ("memoryview(np.arange(4.0))", "x.tolist()", "memoryview.tolist", ASKED),
    *((A, f"np.{name}([x, x])", f"np.{name}", ASKED) for name in ("stack", "hstack", "vstack", "dstack")),
    *((A, f"np.{name}([x, x])", f"np.{name}", ASKED) for name in ("column_stack", "concatenate", "block")),
    (T, "np.stack([x, x])", "np.stack", ASKED),
    (A, "np.append(x, x)", "np.append", ASKED),
    (A, "np.insert(x, 0, 1)", "np.insert", ASKED),
    (A, "np.delete(x, 0)", "np.delete", ASKED),
    (A, "np.repeat(x, 2)", "np.repeat", ASKED),
    (A, "np.tile(x, 2)", "np.tile", ASKED),
    (A, "np.resize(x, (5, 3))", "np.resize", ASKED),
    (A, "np.roll(x, 1)", "np.roll", ASKED),
    (A, "np.take(x, [1])", "np.take", ASKED),
    (A, "np.take_along_axis(x, np.zeros((1, 3), int), 0)", "np.take_along_axis", ASKED),
    (A, "np.compress([True], x, axis=0)", "np.compress", ASKED),
    (A, "np.extract(x > 5, x)", "np.extract", ASKED),
    (A, "np.where(x > 5, x, 0)", "np.where", ASKED),
    (A, "np.where(True, 0, x)", "np.where", ASKED),
    (A, "np.reshape(x.T, -1)", "np.reshape", HIDDEN),
    (A, "np.ravel(x.T)", "np.ravel", HIDDEN),
    (A, "np.pad(x, 1)", "np.pad", ASKED),
    (A, "np.select([x > 5], [x])", "np.select", ASKED),
    ("np.ones(2)", "np.choose([0, 0], [x, x])", "np.choose", ASKED),
    (T, "x[[0, 2]]", "Tensor[]", ASKED),
    (T, "x[x > 5]", "Tensor[]", ASKED),
    (T, "x[torch.tensor([1])]", "Tensor[]", ASKED),
    (T, "x.repeat(2, 1)", "Tensor.repeat", ASKED),
    (T, "x.repeat_interleave(2)", "Tensor.repeat_interleave", ASKED),
    (T, "x.tile(2)", "Tensor.tile", ASKED),
    (T, "x.roll(1)", "Tensor.roll", ASKED),
    (T, "x.where(x > 5, 0)", "Tensor.where", ASKED),
    (T, "x.index_select(0, torch.tensor([1]))", "Tensor.index_select", ASKED),
    (T, "x.masked_select(x > 5)", "Tensor.masked_select", ASKED),
    (T, "x.gather(0, torch.tensor([[1]]))", "Tensor.gather", ASKED),
    (T, "x.take(torch.tensor([1]))", "Tensor.take", ASKED),
    (T, "x.t().reshape(-1)", "Tensor.reshape", HIDDEN),
    (T, "x.t().flatten()", "Tensor.flatten", HIDDEN),
    (T, "x.t().ravel()", "Tensor.ravel", HIDDEN),
    *(
        (T, f"torch.{name}([x, x])", f"torch.{name}", ASKED)
        for name in ("stack", "hstack", "vstack", "dstack")
    ),
    *((T, f"torch.{name}([x, x])", f"torch.{name}", ASKED) for name in ("column_stack", "row_stack", "cat")),
    *((T, f"torch.{name}([x, x])", f"torch.{name}", ASKED) for name in ("concat", "concatenate")),
    (T, "torch.repeat_interleave(x, 2)", "torch.repeat_interleave", ASKED),
    (T, "torch.tile(x, (2,))", "torch.tile", ASKED),
    (T, "torch.roll(x, 1)", "torch.roll", ASKED),
    *((T, f"torch.{code}", f"torch.{name}", ASKED) for name, code in FLIPS.items()),
    *(
        (T, re.sub(r"^(\w+)\(x(, )?", r"x.\1(", code), f"Tensor.{name}", ASKED)
        for name, code in FLIPS.items()
    ),
    (T, "torch.nn.functional.pad(x, (1, 1))", "F.pad", ASKED),
    (T, "torch.nn.utils.rnn.pad_sequence([x, x[:2]])", "rnn.pad_sequence", ASKED),
    (T, "torch.clone(x)", "torch.clone", ASKED),
    (T, "torch.where(x > 5, x, 0)", "torch.where", ASKED),
    (T, "torch.index_select(x, 0, torch.tensor([1]))", "torch.index_select", ASKED),
    (T, "torch.masked_select(x, x > 5)", "torch.masked_select", ASKED),
    (T, "torch.gather(x, 0, torch.tensor([[1]]))", "torch.gather", ASKED),
    (T, "torch.take(x, torch.tensor([1]))", "torch.take", ASKED),
    (T, "torch.take_along_dim(x, torch.tensor([[1]]), 0)", "torch.take_along_dim", ASKED),
    (T, "torch.reshape(x.t(), (-1,))", "torch.reshape", HIDDEN),
    (T, "torch.flatten(x.t())", "torch.flatten", HIDDEN),
    (T, "torch.ravel(x.t())", "torch.ravel", HIDDEN),
    ("np.arange(6.0).view(np.recarray)", "x.copy()", "ndarray.copy", ASKED),
    ("torch.nn.Parameter(torch.ones(3), requires_grad=False)", "x[[0]]", "Tensor[]", ASKED),
]

NO_COPIES = [
    # x, code
    *(
        (A, code)
        for code in (
            "x[0]",
            "x[1:]",
            "x[int(1)]",
            "x[..., None]",
            "x[np.int64(1)]",
            "x[0, 0]",
            "x.T",
            "x[()]",
        )
    ),
    *(
        (A, code)
        for code in ("x.reshape(3, 4)", "x.ravel()", "np.reshape(x, -1)", "x.astype(float, copy=False)")
    ),
    (T, "x[0]"),
    *((T, code) for code in ("x[1:]", "x.reshape(-1)", "x.flatten()", "torch.reshape(x, (3, 4))", "x[0, 0]")),
    (T, "torch.where(x > 5, 0, 1)"),
    ("[1, 2]", "x.copy()"),
    ("[1, 2]", "np.stack(x)"),
    ("[[1], [2]]", "np.concatenate(x)"),
    ("{'a': 1}", "x['a']"),
    (A, "np.where(x > 5)"),
    (A, "np.stack([x, x], out=np.empty((2, 4, 3)))"),
    ("np.empty((0, 3))", "x.copy()"),
    ("np.array(None, object)", "x[()]"),
    ("torch.empty(3, device='meta')", "x[[0, 1]]"),
]


def run(setup: str, code: str) -> tuple[Any, Any, bridge.auditing.AuditLog]:
    names: dict[str, Any] = {"np": np, "torch": torch}
    names["x"] = eval(setup, names)
    changed = rewritten(f"import numpy as np\nresult = {code}\n", "/program/lines.py")
    assert changed is not None
    with bridge.audit() as log:
        exec(changed, names)
    return names["x"], names["result"], log


def writes_show(x: Any, result: Any) -> bool:
    """Whether what is written into `x` is read from `result`."""
    before = bytes(result) if isinstance(result, bytes) else str(result)
    x = np.asarray(x) if isinstance(x, memoryview) else x
    x.ravel()[...] = 77
    return before != (bytes(result) if isinstance(result, bytes) else str(result))


@pytest.mark.parametrize(("setup", "code", "call", "hidden"), COPIES, ids=lambda each: str(each)[:50])
def test_copies(setup: str, code: str, call: str, hidden: bool) -> None:
    x, result, log = run(setup, code)
    (found,) = [c for c in log if c.call == call]
    assert (found.outcome, found.hidden, found.times) == ("copied", hidden, 1)
    assert (found.place.file, found.place.line) == ("/program/lines.py", 2)
    assert found.seconds > 0
    assert not writes_show(x, result)
    if isinstance(result, np.ndarray | torch.Tensor):
        assert found.nbytes == result.nbytes
    elif isinstance(result, list):
        assert found.nbytes == x.nbytes
    else:
        assert found.nbytes == len(result)


@pytest.mark.parametrize(("setup", "code"), NO_COPIES)
def test_what_copies_no_array_is_not_told(setup: str, code: str) -> None:
    assert [str(c) for c in run(setup, code)[2]] == []


@pytest.mark.parametrize("setup", [A, T])
def test_augmented_assignment_reads_what_it_changes(setup: str) -> None:
    names: dict[str, Any] = {"np": np, "torch": torch}
    names["x"] = x = eval(setup, names)
    code = rewritten("i = [0, 2]\nx[i] += 1\nx[0] += 1\nx[:2] += 1\nx[i] = 9\n", "/program/lines.py")
    assert code is not None
    with bridge.audit() as log:
        exec(code, names)
    (found,) = log
    assert (found.call[-2:], found.place.line, found.nbytes) == ("[]", 2, x[:2].nbytes)
    assert x[:, 0].tolist() == [9, 4, 9, 9]


def test_every_call_of_the_table_has_a_row() -> None:
    rows = {call for _, _, call, _ in COPIES}
    calls = {
        *(call.label for calls in METHODS.values() for call in calls.values() if not call.moves),
        *(call.label for calls in FUNCTIONS.values() for call in calls.values()),
    }
    elsewhere = {"Tensor.pin_memory", "Image.fromarray", "Image.tobytes"} | {"np.concat"}
    elsewhere |= {
        f"{kind}.{name}" for kind in ("DataFrame", "Series", "Index") for name in ("to_numpy", "values")
    }
    assert calls - rows == elsewhere


def test_no_call_is_watched_twice() -> None:
    watched = {(call.module, call.name) for call in CALLS}
    ours = {(module, name) for module, calls in FUNCTIONS.items() for name in calls}
    ours |= {("torch", f"Tensor.{name}") for name in METHODS["torch", "Tensor"]}
    assert watched & ours == {("numpy", "copy")} & ours


def test_the_alternative_shares() -> None:
    x, _, log = run(A, "x.astype(np.float64)")
    (found,) = log
    assert found.alternative == "x.astype(np.float64, copy=False)"
    assert eval(found.alternative, {"x": x, "np": np}) is x


def test_a_conversion_inside_a_copy_counts_once() -> None:
    _, _, log = run(T, "np.stack([row for row in x])")
    (found,) = log
    assert (found.source, found.outcome, found.nbytes) == ("list of torch tensors", "copied", 48)


def test_frames_of_pandas() -> None:
    pd = pytest.importorskip("pandas", reason="frames of pandas")
    block = np.ones((3, 2))
    mixed, whole = pd.DataFrame({"a": [1.0, 2.0], "b": [1, 2]}), pd.DataFrame(block, copy=False)
    text = "mixed.values; mixed.to_numpy(); whole.values; whole[0].values; whole[0].to_numpy(dtype='f4')\n"
    changed = rewritten(text, "/program/lines.py")
    assert changed is not None
    with bridge.audit() as log:
        exec(changed, {"mixed": mixed, "whole": whole})
    assert [(c.call, c.nbytes) for c in log.hidden] == [
        ("DataFrame.values", 32),
        ("DataFrame.to_numpy", 32),
        ("Series.to_numpy", 12),
    ]
    assert len(log) == 3


def test_series_of_pandas_in_functions_of_numpy() -> None:
    pd = pytest.importorskip("pandas", reason="a series of pandas")
    text = "made = np.reshape(series, (3, 2)), np.tile(series, (2, 1)), np.ravel(series)\n"
    changed = rewritten(text, "/program/lines.py")
    assert changed is not None
    names = {"np": np, "series": pd.Series(np.arange(6.0), copy=False)}
    with bridge.audit() as log:
        exec(changed, names)
    assert [(c.call, c.outcome, c.nbytes) for c in log] == [("np.tile", "copied", 96)]
    reshaped, tiled, flat = names["made"]
    assert np.shares_memory(reshaped, flat)
    assert not np.shares_memory(tiled, flat)


def test_pictures() -> None:
    image = pytest.importorskip("PIL.Image", reason="pictures of Pillow")
    text = "grey = Image.fromarray(x)\ncolour = Image.fromarray(y)\ncolour.tobytes()\n"
    changed = rewritten(text, "/program/lines.py")
    assert changed is not None
    x, y = np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.uint8)
    names = {"Image": image, "x": x, "y": y}
    with bridge.audit() as log:
        exec(changed, names)
    assert [(c.place.line, c.call, c.nbytes) for c in log] == [
        (2, "Image.fromarray", 48),
        (3, "Image.tobytes", 48),
    ]
    x[...] = y[...] = 9
    assert np.asarray(names["grey"]).max() == 9
    assert np.asarray(names["colour"]).max() == 0


SLOW = [
    # x, code, what is faster
    ("[np.ones(3), np.ones(3)]", "torch.tensor(x)", "torch.from_numpy(np.stack(x))"),
    ("[np.ones(3), np.ones(3)]", "torch.as_tensor(x)", "torch.from_numpy(np.stack(x))"),
    ("[np.ones(3), np.ones(3)]", "torch.FloatTensor(x)", "torch.from_numpy(np.stack(x)).to(torch.float32)"),
    ("[torch.ones(3), torch.ones(3)]", "np.array(x)", "torch.stack(x).numpy()"),
    ("np.ones(3, np.float32)", "torch.Tensor(x)", "torch.from_numpy(x)"),
    ("np.ones(3, np.float32)", "torch.FloatTensor(x)", "torch.from_numpy(x)"),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("setup", "code", "faster"), SLOW)
def test_what_is_faster_gives_the_same(setup: str, code: str, faster: str) -> None:
    x, result, log = run(setup, code + " if np.ones(1).copy() else 0")
    (found,) = [c for c in log if c.call != "ndarray.copy"]
    assert found.faster == faster
    assert found.verdict == f"{found.outcome}, but slow"
    assert found.tone == "note"
    other = eval(faster, {"x": x, "np": np, "torch": torch})
    assert type(other) is type(result)
    assert other.dtype == result.dtype
    assert other.tolist() == result.tolist()


def test_a_program_and_its_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay buffer and a loop over batches: every copied byte, worked out by hand."""
    from numpy_bridge.auditing.run import run as run_program

    (tmp_path / "replay_of_program.py").write_text(
        "import numpy as np, torch\n"
        "class Replay:\n"
        "    def __init__(self, size, width):\n"
        "        self.states = np.zeros((size, width))\n"
        "    def sample(self, count):\n"
        "        rows = np.arange(count)\n"
        "        return torch.FloatTensor(self.states[rows])\n"  # 7: 5 x (8 x 3 x 8 + 8 x 3 x 4)
    )
    (tmp_path / "program.py").write_text(
        "import numpy as np, torch\n"
        "from replay_of_program import Replay\n"
        "replay = Replay(100, 3)\n"
        "data = np.arange(100, dtype=np.uint16)\n"
        "for step in range(5):\n"
        "    batch = replay.sample(8)\n"
        "    x = torch.stack([torch.from_numpy((data[i:i + 4]).astype(np.int64)) for i in range(8)])\n"
        "    y = torch.cat([batch, batch], 1)\n"
    )
    monkeypatch.chdir(tmp_path)
    done = run_program(["program.py"])
    sys.modules.pop("replay_of_program")
    assert done.status == 0
    found = {(Path(line.file).name, line.line): line.copied_bytes for line in done.log.lines()}
    assert found == {
        ("replay_of_program.py", 7): 5 * (8 * 3 * 8 + 8 * 3 * 4),
        ("program.py", 7): 5 * (8 * 4 * 8 + 8 * 4 * 8),
        ("program.py", 8): 5 * 8 * 6 * 4,
    }
    assert 0 < done.log.seconds < done.log.elapsed


def test_pictures_are_not_copied_to_find_out_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    image = pytest.importorskip("PIL.Image", reason="pictures of Pillow")
    picture = image.new("RGB", (4, 2))
    asked: list[object] = []
    to_bytes = image.Image.tobytes
    monkeypatch.setattr(image.Image, "tobytes", lambda self: (asked.append(self), to_bytes(self))[1])
    names: dict[str, Any] = {"np": np, "picture": picture, "image": image}
    changed = rewritten("x = np.asarray(picture)\nimage.fromarray(x)\n", "/program/of_pictures.py")
    assert changed is not None
    with bridge.audit() as log:
        exec(changed, names)
    assert [(c.call, c.outcome, c.nbytes) for c in log] == [
        *(("np.asarray", "copied", 24), ("Image.fromarray", "copied", 24)),
    ]
    assert len(asked) == 1  # by NumPy


def test_fake_tensors_are_not_asked_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = pytest.importorskip("torch._subclasses.fake_tensor")  # torch warns of such questions
    asked: list[object] = []
    share = _core.may_share_memory
    monkeypatch.setattr(_core, "may_share_memory", lambda *both: (asked.extend(both), share(*both))[1])
    changed = rewritten("x.t().reshape(-1)\n", "/program/of_fakes.py")
    assert changed is not None
    with fake.FakeTensorMode(), bridge.audit() as log:
        x = torch.ones(3, 4)
        exec(changed, {"x": x})
    assert (type(x), len(log), asked) == (fake.FakeTensor, 0, [])
