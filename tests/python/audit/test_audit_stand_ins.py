"""What stands in for a function during an audit is taken for the function itself, by everything."""

from __future__ import annotations

import copy
import functools
import gc
import inspect
import pickle
import subprocess
import sys
import traceback
import warnings
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge.auditing.install.installation import installation

torch = pytest.importorskip("torch", reason="most watched calls are torch's")

KINDS = (inspect.isbuiltin, inspect.isfunction, inspect.isroutine, inspect.ismethoddescriptor, callable)


@pytest.fixture
def patches() -> Iterator[list[Any]]:
    with bridge.audit():
        found = list(installation.patches)
        assert len(found) > 20
        yield found


def signature(function: Any) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except ValueError:  # of a function in C
        return None


def test_it_looks_like_the_original(patches: list[Any]) -> None:
    for patch in patches:
        original, watched = patch.original, patch.stand_in
        assert watched is not original
        assert [kind(watched) for kind in KINDS] == [kind(original) for kind in KINDS], original
        assert isinstance(watched, type(original))
        assert repr(watched) == repr(original)
        assert signature(watched) == signature(original)
        for name in ("__name__", "__qualname__", "__doc__", "__self__", "__objclass__", "__text_signature__"):
            assert getattr(watched, name, None) == getattr(original, name, None), (original, name)
        assert watched.__module__ == getattr(original, "__module__", None)
        assert copy.copy(watched) is copy.deepcopy(watched) is watched
        assert weakref.ref(watched)() is watched
        assert {watched: 1}[watched] == 1
        assert not hasattr(watched, "no_such_attribute")


def test_attributes_can_be_set(patches: list[Any]) -> None:
    watched = patches[0].stand_in
    watched.mine = 1
    assert watched.mine == vars(watched)["mine"] == 1


LOADS = """
import pickle, sys
import numpy, torch, torch.utils.dlpack
for names, pickled in pickle.load(open("pickled", "rb")):
    original = eval(names)
    assert pickle.loads(pickled) == original, (names, pickle.loads(pickled))
assert "numpy_bridge" not in sys.modules
"""


def test_pickles_need_no_audit_and_no_numpy_bridge(patches: list[Any], tmp_path: Path) -> None:
    known = [patch for patch in patches if inspect.ismodule(patch.holder) or inspect.isclass(patch.holder)]
    rows: list[tuple[str, bytes]] = []
    for patch in known:
        holder = patch.holder
        place = holder.__name__ if inspect.ismodule(holder) else f"{holder.__module__}.{holder.__qualname__}"
        if place.partition(".")[0] not in ("numpy", "torch"):
            continue
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            rows.append((f"{place}.{patch.name}", pickle.dumps(patch.stand_in, protocol)))
    (tmp_path / "pickled").write_bytes(pickle.dumps(rows))
    subprocess.run([sys.executable, "-c", LOADS], cwd=tmp_path, check=True)


def test_one_that_was_kept_pickles_after_the_audit() -> None:
    with bridge.audit():
        kept = (torch.as_tensor, torch.from_dlpack, np.asarray, np.copy, torch.Tensor.numpy)
        partial = functools.partial(torch.as_tensor, dtype=torch.float32)
    assert pickle.loads(pickle.dumps(kept)) == (
        *(torch.as_tensor, torch.from_dlpack, np.asarray, np.copy),
        torch._C.TensorBase.numpy,
    )
    assert pickle.loads(pickle.dumps(partial)).func == torch.as_tensor


def test_bound_methods_pickle() -> None:
    tensor = torch.arange(3.0)
    with bridge.audit() as log:
        method = pickle.loads(pickle.dumps(tensor.numpy))
        assert method().tolist() == [0, 1, 2]
    assert [c.call for c in log] == ["Tensor.numpy"]


def test_cloudpickle_takes_functions_that_use_it() -> None:
    cloudpickle = pytest.importorskip("cloudpickle", reason="pickles functions by value")
    with bridge.audit():
        used = torch.from_numpy
        pickled = cloudpickle.dumps(lambda x: used(x).sum().item())
    assert pickle.loads(pickled)(np.ones(3)) == 3


def test_torch_saves_it(tmp_path: Path) -> None:
    with bridge.audit():
        torch.save({"convert": torch.as_tensor}, tmp_path / "saved.pt")
    assert torch.load(tmp_path / "saved.pt", weights_only=False)["convert"] == torch.as_tensor


def test_functions_in_c_do_not_bind_and_others_do() -> None:
    with bridge.audit() as log:
        holds = type("Holds", (), {"convert": torch.from_numpy, "copy": np.copy})
        assert holds().convert(np.ones(3)).sum() == 3
        assert holds.copy(np.ones(3)).sum() == 3
        assert torch.ones(2).numpy().sum() == torch.Tensor.numpy(torch.ones(2)).sum() == 2
    assert {c.call for c in log} == {"torch.from_numpy", "np.copy", "Tensor.numpy"}
    with pytest.raises(TypeError):
        type("Holds", (), {"copy": np.copy})().copy(np.ones(3), "K", False, "one too many")


@pytest.mark.parametrize(
    ("call", "category"),
    [
        (lambda: torch.tensor([np.ones(3), np.ones(3)]), UserWarning),
        (lambda: np.asarray(Old()), DeprecationWarning),
        (lambda: np.asanyarray(Old()), DeprecationWarning),
    ],
)
def test_warnings_have_the_line_of_the_call(call: Any, category: type[Warning]) -> None:
    torch.set_warn_always(True)
    try:
        with bridge.audit(), warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            call()
    finally:
        torch.set_warn_always(False)
    told = {(Path(each.filename).name, each.lineno) for each in seen if issubclass(each.category, category)}
    assert told <= {("test_audit_stand_ins.py", call.__code__.co_firstlineno)}


class Old:
    """Knows no keywords, of which NumPy warns."""

    def __array__(self) -> Any:
        return np.ones(3)


def test_tracebacks_have_no_frame_of_ours() -> None:
    with bridge.audit(), pytest.raises(RuntimeError, match="Could not infer dtype") as caught:
        torch.as_tensor(object())
    files = {frame.filename for frame in traceback.extract_tb(caught.tb)}
    assert files == {__file__}


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ZeroDivisionError])
def test_exceptions_pass_through_and_the_next_call_is_watched(error: type[BaseException]) -> None:
    class Raises:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            raise error("mine")

    with bridge.audit() as log:
        with pytest.raises(error, match="mine"):
            np.asarray(Raises())
        np.asarray(bytearray(3))
    assert [c.outcome for c in log] == ["shared"]


def test_arguments_of_every_form() -> None:
    array = np.ones((2, 3))
    with bridge.audit() as log:
        np.array(array, np.float64, copy=True)
        np.array(object=array)
        np.array(*[array], **{"dtype": np.float64})
        with pytest.raises(TypeError):
            np.array()
        with pytest.raises(TypeError):
            np.array(array, **{1: 2})  # type: ignore[call-overload, misc]
    assert len(log) == 3


def test_it_is_freed_with_the_audit() -> None:
    with bridge.audit():
        gone = [weakref.ref(patch.stand_in) for patch in installation.patches]
    gc.collect()
    assert [reference() for reference in gone] == [None] * len(gone)


PROGRAMS = {
    "functions as values": """
import functools, inspect, pickle, torch, numpy as np
from torch import from_numpy
class Holds: convert = torch.from_numpy
print(Holds().convert(np.ones(2)), pickle.loads(pickle.dumps(from_numpy)) is from_numpy)
print(inspect.isbuiltin(torch.as_tensor), inspect.signature(np.copy), torch.as_tensor.__self__)
print(functools.partial(torch.as_tensor, dtype=torch.float32)(np.ones(2)))
""",
    "warnings": """
import numpy as np, torch
print(torch.tensor([np.ones(2), np.ones(2)]))
class Old:
    def __array__(self): return np.ones(2)
print(np.asarray(Old()))
""",
    "an exception": "import torch\nprint(1)\ntorch.as_tensor(object())\n",
    "an exit status": "import sys, numpy as np\nnp.array(bytearray(3))\nsys.exit(3)\n",
    "compilers": """
import numpy as np, torch
@torch.jit.script
def doubled(x: torch.Tensor) -> torch.Tensor: return torch.as_tensor(x).clone() * 2
print(doubled(torch.ones(2)))
class Model(torch.nn.Module):
    def forward(self, x): return torch.as_tensor(x).contiguous() + 1
print(torch.fx.symbolic_trace(Model()).code)
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_prints_the_same_with_and_without(name: str, tmp_path: Path) -> None:
    pytest.importorskip("typer", reason="the command line needs typer")
    (tmp_path / "program.py").write_text(PROGRAMS[name])

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *words, "program.py"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    plain, audited = run(), run("-m", "numpy_bridge", "audit")
    same = (str(tmp_path / "program.py"), "program.py")  # the audit makes __file__ absolute
    assert audited.returncode == plain.returncode
    assert audited.stderr.replace(*same) == plain.stderr.replace(*same)
    assert audited.stdout.startswith(plain.stdout)
