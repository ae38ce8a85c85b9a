"""Batches for torch's DataLoader, assembled in shared memory by its workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from math import prod
from typing import Any, SupportsIndex

import numpy as np
import torch
from torch.utils.data import default_collate, get_worker_info
from torch.utils.data._utils.collate import collate as collate_by
from torch.utils.data._utils.collate import default_collate_fn_map

from numpy_bridge import from_pointer, to_torch
from numpy_bridge.errors import SharingError

from . import pool
from .pool import Loan
from .segment import Segment

_ALIGN = 64

Stack = Callable[[Sequence[Any], torch.Tensor], object]


class Part(torch.Tensor):
    """A tensor of the batch, in the worker. It is sent as its place in the loan, not as its values.

    What operations make of it are plain tensors. They keep the loan too, so that its memory stays theirs.
    """

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    column: Sequence[Any]
    place: tuple[int, tuple[int, ...], str]
    stack: Stack
    loan: Loan | None

    @classmethod
    def of(cls, column: Sequence[Any], start: int, shape: tuple[int, ...], dtype: str, stack: Stack) -> Part:
        """Make a part without memory, until `fill`."""
        part: Part = cls._make_subclass(cls, torch.empty(0, dtype=getattr(torch, dtype)))
        part.column, part.place, part.stack, part.loan = column, (start, shape, dtype), stack, None
        return part

    def fill(self, loan: Loan) -> None:
        start, shape, dtype = self.place
        block = loan.segment.block(shape, dtype, start)
        self.data = to_torch(from_pointer(block.ptr, shape, dtype, owner=loan))
        self.stack(self.column, self.data)
        self.column, self.loan = (), loan

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        start, shape, dtype = self.place
        plain = self.as_subclass(torch.Tensor)
        if self.requires_grad and self.is_leaf:
            plain = self.detach().requires_grad_()
        if self.loan is None or not _is_plain(plain) or not self._is_where_it_was():
            return _plain, (plain,)
        return tensor_at, (self.loan, start, shape, dtype)

    def __copy__(self) -> torch.Tensor:
        return self.view_as(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> torch.Tensor:
        copied = self.detach().clone().requires_grad_(self.requires_grad)
        memo[id(self)] = copied
        return copied

    def _is_where_it_was(self) -> bool:
        assert self.loan is not None
        start, shape, dtype = self.place
        first = self.loan.segment.block(shape, dtype, start).ptr
        same = self.shape == shape and self.dtype is getattr(torch, dtype) and self.is_contiguous()
        return same and self.data_ptr() == first


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    return tensor


def tensor_at(memory: Segment, start: int, shape: tuple[int, ...], dtype: str) -> torch.Tensor:
    tensor: torch.Tensor = to_torch(memory.block(shape, dtype, start))
    return tensor


class Batch:
    """The columns of a batch, and the memory that they need."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.nbytes = 0

    def add(
        self, column: Sequence[Any], shape: tuple[int, ...], dtype: str, itemsize: int, stack: Stack
    ) -> Part:
        extents = (len(column), *shape)
        part = Part.of(column, self.nbytes, extents, dtype, stack)
        self.nbytes += -(-prod(extents) * itemsize // _ALIGN) * _ALIGN
        self.parts.append(part)
        return part

    def tensors(self, column: Sequence[Any], **others: Any) -> Any:
        first = column[0]
        if not all(_is_plain(x) and x.dtype is first.dtype and x.shape == first.shape for x in column):
            return default_collate_fn_map[torch.Tensor](column, **others)
        name = str(first.dtype).removeprefix("torch.")
        if not _has_both(name):
            return default_collate_fn_map[torch.Tensor](column, **others)
        return self.add(column, tuple(first.shape), name, first.element_size(), _stack_tensors)

    def arrays(self, column: Sequence[Any], **others: Any) -> Any:
        kind, dtype, shape = type(column[0]), column[0].dtype, column[0].shape
        same = all(type(x) is kind and x.dtype == dtype and x.shape == shape for x in column)
        if not same or not dtype.isnative or dtype.kind not in "biufc" or not _has_both(dtype.name):
            return default_collate(list(column))
        return self.add(column, shape, dtype.name, dtype.itemsize, _stack_arrays)

    def numbers(self, column: Sequence[Any], **others: Any) -> Any:
        kind = type(column[0])
        dtype = {bool: "bool", int: "int64", float: "float64"}.get(kind)
        if dtype is None or any(type(x) is not kind for x in column):
            return default_collate(list(column))
        return self.add(column, (), dtype, 8, _stack_arrays)

    def collected(self, samples: Sequence[Any]) -> Any:
        """What `default_collate` makes of them, with a part in the place of each tensor."""
        ours: dict[Any, Any] = {
            torch.Tensor: self.tensors,
            np.ndarray: self.arrays,
            (np.bool_, np.number): self.arrays,
            **dict.fromkeys((float, int), self.numbers),
        }
        others = {kind: rule for kind, rule in default_collate_fn_map.items() if kind not in ours}
        return collate_by(list(samples), collate_fn_map={**ours, **others})


@cache
def _has_both(dtype: str) -> bool:
    """Whether there is such a dtype in torch and in the bridge."""
    try:
        from_pointer(0, (0,), dtype)
    except SharingError:
        return False
    return hasattr(torch, dtype)


def _is_plain(x: torch.Tensor) -> bool:
    """Whether a tensor is its elements and nothing else."""
    return (
        type(x) is torch.Tensor
        and x.layout is torch.strided
        and x.device.type == "cpu"
        and not (x.requires_grad or x.is_quantized or x.is_conj() or x.is_neg())
    )


def _stack_tensors(column: Sequence[Any], out: torch.Tensor) -> None:
    torch.stack(tuple(column), 0, out=out)


def _stack_arrays(column: Sequence[Any], out: torch.Tensor) -> None:
    array = out.numpy()
    for i, item in enumerate(column):
        array[i] = item


def collate(samples: Sequence[Any]) -> Any:
    if get_worker_info() is None:
        return default_collate(list(samples))
    batch = Batch()
    structure = batch.collected(samples)
    if batch.parts:
        loan = pool.borrow(batch.nbytes)
        for part in batch.parts:
            part.fill(loan)
    return structure
