"""`audit`: what it sees, and to which line it ascribes that."""

from __future__ import annotations

import functools
import importlib
import os
import subprocess
import sys
import threading
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy import asarray as asarray_of_before

import numpy_bridge as bridge
from numpy_bridge.auditing.install.installation import Installation, installation
from numpy_bridge.auditing.judging import call_site

torch = pytest.importorskip("torch", reason="most watched calls are torch's")

tensor_of_before = torch.tensor
HERE = Path(__file__).name


def only(log: bridge.auditing.AuditLog) -> Any:
    (conversion,) = log
    return conversion


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
    with bridge.audit(), installation.patches.suspended():
        child = os.fork()
        if child == 0:
            with bridge.audit() as log:
                torch.tensor(np.ones(2))
            os._exit(0 if len(log) == 1 else 1)
        assert os.waitpid(child, 0)[1] == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="os.fork is missing")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("inside", [True, False])
def test_after_an_audit_a_forked_process_has_nothing_to_undo(
    inside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking for stand-ins in all modules takes longer than forking."""
    with bridge.audit() if inside else nullcontext():
        monkeypatch.setattr(Installation, "_uninstall", lambda self: os._exit(7))
        child = os.fork()
        if child == 0:
            os._exit(0)
        monkeypatch.undo()
    assert os.waitpid(child, 0)[1] >> 8 == (7 if inside else 0)


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


def test_a_library_that_stays_in_its_library_is_not_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "import numpy as np\ndef work(a, t):\n    np.array(a), np.copy(a), t.clone(), t.double()\n"
    installed = library(tmp_path, code + "    return np.asarray(t)\n")
    judged: list[str] = []
    report = installation.dispatcher.report

    def counted(call: Any, *arguments: Any) -> None:
        judged.append(call.label)
        report(call, *arguments)

    monkeypatch.setattr(installation.dispatcher, "report", counted)
    with bridge.audit() as log:
        installed.work(np.ones(2), torch.ones(2))
    assert judged == ["np.asarray"]
    assert only(log).call == "np.asarray"


@pytest.mark.parametrize("with_executing", [True, False])
def test_the_expression_that_runs(with_executing: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last expression does not name np.array, which code in C calls on its own account."""
    monkeypatch.setattr(call_site, "_known_words", {})
    if with_executing:
        pytest.importorskip("executing", reason="finds the expression that is evaluated")
    else:
        monkeypatch.setattr(call_site, "Source", None)
    with bridge.audit() as log:
        convert = functools.partial(np.array, copy=True)
        (np.array([1.0]), list(map(np.array, [[2.0]])))
        convert([3.0])
    assert len(log) == (2 if with_executing else 3)


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
    with bridge.audit() as one:
        torch.tensor(np.ones(1))
    assert repr(one) == "<AuditLog: 1 conversion, 8 bytes copied, 0 bytes shared>"
    assert (
        str(log)
        .splitlines()[0]
        .endswith(
            "torch.tensor: copied 48 bytes, 3 times, numpy float64 to torch float64: "
            "torch.tensor always copies; bridge.to_torch(np.ones(i + 1)) shares, "
            "if neither array is written while the other is in use"
        )
    )
    assert [c.call for c in log.copies] == [c.call for c in log.hidden] == ["torch.tensor"]


def test_a_log_can_be_read_meanwhile() -> None:
    with bridge.audit() as log:
        assert str(log) == "no conversions"
        torch.tensor(np.ones(1))
        assert len(log) == 1
