"""Memory that moves to and from devices, which the host plays here: which way, how much, and who waits.

`tests/python/cuda/test_gpu_audit.py` compares what the audit says of waiting with a device.
"""

from __future__ import annotations

import io
import json
import linecache
import sys
from html import unescape
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge.auditing.ci.annotations import sarif
from numpy_bridge.auditing.ci.limits import Limits
from numpy_bridge.auditing.model import AuditLog, Conversion
from numpy_bridge.auditing.program.copies import METHODS
from numpy_bridge.auditing.program.rewriting import rewritten
from numpy_bridge.auditing.run import Run

torch = pytest.importorskip("torch", reason="tensors move")

import simulated_torch_cuda  # noqa: E402

UP, DOWN, ACROSS = "host to device", "device to host", "device to device"
PAGEABLE, PINNED, NONE = False, True, None
WAITS, GOES_ON, NO_ADVICE = True, False, ""

READ = "if the source is not written before the device has read it"

TRANSFERS = [
    # code, call, direction, bytes, pinned, non_blocking, waits, advice
    ("t.to('cuda')", "Tensor.to", UP, 24, PAGEABLE, False, WAITS,
     "create t in pinned memory, then t.to('cuda', non_blocking=True)"),
    ("t.cuda()", "Tensor.cuda", UP, 24, PAGEABLE, False, WAITS,
     "create t in pinned memory, then t.cuda(non_blocking=True)"),
    ("t.to('cuda', non_blocking=True)", "Tensor.to", UP, 24, PAGEABLE, True, WAITS,
     "create t in pinned memory, then t.to('cuda', non_blocking=True)"),
    ("p.to('cuda')", "Tensor.to", UP, 24, PINNED, False, WAITS, "p.to('cuda', non_blocking=True)"),
    ("p.to('cuda', non_blocking=False)", "Tensor.to", UP, 24, PINNED, False, WAITS,
     "p.to('cuda', non_blocking=True)"),
    ("p.to('cuda', non_blocking=True)", "Tensor.to", UP, 24, PINNED, True, GOES_ON, NO_ADVICE),
    ("p.to('cuda', torch.float32, True)", "Tensor.to", UP, 24, PINNED, True, GOES_ON, NO_ADVICE),
    ("p.cuda(0, True)", "Tensor.cuda", UP, 24, PINNED, True, GOES_ON, NO_ADVICE),
    ("p[:, 0].to('cuda', non_blocking=True)", "Tensor.to", UP, 8, PAGEABLE, True, WAITS,
     "create p[:, 0] in pinned memory, then p[:, 0].to('cuda', non_blocking=True)"),
    ("p.t().to('cuda', non_blocking=True)", "Tensor.to", UP, 24, PINNED, True, GOES_ON, NO_ADVICE),
    ("torch.tensor([1.0, 2.0], device='cuda')", "torch.tensor", UP, 8, PAGEABLE, False, WAITS, NO_ADVICE),
    ("torch.tensor(a, device='cuda')", "torch.tensor", UP, 24, PAGEABLE, False, WAITS, NO_ADVICE),
    ("torch.as_tensor(a, device='cuda')", "torch.as_tensor", UP, 24, PAGEABLE, False, WAITS, NO_ADVICE),
    ("d.copy_(t)", "Tensor.copy_", UP, 24, PAGEABLE, False, WAITS,
     "create t in pinned memory, then d.copy_(t, non_blocking=True)"),
    ("d.copy_(p, True)", "Tensor.copy_", UP, 24, PINNED, True, GOES_ON, NO_ADVICE),
    ("d.copy_(other=p, non_blocking=True)", "Tensor.copy_", UP, 24, PINNED, True, GOES_ON, NO_ADVICE),
    ("model.to('cuda')", "Tensor.to", UP, 16, PAGEABLE, False, WAITS, NO_ADVICE),
    # with another dtype, the host converts before, and with non_blocking the device afterwards
    ("small.to('cuda', torch.float32)", "Tensor.to", UP, 24, PAGEABLE, False, WAITS,
     "small.to('cuda:0').to(torch.float32)"),
    ("small.to('cuda', torch.float32, non_blocking=True)", "Tensor.to", UP, 6, PAGEABLE, True, WAITS,
     "create small in pinned memory, then small.to('cuda', torch.float32, non_blocking=True)"),
    ("d.to('cpu', torch.float64)", "Tensor.to", DOWN, 24, PAGEABLE, False, WAITS, NO_ADVICE),
    ("d.to('cpu', torch.float64, non_blocking=True)", "Tensor.to", DOWN, 48, PINNED, True, GOES_ON,
     NO_ADVICE),
    ("d.cpu()", "Tensor.cpu", DOWN, 24, PAGEABLE, False, WAITS, NO_ADVICE),
    ("d.cpu().numpy()", "Tensor.cpu", DOWN, 24, PAGEABLE, False, WAITS, NO_ADVICE),
    ("d.to('cpu', non_blocking=True)", "Tensor.to", DOWN, 24, PINNED, True, GOES_ON, NO_ADVICE),
    ("t.copy_(d, non_blocking=True)", "Tensor.copy_", DOWN, 24, PAGEABLE, True, WAITS, NO_ADVICE),
    ("p.copy_(d, non_blocking=True)", "Tensor.copy_", DOWN, 24, PINNED, True, GOES_ON, NO_ADVICE),
    ("d.tolist()", "Tensor.tolist", DOWN, 24, PAGEABLE, False, WAITS, NO_ADVICE),
    ("d[0, 0].item()", "Tensor.item", DOWN, 4, PAGEABLE, False, WAITS, NO_ADVICE),
    ("[n.item() for _ in range(3)]", "Tensor.item", DOWN, 12, PAGEABLE, False, WAITS,
     "keep n on the device, then n.detach()"),
    ("[d.cpu() for _ in range(3)]", "Tensor.cpu", DOWN, 72, PAGEABLE, False, WAITS,
     "d.to('cpu', non_blocking=True)"),
    ("d.to('cuda:1')", "Tensor.to", ACROSS, 24, NONE, False, GOES_ON, NO_ADVICE),
]  # fmt: skip

NO_TRANSFERS = [
    "t.to('cpu')",
    "d.to('cuda')",
    "t.item",
    "t.copy_(p)",
    "t[0, 0].item()",
    "d.copy_(d)",
    "t.tolist()",
]


def program_after(code: str, folder: Path) -> AuditLog:
    """Run a program of one line over simulated devices."""
    file = folder / "program.py"
    file.write_text(f"import torch\n{code}\n")
    linecache.clearcache()
    text = rewritten(file.read_text(), str(file))
    assert text is not None
    block = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    names: dict[str, Any] = {"t": block, "p": block.pin_memory(), "d": block.cuda(), "small": block.byte()}
    names |= {"n": block.cuda()[0, 0], "a": block.numpy(), "model": torch.nn.Linear(3, 1)}
    with bridge.audit() as log:
        exec(text, names)
    return log


@pytest.fixture
def on_devices(monkeypatch: pytest.MonkeyPatch) -> Any:
    with simulated_torch_cuda.devices(monkeypatch):
        yield


@pytest.mark.usefixtures("on_devices")
@pytest.mark.parametrize(
    ("code", "call", "direction", "nbytes", "pinned", "non_blocking", "waits", "advice"),
    TRANSFERS,
    ids=lambda each: str(each) if isinstance(each, str) and "(" in each else "",
)
def test_transfers(
    tmp_path: Path,
    code: str,
    call: str,
    direction: str,
    nbytes: int,
    pinned: bool | None,
    non_blocking: bool,
    waits: bool,
    advice: str,
) -> None:
    found = program_after(code, tmp_path).transfers
    assert {c.call for c in found} == {call}
    assert sum(c.nbytes for c in found) == nbytes
    for c in found:
        assert c.transfer is not None
        assert c.transfer[0] == direction
        assert c.transfer[3:] == (pinned, non_blocking, waits)
        assert (c.outcome, c.hidden, c.verdict, c.place.line) == ("copied", False, "transfer", 2)
        assert (c.advice.short if c.advice else NO_ADVICE) == advice


@pytest.mark.usefixtures("on_devices")
@pytest.mark.parametrize("code", NO_TRANSFERS)
def test_what_stays_on_its_device_is_no_transfer(tmp_path: Path, code: str) -> None:
    log = program_after(code, tmp_path)
    assert log.transfers == []
    assert {c.call for c in log} <= {"Tensor.to", "Tensor.tolist"}


def test_every_call_that_only_moves_has_a_row() -> None:
    moving = {call.label for calls in METHODS.values() for call in calls.values() if call.moves}
    assert moving == {"Tensor.copy_", "Tensor.item"} | {
        f"cupy.ndarray.{name}" for name in ("get", "item", "tolist")
    }


REASONS = {
    "t.to('cuda')": "it moves from cpu to cuda:0, from pageable memory; the host waits",
    "t.to('cuda', non_blocking=True)": (
        "it moves from cpu to cuda:0, from pageable memory, where non_blocking has no effect: "
        "the host waits until CUDA has read it"
    ),
    "p.cuda(0, True)": "it moves from cpu to cuda:0, from pinned memory; the host does not wait",
    "d.cpu()": "it moves from cuda:0 to cpu; the host waits",
    "d.to('cpu', non_blocking=True)": (
        "it moves from cuda:0 to cpu, and the host does not wait: synchronize before you read it"
    ),
    "small.to('cuda', torch.float32)": (
        "it moves from cpu to cuda:0, from pageable memory; the host waits; "
        "the dtype changes from uint8 to float32"
    ),
}


@pytest.mark.usefixtures("on_devices")
@pytest.mark.parametrize(("code", "reason"), REASONS.items())
def test_reasons(tmp_path: Path, code: str, reason: str) -> None:
    (found,) = program_after(code, tmp_path)
    assert found.reason == reason


@pytest.mark.usefixtures("on_devices")
@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("p.cuda()", f"p.cuda(non_blocking=True) does not make the host wait, {READ}"),
        ("small.to('cuda', torch.float32)",
         "small.to('cuda:0').to(torch.float32) moves uint8 instead of float32"),
    ],
)  # fmt: skip
def test_advice_says_what_it_does_and_when(tmp_path: Path, code: str, words: str) -> None:
    (found,) = program_after(code, tmp_path)
    assert str(found.advice) == words


@pytest.mark.usefixtures("on_devices")
@pytest.mark.parametrize("row", [row for row in TRANSFERS if row[-1]], ids=lambda row: row[0])
def test_advice_gives_the_same_values_where_the_line_gave_them(tmp_path: Path, row: Any) -> None:
    (found,) = program_after(row[0], tmp_path).transfers
    block = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    names = {"torch": torch, "t": block, "p": block.pin_memory(), "small": block.byte()}
    names |= {"d": block.cuda() + 1, "n": block.cuda()[0, 1]}
    line = row[0].strip("[]").partition(" for ")[0]
    expected, advised = (eval(code, names) for code in (line, found.advice.code))
    same_device = type(expected) is type(advised) and expected.device == advised.device
    assert same_device or found.call == "Tensor.item"
    assert torch.as_tensor(expected).cpu().equal(advised.cpu())
    assert same_device is (getattr(expected, "dtype", None) == advised.dtype)


@pytest.mark.usefixtures("on_devices")
def test_reports(tmp_path: Path) -> None:
    from rich.console import Console

    from numpy_bridge.auditing.document import document
    from numpy_bridge.auditing.notebook import to_html
    from numpy_bridge.auditing.page import html
    from numpy_bridge.auditing.pictures import Pictures
    from numpy_bridge.auditing.terminal import table

    log = program_after("t.to('cuda'); d.cpu(); bytes(t.numpy())\nfor _ in range(2): n.item()", tmp_path)
    log.end()
    done = Run(log, 0, tmp_path)
    console = Console(file=io.StringIO(), width=120)
    console.print(table(done))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\nHidden copies" not in shown
    assert shown.startswith("Transfers")
    assert "Transfers: 24 bytes to devices, 32 bytes to the host; the host waited" in shown
    when = f"right at program.py:2 {READ}; at program.py:3 if the number is not needed at once."
    assert when in " ".join(shown.split())
    assert "Not shown: 1 shared (24 bytes)" in shown
    for page in (html(done, ["program.py"], Pictures()), to_html(log)):
        assert "t.to('cuda', non_blocking=True)" in unescape(page)
        assert "24 bytes to devices, 32 bytes to the host" in page
        assert READ in page
    written = json.loads(json.dumps(document(done, [])))
    assert written["moved_bytes"] == {"host_to_device": 24, "device_to_host": 32, "device_to_device": 0}
    found = {c["call"]: c["transfer"] for c in written["lines"][0]["conversions"]}
    assert found["Tensor.numpy"] is None
    assert found["Tensor.to"] == {
        "direction": UP,
        "source": "cpu",
        "target": "cuda:0",
        "pinned": False,
        "non_blocking": False,
        "waits": True,
    }
    results = sarif(log.transfers, tmp_path)["runs"][0]["results"]
    assert [(each["ruleId"], each["level"]) for each in results] == [("transfer", "note")] * 3


@pytest.mark.usefixtures("on_devices")
def test_transfers_are_no_hidden_copies(tmp_path: Path) -> None:
    log = program_after("t.to('cuda'); d.cpu()", tmp_path)
    assert log.hidden == []
    for limits, said in (
        (Limits(none=True), ""),
        (Limits(most_bytes=0), ""),
        (Limits(most_moved=48), ""),
        (Limits(most_moved=47), "by --max-transfer-bytes: 48 bytes, where 47 bytes are accepted"),
    ):
        assert limits.exceeded(log, tmp_path) == said
    block = torch.ones(2)
    with bridge.no_copies():
        block.to("cuda").cpu()


class OnDevice:
    """As much of a `cupy.ndarray` as its calls need."""

    __module__, __qualname__ = "cupy", "ndarray"
    device, dtype, nbytes = SimpleNamespace(id=0), np.dtype("float32"), 16
    host = np.ones(4, np.float32)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {"shape": (4,), "typestr": "<f4", "data": (1 << 40, False), "version": 3}

    def get(self, stream: Any = None, *, blocking: bool = True) -> Any:
        return self.host.copy()

    def tolist(self) -> Any:
        return self.host.tolist()

    def item(self) -> float:
        return 1.0


OnDevice.__name__ = "ndarray"


@pytest.mark.parametrize(
    ("code", "direction", "nbytes", "non_blocking", "waits"),
    [
        ("cupy.asarray(a)", UP, 16, True, GOES_ON),
        ("cupy.asarray(a, blocking=True)", UP, 16, False, WAITS),
        ("cupy.asnumpy(d)", DOWN, 16, False, WAITS),
        ("cupy.asnumpy(d, blocking=False)", DOWN, 16, True, GOES_ON),
        ("d.get()", DOWN, 16, False, WAITS),
        ("d.get(blocking=False)", DOWN, 16, True, GOES_ON),
        ("d.tolist()", DOWN, 16, False, WAITS),
        ("d.item()", DOWN, 16, False, WAITS),
    ],
)
def test_cupy(
    monkeypatch: pytest.MonkeyPatch, code: str, direction: str, nbytes: int, non_blocking: bool, waits: bool
) -> None:
    cupy: Any = ModuleType("cupy")
    exec("def asarray(a, blocking=False): return made()", vars(cupy))
    exec("def asnumpy(a, blocking=True): return a.host.copy()", vars(cupy))
    cupy.made = OnDevice
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    text = rewritten(f"import cupy\n{code}\n", "program.py")
    assert text is not None
    with bridge.audit() as log:
        exec(text, {"a": np.ones(4, np.float32), "d": OnDevice()})
    (found,) = log
    assert found.transfer is not None
    assert (found.transfer[0], found.nbytes) == (direction, nbytes)
    assert found.transfer[3:] == (None, non_blocking, waits)
    assert found.advice is None


def test_get_is_left_alone_where_cupy_is_not_imported() -> None:
    seen = [each for each in (rewritten("{}.get(1); d.get(1)", "program.py"),) if each]
    assert [name for name in seen[0].co_names if "bridge" in name] == []


def test_pinned_memory_of_a_view_is_memory_of_the_host() -> None:
    block = np.ones(4)
    pinned = bridge.from_pointer(block.ctypes.data, (4,), "float64", device="cuda_host:0", owner=block)
    with bridge.audit() as log:
        bridge.to_numpy(pinned)[0] = 7
    assert block[0] == 7
    (found,) = log
    assert (found.outcome, found.transfer) == ("shared", None)


def test_equal_transfers_are_counted_together() -> None:
    from numpy_bridge.auditing.judging.transfers import Transfer
    from numpy_bridge.auditing.place import CallSite

    log = AuditLog()
    for waits in (True, True, False):
        moved = Transfer(UP, "cpu", "cuda:0", waits=waits)
        place = CallSite("program.py", 1, "<module>")
        what = place, "Tensor.to", "torch float32", "torch float32 cuda:0", "copied", "", "", True
        log(Conversion(*what, times=1, nbytes=8, transfer=moved), None, None)
    assert [(c.times, c.nbytes) for c in log] == [(2, 16), (1, 8)]
