"""Writes by C++ functions count for autograd, which refuses saved values once they changed."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from support import needs_torch, run_python, torch

pytestmark = needs_torch

WRITERS: dict[str, Callable[[ModuleType, Any], object]] = {
    "by value": lambda m, x: m.fill(x, 7),
    "by reference": lambda m, x: m.fill_by_reference(x, 7),
    "by rvalue": lambda m, x: m.fill_by_rvalue(x, 7),
    "unchecked": lambda m, x: m.fill_unchecked(x, 7),
    "shared": lambda m, x: m.fill_shared(x, 7),
    "optional": lambda m, x: m.fill_optional(x, 7),
    "in a vector": lambda m, x: m.fill_all([np.zeros(2, np.float32), x], 7),
    "without the GIL": lambda m, x: m.fill_without_gil(x, 7),
    "by cast": lambda m, x: m.fill_cast(x, 7),
    "second overload": lambda m, x: m.fill_one_of(x, 7),
}
SHARES: dict[str, Callable[[Any], Any]] = {
    "tensor": lambda t: t,
    "view of it": lambda t: t[:2],
    "detached": lambda t: t.detach(),
    "parameter": lambda t: torch.nn.Parameter(t, requires_grad=False),
    "View": bridge.view,
    "View of a View": lambda t: bridge.view(bridge.view(t)),
    "memoryview of a View": lambda t: memoryview(bridge.view(t)),
    "pointer with the tensor as owner": lambda t: bridge.from_pointer(t.data_ptr(), (3,), "float32", owner=t),
    "first array": lambda t: torch.Tensor.numpy(t),
    "part of an array": lambda t: t.numpy()[1:],
    "second array": lambda t: [bridge.to_numpy(t) for _ in range(2)][1],
    "part of a second array": lambda t: [bridge.to_numpy(t)[1:] for _ in range(2)][1],
}


def saved() -> tuple[Any, Any]:
    """A tensor of ones, and what `backward` of needs its values."""
    weight, data = torch.ones(3, requires_grad=True), torch.ones(3)
    return data, (weight * data).sum()


def refuses_backward(loss: Any) -> bool:
    """Whether autograd knows that a saved value changed."""
    try:
        loss.backward()
    except RuntimeError as error:
        return "modified by an inplace operation" in str(error)
    return False


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
@pytest.mark.parametrize("share", SHARES.values(), ids=SHARES)
def test_backward_refuses_values_that_were_written(
    extension: ModuleType, write: Callable[[ModuleType, Any], object], share: Callable[[Any], Any]
) -> None:
    data, loss = saved()
    write(extension, share(data))
    assert 7 in data.tolist()
    assert refuses_backward(loss)


def test_each_call_counts_once(extension: ModuleType) -> None:
    data = torch.ones(3)
    for calls in range(1, 4):
        extension.fill(data, 7)
        assert data._version == calls


def test_writes_before_an_exception_count(extension: ModuleType) -> None:
    data, loss = saved()
    with pytest.raises(RuntimeError, match="after writing"):
        extension.fill_and_throw(data, 7)
    assert refuses_backward(loss)


def test_values_saved_during_the_call_are_refused(extension: ModuleType) -> None:
    weight, data = torch.ones(3, requires_grad=True), torch.ones(3)
    losses: list[Any] = []
    extension.call_and_fill(data, 7, lambda: losses.append((weight * data).sum()))
    assert refuses_backward(losses[0])


@pytest.mark.parametrize("name", ["only_read", "either_reads"])
def test_calls_that_read_do_not_count(extension: ModuleType, name: str) -> None:
    data, loss = saved()
    assert getattr(extension, name)(data, 0.5) == 1
    with pytest.raises(TypeError):
        getattr(extension, name)(data, "no number")
    assert data._version == 0
    loss.backward()


def test_inference_tensors_have_no_count(extension: ModuleType) -> None:
    with torch.inference_mode():
        data = torch.ones(3)
    extension.fill(data, 7)
    assert data.tolist() == [7, 7, 7]


def test_memory_that_is_not_of_torch_needs_none(extension: ModuleType) -> None:
    """The base of an array may be anything; nothing is asked of it."""

    class Base(bytearray):
        def __getattr__(self, name: str) -> object:
            raise AssertionError(name)

    array = np.frombuffer(Base(12), np.float32)
    extension.fill(array, 7)
    assert array.tolist() == [7, 7, 7]


FALLBACK = """
import torch
counted = []
original = torch.autograd.graph.increment_version
def count(tensor):
    counted.append(tensor)
    original(tensor)
torch.autograd.graph.increment_version = count
from loading import module_from
from pathlib import Path
import numpy_bridge as bridge
extension = module_from(Path({path!r}), {name!r})
data = torch.ones(3)
extension.fill(data, 7)
bridge.add_(data, 1)
print(data.tolist(), data._version, len(counted))
"""


@pytest.mark.parametrize(("fast", "asked"), [("1", 0), ("0", 2)])
def test_torch_is_asked_where_its_counter_is_not_found(extension: ModuleType, fast: str, asked: int) -> None:
    code = FALLBACK.format(path=extension.__file__, name=extension.__name__)
    assert run_python(code, NUMPY_BRIDGE_FAST_TENSORS=fast) == f"[8.0, 8.0, 8.0] 2 {asked}\n"
