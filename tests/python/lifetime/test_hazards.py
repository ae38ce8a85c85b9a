"""What owners may do under a live alias: nothing that moves, frees or forgets the block.

Blocks are small enough for the heap: were one freed, the junk that is allocated next would take its
place, and show.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from support import (
    needs_ml_dtypes,
    needs_torch,
    torch,
)

COUNT = 4096  # elements


def by_numpy_twice(x: Any) -> Any:
    """The second conversion of a storage takes another way than the first."""
    bridge.to_numpy(x)
    gc.collect()
    return bridge.to_numpy(x)


# Ways to hold a tensor's memory

ALIASES: dict[str, Callable[[Any], Any]] = {
    "to_numpy": bridge.to_numpy,
    "to_numpy-twice": by_numpy_twice,
    "view": lambda x: np.asarray(bridge.view(x)),
    "view-of-view": lambda x: bridge.to_numpy(bridge.view(bridge.view(x))),
    "memoryview": lambda x: np.frombuffer(memoryview(bridge.view(x)), "f4"),
    "from_dlpack": lambda x: np.from_dlpack(bridge.view(x)),
    "slice": lambda x: bridge.to_numpy(x[1:]),
    "torch": lambda x: torch.from_dlpack(bridge.view(x)),
}


def assert_intact(alias: Any, value: float) -> None:
    """`alias` still has its values, and its memory is nobody else's."""
    gc.collect()
    junk = [torch.full((COUNT,), 3.0) for _ in range(16)]
    assert alias.tolist() == [value] * len(alias)
    alias[:] = 5
    assert all((block == 3).all() for block in junk)


# Tensors: what frees or moves the block must fail, what leaves it must leave it alive


def set_to_other(tensor: Any) -> None:
    tensor.set_(torch.zeros(8))


def assign_data(tensor: Any) -> None:
    tensor.data = torch.zeros(8)


MUST_FAIL: dict[str, Callable[[Any], Any]] = {
    "resize_": lambda t: t.resize_(1 << 20),
    "storage.resize_-shrink": lambda t: t.untyped_storage().resize_(4),
    "resize_as_": lambda t: t.resize_as_(torch.zeros(1 << 20)),
    "out": lambda t: torch.add(torch.ones(1 << 20), 1, out=t),
    "storage.resize_": lambda t: t.untyped_storage().resize_(0),
    "storage.resize_-of-a-view": lambda t: t[1:].untyped_storage().resize_(0),
}
MUST_LEAVE_IT: dict[str, Callable[[Any], Any]] = {
    "set_": set_to_other,
    "data": assign_data,
    "data-of-half": lambda t: setattr(t, "data", t.half()),
    "swap_tensors": lambda t: torch.utils.swap_tensors(t, torch.zeros(8)),
}


@needs_torch
@pytest.mark.filterwarnings("ignore:An output with one or more elements was resized")
@pytest.mark.parametrize("hold", ALIASES.values(), ids=ALIASES)
@pytest.mark.parametrize("operation", MUST_FAIL.values(), ids=MUST_FAIL)
def test_a_shared_storage_cannot_be_resized(operation: Callable[[Any], Any], hold: Any) -> None:
    tensor = torch.full((COUNT,), 7.0)
    alias = hold(tensor)
    with pytest.raises(RuntimeError, match="resiz"):
        operation(tensor)
    assert_intact(alias, 7)


@needs_torch
@pytest.mark.parametrize("hold", ALIASES.values(), ids=ALIASES)
@pytest.mark.parametrize("operation", MUST_LEAVE_IT.values(), ids=MUST_LEAVE_IT)
def test_a_tensor_that_lets_go_leaves_the_block_alive(operation: Callable[[Any], Any], hold: Any) -> None:
    tensor = torch.full((COUNT,), 7.0)
    alias = hold(tensor)
    operation(tensor)
    tensor.fill_(9)
    assert_intact(alias, 7)


@needs_torch
@pytest.mark.parametrize("hold", ALIASES.values(), ids=ALIASES)
def test_a_change_of_shape_keeps_the_alias(hold: Callable[[Any], Any]) -> None:
    tensor = torch.full((COUNT,), 7.0)
    alias = hold(tensor)
    tensor.unsqueeze_(0).t_().resize_(COUNT // 2).as_strided_((4,), (2,))
    tensor.untyped_storage().fill_(0)
    assert_intact(alias, 0)


@needs_torch
@needs_ml_dtypes
@pytest.mark.filterwarnings("ignore:An output with one or more elements was resized")
@pytest.mark.parametrize("operation", MUST_FAIL.values(), ids=MUST_FAIL)
@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "int32", "bool", "complex64"])
def test_every_dtype_is_pinned(name: str, operation: Callable[[Any], Any]) -> None:
    tensor = torch.zeros(COUNT, dtype=getattr(torch, name))
    alias = bridge.to_numpy(tensor)
    with pytest.raises(RuntimeError, match=r"resiz|dtype|type"):
        operation(tensor)
    assert not tensor.untyped_storage().resizable()
    alias[0] = 1
    assert torch.zeros(0, dtype=tensor.dtype).set_(tensor.untyped_storage(), 0, (1,))[0] == 1


@needs_torch
@pytest.mark.parametrize("hold", [ALIASES["to_numpy"], ALIASES["view"], ALIASES["from_dlpack"]])
def test_a_module_may_change_its_parameters(hold: Any) -> None:
    module = torch.nn.Linear(64, 64)
    weight = module.weight.detach()
    weight.fill_(7)
    alias = hold(module.weight.detach()).reshape(-1)
    of_data = hold(module.weight.data).reshape(-1)
    module.half()
    del weight
    assert module.weight.dtype == torch.float16
    assert_intact(of_data.copy(), 7)
    assert_intact(alias, 7)


@needs_torch
@pytest.mark.parametrize("shrink", ["after a refused resize_", "after a storage was cut"])
@pytest.mark.parametrize("function", [bridge.view, bridge.to_numpy, lambda t: bridge.to_numpy(t, copy=True)])
def test_a_tensor_larger_than_its_storage_is_refused(function: Callable[[Any], Any], shrink: str) -> None:
    """torch leaves the new shape on a tensor whose pinned storage refused to grow."""
    tensor = torch.ones(8)
    if shrink == "after a refused resize_":
        bridge.to_numpy(tensor)
        with pytest.raises(RuntimeError, match="resiz"):
            tensor.resize_(4096)
        assert tensor.shape == (4096,)
    else:
        tensor.untyped_storage().resize_(8)
    with pytest.raises(bridge.SharingError):
        function(tensor)


@needs_torch
@pytest.mark.parametrize("hold", ALIASES.values(), ids=ALIASES)
def test_an_alias_keeps_a_tensor_alive(hold: Callable[[Any], Any]) -> None:
    tensor = torch.full((COUNT,), 7.0)
    alias = hold(tensor)
    del tensor
    assert_intact(alias, 7)


@needs_torch
@pytest.mark.parametrize("hold", [bridge.to_numpy, bridge.view], ids=["to_numpy", "view"])
def test_share_memory_leaves_the_alias_and_can_be_seen(hold: Callable[[Any], Any]) -> None:
    """torch moves the block whoever holds its storage. The program can find out, and avoid it."""
    tensor = torch.full((COUNT,), 7.0)
    alias = hold(tensor)
    assert bridge.shares_memory(alias, tensor)
    tensor.share_memory_()
    assert not bridge.shares_memory(alias, tensor)
    safe = hold(tensor)  # once it is in shared memory it stays where it is
    tensor.share_memory_()
    assert bridge.shares_memory(safe, tensor)
    np.asarray(safe)[-1] = 8
    assert tensor[-1] == 8
