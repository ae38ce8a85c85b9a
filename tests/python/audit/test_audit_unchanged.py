"""`audit` leaves everything as it was: objects, results and exceptions."""

from __future__ import annotations

import gc
import importlib
import inspect
import pickle
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge.auditing.judging import addresses
from numpy_bridge.auditing.judging.calls import CALLS

torch = pytest.importorskip("torch", reason="most watched calls are torch's")

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

    monkeypatch.setattr(addresses, "may_share_memory", fail)
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
