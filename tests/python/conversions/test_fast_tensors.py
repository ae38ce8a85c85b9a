"""NUMPY_BRIDGE_FAST_TENSORS=0: without the fast reading of tensors, the same is shared and refused."""

from __future__ import annotations

import pytest

from support import needs_torch, run_python

pytestmark = needs_torch

OUTCOMES = """
import numpy as np, torch
import numpy_bridge as bridge

base = torch.arange(12.0)
target = np.ones(12, np.float32)
complex_ones = torch.ones(3, dtype=torch.complex64)
shrunk = torch.ones(8)
shrunk.untyped_storage().resize_(8)
for name, x in {
    "plain": base,
    "strided": base[::2],
    "transposed": base.view(3, 4).t(),
    "parameter": torch.nn.Parameter(torch.ones(2)),
    "result": torch.ones(2, requires_grad=True) * 2,
    "negated": base._neg_view(),
    "conjugated": complex_ones.conj(),
    "both": complex_ones.conj()._neg_view(),
    "zero": torch._efficientzerotensor(3),
    "sparse": torch.eye(2).to_sparse(),
    "meta": torch.ones(2, device="meta"),
    "beyond its storage": shrunk,
}.items():
    for call in (bridge.to_numpy, bridge.view, lambda x: bridge.add_(x, 1), lambda x: bridge.add_(target, x)):
        try:
            outcome = type(call(x)).__name__
        except Exception as error:
            outcome = f"{type(error).__name__}: {error}"
        print(name, outcome)
"""


def test_outcomes_are_the_same() -> None:
    fast, slow = (run_python(OUTCOMES, NUMPY_BRIDGE_FAST_TENSORS=value) for value in "10")
    assert fast == slow
    assert fast.count("SharingError") > 10
    assert fast.count("ndarray") >= 3


@pytest.mark.parametrize(("value", "on"), [("0", False), ("1", True), ("", True), ("off", True)])
def test_the_variable_decides(value: str, on: bool) -> None:
    code = """
from numpy_bridge import _core
assert not _core.reads_tensors_fast()
import torch
print(_core.reads_tensors_fast())
"""
    assert run_python(code, NUMPY_BRIDGE_FAST_TENSORS=value) == f"{on}\n"


def test_a_torch_of_another_layout_is_asked() -> None:
    code = """
import torch
del torch._efficientzerotensor
import numpy_bridge
from numpy_bridge import info
print(info.describe_fast_tensors(), numpy_bridge.to_numpy(torch.ones(2)).tolist())
"""
    printed = run_python(code, NUMPY_BRIDGE_FAST_TENSORS="1").replace("'", '"')
    assert printed.startswith('{"on": False, "reason": "not found for torch 2')
    assert printed.endswith("} [1.0, 1.0]\n")


def test_torch_is_asked_once_for_each_kind_of_tensor() -> None:
    """Tensors of inference mode stand for those of CUDA devices: both are another kind than ordinary ones."""
    code = """
import numpy as np, torch
import numpy_bridge as bridge
from torch.overrides import TorchFunctionMode

class Asked(TorchFunctionMode):
    def __torch_function__(self, function, types, arguments=(), keywords=None):
        names.append(function.__name__)
        return function(*arguments, **(keywords or {}))

with torch.inference_mode():
    first, second, complex_ones = torch.ones(3), torch.ones(2, 2).t(), torch.ones(3, dtype=torch.complex64)
    unreadable = (complex_ones.conj(), first._neg_view(), torch._efficientzerotensor(3))
for tensor in (torch.ones(1), first, second):
    names = []
    with Asked():
        shared = bridge.view(tensor)
    print(*[name for name in names if name in ("is_neg", "is_conj")])
    assert bridge.shares_memory(shared, tensor)
for tensor in unreadable:
    try:
        bridge.view(tensor)
    except bridge.SharingError as error:
        print(error.field)
"""
    assert run_python(code, NUMPY_BRIDGE_FAST_TENSORS="1").splitlines() == [
        "",
        "is_neg is_conj",
        "",
        "is_conj",
        "is_neg",
        "data",
    ]
