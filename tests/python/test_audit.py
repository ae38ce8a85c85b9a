"""`audit`: what it leaves as it was, what it sees, and to which line it ascribes that."""

from __future__ import annotations

import gc
import importlib
import inspect
import os
import pickle
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy import asarray as asarray_of_before

import numpy_bridge as bridge
from numpy_bridge.auditing import judge, replacements
from numpy_bridge.auditing.calls import CALLS

torch = pytest.importorskip("torch", reason="most watched calls are torch's")

tensor_of_before = torch.tensor
HERE = Path(__file__).name
LOADED = bridge.audit  # attributes that come when they are asked for are there from here on


def attributes() -> dict[tuple[int, str], int]:
    """Every attribute that an audit could touch, by identity."""
    modules: list[Any] = [sys.modules[call.module] for call in CALLS if call.module in sys.modules]
    holders = [*modules, torch.Tensor, sys.modules[__name__]]
    found = {(id(holder), name): id(value) for holder in holders for name, value in vars(holder).items()}
    collate = torch.utils.data._utils.collate.default_collate_fn_map
    found |= {(id(collate), repr(key)): id(value) for key, value in collate.items()}
    return found | {(0, "meta path"): len(sys.meta_path), (0, "jit"): len(torch.jit._builtins._builtin_table)}


def only(log: bridge.auditing.AuditLog) -> Any:
    (conversion,) = log
    return conversion


# Afterwards


def test_everything_is_the_very_same_object_afterwards() -> None:
    before = attributes()
    with bridge.audit():
        assert attributes() != before
    assert attributes() == before


def test_also_after_an_exception() -> None:
    before = attributes()
    with pytest.raises(ZeroDivisionError), bridge.audit():
        raise ZeroDivisionError
    assert attributes() == before


def test_also_when_audits_overlap() -> None:
    before = attributes()
    first, second = bridge.audit(), bridge.audit()
    one = first.__enter__()
    torch.tensor(np.ones(1))
    two = second.__enter__()
    torch.tensor(np.ones(2))
    first.__exit__(None, None, None)
    torch.tensor(np.ones(3))
    second.__exit__(None, None, None)
    assert attributes() == before
    assert (one.copied_bytes, two.copied_bytes) == (8 + 16, 16 + 24)


def test_names_bound_during_an_audit_are_restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bound_during_an_audit.py").write_text(
        "from numpy import asarray\nfrom torch import tensor\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with bridge.audit() as log:
        module = importlib.import_module("bound_during_an_audit")
        module.asarray(torch.ones(2))
        kept = module.tensor
    assert log.shared_bytes == 8
    assert (module.asarray, module.tensor) == (np.asarray, torch.tensor)
    kept(np.ones(2))  # a stand-in that somebody has kept does nothing any more
    assert len(log) == 1


def test_what_the_program_replaces_itself_stays_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    def mine(x: object) -> object:
        return x

    monkeypatch.setattr(torch, "from_numpy", torch.from_numpy)
    with bridge.audit():
        torch.from_numpy = mine
    assert torch.from_numpy is mine


def test_a_log_keeps_nothing_alive() -> None:
    array = np.ones(1000)
    with bridge.audit() as log:
        tensor = torch.as_tensor(array)
        again = torch.tensor(array)
    watched = [weakref.ref(x) for x in (array, tensor, again)]
    del array, tensor, again
    gc.collect()
    assert [ref() for ref in watched] == [None] * 3
    assert log.copied_bytes == log.shared_bytes == 8000


# Meanwhile


CALLABLES: list[Callable[[], Any]] = [
    lambda: torch.tensor,
    lambda: torch.from_dlpack,
    lambda: torch.Tensor.numpy,
    lambda: torch.Tensor.__array__,
    lambda: np.asarray,
    lambda: np.array,
    lambda: bridge.to_torch,
]


@pytest.mark.parametrize("find", CALLABLES)
def test_functions_look_the_same(find: Callable[[], Any]) -> None:
    def looks() -> tuple[Any, ...]:
        function = find()
        try:
            signature = str(inspect.signature(function))
        except ValueError:
            signature = "none"
        names = (function.__name__, function.__qualname__, function.__doc__, callable(function))
        return (*names, getattr(function, "__module__", None), signature)

    before = looks()
    with bridge.audit():
        assert looks() == before


def test_functions_can_be_pickled() -> None:
    with bridge.audit():
        assert pickle.loads(pickle.dumps(np.asarray)) is np.asarray
        data = pickle.dumps(np.asarray)
    assert pickle.loads(data) is np.asarray


def test_types_stay_types() -> None:
    class Mine(torch.Tensor):
        pass

    class Strict(torch.Tensor):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)

    class Mixin:
        def __init__(self, *arguments: Any) -> None:
            self.arguments = arguments

    class Mixed(torch.Tensor, Mixin):
        pass

    assert Mixed([1.0]).arguments == ([1.0],)
    with bridge.audit():
        assert Mixed([1.0]).arguments == ([1.0],)
        assert type(torch.Tensor([1])) is torch.Tensor
        assert isinstance(torch.FloatTensor([1]), torch.FloatTensor)
        assert torch.ones(1).type(torch.DoubleTensor).dtype == torch.float64
        assert type(Mine([1])) is Mine
        assert type(torch.nn.Parameter(torch.ones(1))) is torch.nn.Parameter
        with pytest.raises(TypeError):
            Strict([1.0])
    with pytest.raises(TypeError):
        Strict([1.0])


REFUSED = [
    lambda: torch.tensor(np.ones(3)[::-1]),
    lambda: torch.from_numpy([1]),
    lambda: torch.ones(2, requires_grad=True).numpy(),
    lambda: np.asarray(torch.ones(2, requires_grad=True)),
    lambda: torch.tensor(),
    lambda: torch.tensor(nothing=1),
    lambda: torch.FloatTensor("x"),
    lambda: torch.Tensor.numpy(1),
    lambda: bridge.to_torch(np.ones(3)[::-1]),
]


@pytest.mark.parametrize("call", REFUSED)
def test_exceptions_are_the_same(call: Callable[[], Any]) -> None:
    def error() -> tuple[type, str]:
        with pytest.raises(Exception) as caught:  # noqa: PT011
            call()
        return caught.type, str(caught.value)

    before = error()
    with bridge.audit() as log:
        assert error() == before
    assert list(log) == []
    with bridge.audit() as log:
        torch.tensor(np.ones(1))
    assert len(log) == 1


def test_modes_and_subclasses_see_the_same_calls() -> None:
    class Listening(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(function)
            return function(*args, **(kwargs or {}))

    class Mine(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(function)
            return super().__torch_function__(function, types, args, kwargs)

    def program() -> list[Any]:
        seen.clear()
        with Listening():
            x = torch.as_tensor([1.0, 2.0]).clone().to(torch.float64).contiguous()
            np.asarray(x.as_subclass(Mine))
            x.as_subclass(Mine).clone().tolist()
        return list(seen)

    seen: list[Any] = []
    before = program()
    with bridge.audit() as log:
        during = program()
    assert [f.__name__ for f in during] == [f.__name__ for f in before]
    assert len(log) == 7


def test_gradients_flow() -> None:
    x = torch.ones(3, requires_grad=True)
    with bridge.audit() as log:
        (x.clone().contiguous().to(torch.float64) * 2).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2, 2, 2]
    assert [c.call for c in log] == ["Tensor.clone", "Tensor.contiguous", "Tensor.to"]


def test_tensors_stay_resizable() -> None:
    x = torch.ones(3)
    with bridge.audit():
        x.cpu()
        x.clone()
        x.contiguous()
    x.resize_(1 << 20)


def in_float64(x: torch.Tensor) -> torch.Tensor:
    return torch.as_tensor(x).clone().contiguous().to(torch.float64) + torch.tensor(1.0)


def through_numpy(x: Any) -> Any:
    return torch.from_numpy(np.asarray(x)) + 1


def test_torch_compile_works_during_an_audit_and_after() -> None:
    code = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
import numpy as np, torch, numpy_bridge as bridge
from test_audit import in_float64, through_numpy

def run(fullgraph):
    torch._dynamo.reset()
    compiled = torch.compile(in_float64, backend="eager", fullgraph=True)
    assert compiled(torch.ones(2)).tolist() == [2, 2]
    compiled = torch.compile(through_numpy, backend="eager", fullgraph=fullgraph)
    assert compiled(np.ones(2)).tolist() == [2, 2]

with bridge.audit():
    run(True)
    run(False)
run(True)
with bridge.audit():
    run(True)
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


@pytest.mark.filterwarnings("ignore")
def test_torch_jit_and_func_work_during_an_audit() -> None:
    ones = torch.ones(2)
    with bridge.audit():
        assert torch.jit.script(in_float64)(ones).tolist() == [2, 2]
        assert torch.jit.trace(in_float64, ones)(ones).tolist() == [2, 2]
        assert torch.vmap(in_float64)(ones).tolist() == [2, 2]
        assert torch.func.grad(lambda x: in_float64(x).sum())(ones).tolist() == [1, 1]


def test_tensors_without_memory_are_no_conversions() -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode

    with bridge.audit() as log:
        torch.ones(2, device="meta").clone()
        torch.vmap(lambda x: x.clone())(torch.ones(2))
        with FakeTensorMode():
            torch.ones(2).to(torch.float64)
    assert list(log) == []


def test_what_cannot_be_found_out_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bool:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr(judge, "may_share_memory", fail)
    with bridge.audit() as log:
        assert torch.tensor(np.ones(2)).tolist() == [1, 1]
    assert next(iter(log)).outcome == "unknown"
    assert "ZeroDivisionError: by nought" in next(iter(log)).reason
    assert log.copied_bytes == 8 + 8  # of the tolist


def test_sparse_tensors_are_unknown() -> None:
    with bridge.audit() as log:
        torch.eye(2).to_sparse().clone()
    assert only(log).reason == "the parts of a sparse tensor may be shared or copied"


def test_libraries_that_are_imported_meanwhile_keep_originals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may put them into tables, where nobody would find them again."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "keeps_a_table.py").write_text(
        "import numpy, torch\nTABLE = {numpy.array: 1, torch.Tensor.to: 2}\n"
    )
    monkeypatch.syspath_prepend(folder)
    with bridge.audit() as log:
        module = importlib.import_module("keeps_a_table")
        torch.tensor(np.ones(1))
    assert len(log) == 1
    assert {np.array: 1, torch.Tensor.to: 2} == module.TABLE


# What is seen


def test_names_bound_before() -> None:
    with bridge.audit() as log:
        asarray_of_before(torch.ones(2))
        tensor_of_before(np.ones(2))
    assert [c.call for c in log] == ["np.asarray", "torch.tensor"]


def test_names_that_are_out_of_reach_are_seen_through_the_tensor() -> None:
    kept = [np.array, np.asarray]
    with bridge.audit() as log:
        kept[1](torch.ones(2))
        np.stack([torch.ones(2)])
    assert [(c.call, c.outcome) for c in log] == [("Tensor.__array__", "shared")] * 2


def test_a_module_imported_later_is_watched() -> None:
    code = """
import sys, numpy as np, numpy_bridge as bridge
with bridge.audit() as log:
    assert "torch" not in sys.modules
    import torch
    torch.tensor(np.ones(2)).tolist()
    torch.FloatTensor(np.ones(2))
    list(torch.utils.data.DataLoader([1, 2]))
assert {c.call for c in log} == {"torch.tensor", "Tensor.tolist", "torch.FloatTensor", "default_collate"}, log
assert "exec_module" not in vars(torch.__spec__.loader)
assert torch.tensor is torch._C._VariableFunctions.tensor
assert "numpy" not in vars(torch.Tensor)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_threads() -> None:
    def work() -> None:
        for _ in range(50):
            torch.tensor(np.ones(10))

    with bridge.audit() as log:
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (only(log).times, only(log).nbytes) == (400, 400 * 80)
    assert only(log).place.function.endswith("work")


def test_audits_come_and_go_while_threads_work() -> None:
    before = attributes()
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            assert torch.tensor(np.ones(2)).numpy().tolist() == [1, 1]

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        with bridge.audit():
            torch.FloatTensor(np.ones(2))
    stop.set()
    for thread in threads:
        thread.join()
    assert attributes() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="os.fork is missing")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_is_not_watched() -> None:
    with bridge.audit() as log:
        child = os.fork()
        if child == 0:
            torch.tensor(np.ones(2))
            same = torch.tensor is torch._C._VariableFunctions.tensor and "numpy" not in vars(torch.Tensor)
            os._exit(0 if same and len(log) == 0 else 1)
        assert os.waitpid(child, 0)[1] == 0
        torch.tensor(np.ones(2))
    assert len(log) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="os.fork is missing")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_process_forked_during_an_import_can_audit() -> None:
    with bridge.audit(), replacements.suspended():
        child = os.fork()
        if child == 0:
            with bridge.audit() as log:
                torch.tensor(np.ones(2))
            os._exit(0 if len(log) == 1 else 1)
        assert os.waitpid(child, 0)[1] == 0


def test_only_the_outermost_call_counts() -> None:
    with bridge.audit() as log:
        np.asarray(torch.ones(2))  # which calls Tensor.__array__, which calls Tensor.numpy
        bridge.to_numpy(torch.ones(2), copy=True)
    assert [c.call for c in log] == ["np.asarray", "bridge.to_numpy"]


def test_calls_from_c_code_are_not_the_lines_own() -> None:
    """NumPy's generators call np.asarray, from Cython, without a frame to be seen."""
    with bridge.audit() as log:
        np.random.default_rng([1, 2]).integers(0, 2, 3)
        list(map(torch.tensor, [[1], [2]]))
        # fmt: off
        np.array(
            [1, 2]
        ), np.random.default_rng(0).normal(size=3)
        # fmt: on
    assert [(c.call, c.times) for c in log] == [("torch.tensor", 2), ("np.array", 1)]


def test_calls_that_libraries_make_on_their_own_arrays_do_not_count() -> None:
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters())
    with bridge.audit() as log:
        model(torch.ones(4, 3)).sum().backward()
        optimizer.step()
        np.median(np.ones(5))
        np.linspace(0, 1, 5)
    assert list(log) == []


# Whose line


def test_place() -> None:
    with bridge.audit() as log:
        torch.tensor(np.ones(2))  # this line
    place = only(log).place
    assert Path(place.file).name == HERE
    assert place.text == "torch.tensor(np.ones(2))  # this line"
    assert place.function == "test_place"
    assert place.through == ""


def test_a_library_is_named_where_it_made_the_call() -> None:
    with bridge.audit() as log:
        np.stack([torch.ones(2)])  # the line that counts
    place = only(log).place
    assert place.text.endswith("# the line that counts")
    assert place.through.endswith(".stack")


def test_collation_belongs_to_the_line_of_the_loop() -> None:
    loader = torch.utils.data.DataLoader([np.ones(3), np.ones(3)])
    with bridge.audit() as log:
        for _ in loader:  # here
            pass
    assert only(log).place.text == "for _ in loader:  # here"


def library(folder: Path, text: str) -> ModuleType:
    """A module as if pip had installed it."""
    folder = folder / "site-packages"
    folder.mkdir()
    (folder / "installed_for_audit.py").write_text(text)
    specification = importlib.util.spec_from_file_location("installed", folder / "installed_for_audit.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_installed_code_is_not_the_users(tmp_path: Path) -> None:
    code = "import numpy as np, torch\ndef convert(x): return torch.tensor(x)\n"
    code += "def on_its_own(): return np.array([1, 2]), torch.ones(2).clone()\n"
    installed = library(tmp_path, code)
    with bridge.audit() as log:
        installed.on_its_own()
        installed.convert(np.ones(2))  # mine
    assert only(log).place.text == "installed.convert(np.ones(2))  # mine"
    assert only(log).place.through == "installed.convert"


# The log


def test_log() -> None:
    with bridge.audit() as log:
        for i in range(3):
            torch.tensor(np.ones(i + 1))  # copies
            torch.from_numpy(np.ones(100))  # shares
    first, second = log.lines()
    assert (first.text, first.times, first.copied_bytes) == ("torch.tensor(np.ones(i + 1))  # copies", 3, 48)
    assert (second.shared_bytes, second.copied_bytes) == (2400, 0)
    assert len(log) == 6
    assert repr(log) == "<AuditLog: 6 conversions, 48 bytes copied, 2,400 bytes shared>"
    assert (
        str(log)
        .splitlines()[0]
        .endswith(
            "torch.tensor: copied 48 bytes, 3 times, numpy float64 to torch float64: "
            "torch.tensor always copies; bridge.to_torch(x) shares"
        )
    )
    assert [c.call for c in log.copies] == [c.call for c in log.hidden] == ["torch.tensor"]


def test_a_log_can_be_read_meanwhile() -> None:
    with bridge.audit() as log:
        assert str(log) == "no conversions"
        torch.tensor(np.ones(1))
        assert len(log) == 1
