"""What an audit says of transfers is compared with a device: whether the host waits, and what crosses."""

from __future__ import annotations

from typing import Any

import pytest

import numpy_bridge as bridge
from numpy_bridge.auditing.program.rewriting import rewritten

torch = pytest.importorskip("torch", reason="tensors move")

CYCLES = 200_000_000
"""How long the stream is busy before the call, in clock cycles of the device: about 0.1 seconds."""

MOVES = [
    "pageable.to('cuda')",
    "pageable.cuda()",
    "pinned.to('cuda')",
    "pinned.to('cuda', non_blocking=True)",
    "pinned.t().to('cuda', non_blocking=True)",
    "device.copy_(pinned, non_blocking=True)",
    "torch.as_tensor(pageable.numpy(), device='cuda')",
    "device.cpu()",
    "device.to('cpu', non_blocking=True)",
    "pinned.copy_(device, non_blocking=True)",
    "pageable.copy_(device, non_blocking=True)",
    "device.tolist()",
    "device[0, 0].item()",
]


def audited(code: str, names: dict[str, Any]) -> Any:
    """Run a line of a program, and return what it moved."""
    text = rewritten(f"import torch\nresult = {code}\n", "/program/line.py")
    assert text is not None
    with bridge.audit() as log:
        exec(text, names)
        names["idle"] = torch.cuda.current_stream().query()
    torch.cuda.synchronize()
    (found,) = log.transfers
    return found


def blocks() -> dict[str, Any]:
    pageable = torch.arange(1 << 20, dtype=torch.float32).reshape(1024, 1024)
    return {"pageable": pageable, "pinned": pageable.pin_memory(), "device": pageable.cuda()}


@pytest.mark.parametrize("code", MOVES)
def test_the_host_waits_where_it_is_said_to(code: str) -> None:
    names = blocks()
    audited(code, names)  # what is done once only, such as asking for memory, would wait, too
    torch.cuda._sleep(CYCLES)
    found = audited(code, names)
    assert found.transfer.waits is names["idle"]
    assert found.transfer.pinned is (("pinned" in code) or code == "device.to('cpu', non_blocking=True)")


def test_pageable_memory_has_been_read_when_the_call_returns() -> None:
    names = blocks()
    torch.cuda._sleep(CYCLES)
    found = audited("(pageable.to('cuda', non_blocking=True), pageable.fill_(-1))[0]", names)
    assert found.transfer.waits
    assert names["result"].min() == 0


@pytest.mark.parametrize(
    ("code", "nbytes", "allocated"),
    [
        ("pageable.to('cuda', torch.float64)", 8 << 20, 8 << 20),
        ("pageable.to('cuda', torch.float64, non_blocking=True)", 4 << 20, 12 << 20),
        ("device.to('cpu', torch.float16)", 4 << 20, 0),
        ("device.to('cpu', torch.float16, non_blocking=True)", 2 << 20, 2 << 20),
    ],
)
def test_bytes_are_those_that_cross(code: str, nbytes: int, allocated: int) -> None:
    """What the device converts needs memory there for both dtypes, or for the other one."""
    names = blocks()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    found = audited(code, names)
    assert torch.cuda.max_memory_allocated() - before == allocated
    assert found.nbytes == nbytes


def test_transfers_of_a_module() -> None:
    model = torch.nn.Linear(4, 3)
    with bridge.audit() as log:
        model.to("cuda")
    (found,) = log.transfers
    assert (found.times, found.nbytes, found.advice) == (2, 60, None)
