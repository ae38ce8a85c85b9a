"""add_ and copy_ count as writes for autograd, whatever object of a tensor's memory they are given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from support import needs_torch, refused, run_python, torch

pytestmark = needs_torch

WRITES: dict[str, Callable[[Any], object]] = {
    "add a number": lambda x: bridge.add_(x, 1),
    "add an array": lambda x: bridge.add_(x, np.ones(1, np.float32)),
    "add itself": lambda x: bridge.add_(x, x),
    "copy an array": lambda x: bridge.copy_(x, np.full(1, 7, np.float32)),
    "copy and convert": lambda x: bridge.copy_(x, np.full(1, 7, np.int16)),
}
SHARES: dict[str, Callable[[Any], Any]] = {
    "tensor": lambda t: t,
    "view of it": lambda t: t[:2],
    "transposed": lambda t: t.view(1, 3).t(),
    "detached": lambda t: t.detach(),
    "parameter": lambda t: torch.nn.Parameter(t, requires_grad=False),
    "subclass": lambda t: t.as_subclass(type("Sub", (torch.Tensor,), {})),
    "View": bridge.view,
    "View of an array": lambda t: bridge.view(t.numpy()),
    "memoryview of a View": lambda t: memoryview(bridge.view(t)),
    "array of a View": lambda t: np.asarray(bridge.view(t)),
    "pointer with the tensor as owner": lambda t: bridge.from_pointer(t.data_ptr(), (3,), "float32", owner=t),
    "its first array": bridge.to_numpy,
    "part of an array": lambda t: t.numpy()[::-1],
}


@pytest.mark.parametrize("share", SHARES.values(), ids=SHARES)
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_backward_refuses_values_that_were_written(
    write: Callable[[Any], object], share: Callable[[Any], Any]
) -> None:
    weight, data = torch.ones(3, requires_grad=True), torch.ones(3)
    loss = (weight * data).sum()
    write(share(data))
    assert data.tolist() != [1, 1, 1]
    assert data._version == 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_reading_does_not_count() -> None:
    data, array = torch.ones(3), np.zeros(3, np.float32)
    bridge.add_(array, data)
    bridge.copy_(array, data)
    bridge.copy_(array, bridge.view(data))
    assert data._version == 0


def test_refused_writes_do_not_count() -> None:
    data = torch.ones(3)
    with refused("shape", "add_"):
        bridge.add_(data, np.ones(4, np.float32))
    with refused("dtype", "copy_"):
        bridge.copy_(data, np.ones(3, complex))
    assert data._version == 0


def test_torch_counts_on() -> None:
    """The counter is torch's own."""
    data = torch.ones(3)
    bridge.add_(data, 1)
    data.add_(1)
    bridge.copy_(data[:1], data[1:2])
    assert data._version == 3


def test_inference_tensors_have_no_count() -> None:
    with torch.inference_mode():
        data = torch.ones(3)
    assert bridge.add_(data, 1).tolist() == [2, 2, 2]


@pytest.mark.parametrize("mode", ["inference_mode", "no_grad", "enable_grad"])
def test_the_counter_is_found_whatever_mode_torch_is_in_first(mode: str) -> None:
    code = f"""
import torch
data = torch.ones(3)
def fail(tensor): raise AssertionError("torch was asked")
torch.autograd.graph.increment_version = fail
import numpy_bridge as bridge
with torch.{mode}():
    bridge.add_(data, 1)
print(data._version)
"""
    assert run_python(code) == "1\n"
