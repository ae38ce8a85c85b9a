"""A tensor that may only be exported, as torch.utils.dlpack.ReadOnlyTensorWrapper of torch 2.14.

It refuses every function of torch but the two of DLPack, and its type has an exchange table of its own. Where
torch is older, a class of the same behaviour stands in for it.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fakes import ExchangeTable, capsule_pointer, new_capsule
from support import needs_torch, refused, torch

pytestmark = needs_torch


def wrapper_class() -> Any:
    theirs = getattr(torch.utils.dlpack, "ReadOnlyTensorWrapper", None)
    if theirs is not None:
        return theirs
    capsule = getattr(torch.Tensor, "__dlpack_c_exchange_api__", None)
    if capsule is None:
        pytest.skip("this torch has no exchange table")
    name = b"dlpack_exchange_api"
    table = ExchangeTable.from_buffer_copy(ExchangeTable.from_address(capsule_pointer(capsule, name)))

    class ReadOnlyTensorWrapper(torch.Tensor):
        __dlpack_c_exchange_api__ = new_capsule(ctypes.addressof(table), name, None)
        kept = table

        @staticmethod
        def __new__(cls: Any, tensor: Any) -> Any:
            return tensor.as_subclass(cls)

        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func in (torch.Tensor.__dlpack__, torch.Tensor.__dlpack_device__):
                with torch._C.DisableTorchFunctionSubclass():
                    return func(*args, **(kwargs or {}))
            raise RuntimeError(f"only DLPack export; {func} is not allowed")

    return ReadOnlyTensorWrapper


def test_it_is_shared_read_only() -> None:
    tensor = torch.arange(3.0)
    wrapped = wrapper_class()(tensor)
    shared = bridge.view(wrapped)
    assert (shared.readonly, shared.dtype, shared.shape, shared.ptr) == (
        True,
        "float32",
        (3,),
        tensor.data_ptr(),
    )
    array = bridge.to_numpy(wrapped)
    tensor[0] = 7
    assert array[0] == 7
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1
    assert bridge.shares_memory(wrapped, tensor)


def test_its_memory_is_pinned_and_kept() -> None:
    tensor = torch.arange(3.0)
    array = bridge.to_numpy(wrapper_class()(tensor))
    with pytest.raises(RuntimeError, match="resiz"):
        tensor.resize_(1_000_000)
    del tensor
    assert array.tolist() == [0, 1, 2]


def test_torch_may_not_write_to_it() -> None:
    tensor = torch.arange(3.0)
    wrapped = wrapper_class()(tensor)
    with refused("readonly", "torch", hint="copy=True"):
        bridge.to_torch(wrapped)
    usable = bridge.to_torch(wrapped, allow_readonly=True)
    assert type(usable) is torch.Tensor
    assert usable.data_ptr() == tensor.data_ptr()
    for copy in (None, True):
        copied = bridge.to_torch(wrapped, copy=copy)
        assert type(copied) is torch.Tensor
        copied[0] = 50
        assert tensor[0] == 0
    with refused("readonly", "add_", hint=None):
        bridge.add_(wrapped, 1)


@pytest.mark.parametrize("copy", [None, True])
def test_copies_of_it(copy: bool | None) -> None:
    tensor = torch.arange(3.0)
    array = bridge.to_numpy(wrapper_class()(tensor), copy=copy)
    assert array.tolist() == [0, 1, 2]
    target = np.zeros(3, "f4")
    bridge.copy_(target, wrapper_class()(tensor))
    assert target.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: torch.arange(3.0)._neg_view(), "is_neg"),
        (lambda: torch.ones(3, dtype=torch.complex64).conj(), "is_conj"),
    ],
)
def test_what_a_tensor_is_refused_for(make: Any, field: str) -> None:
    with refused(field, "torch"):
        bridge.view(wrapper_class()(make()))


def test_a_tensor_that_requires_grad_can_be_read() -> None:
    """Nothing can be written through the alias, so autograd misses nothing."""
    tensor = torch.ones(3, requires_grad=True)
    assert bridge.to_numpy(wrapper_class()(tensor)).tolist() == [1, 1, 1]
