"""Calls under the transforms of torch.func, which need a function with `setup_context` and `vmap`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from . import torch_registered
from .declaration import NumpyOp


def apply(op: NumpyOp, args: Sequence[Any], batch: Sequence[int] = ()) -> Sequence[torch.Tensor]:
    """Call the operation under the transforms that are active."""
    call: Callable[..., Sequence[torch.Tensor]] = _Transformed.apply
    return call(op, tuple(batch), *args)


class _Transformed(torch.autograd.Function):
    @staticmethod
    def forward(op: NumpyOp, batch: tuple[int, ...], *args: Any) -> tuple[torch.Tensor, ...]:
        from .torch_calls import below_autograd

        return tuple(below_autograd(op, batch, args))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Sequence[torch.Tensor]) -> None:
        op, ctx.batch, *args = inputs
        torch_registered.save(ctx, op, args, output)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[Any, ...]:
        return (None, None, *torch_registered.backward_in_batch(ctx, grads, apply))

    @staticmethod
    def vmap(
        info: Any, in_dims: Sequence[Any], op: NumpyOp, batch: tuple[int, ...], *args: Any
    ) -> tuple[Any, Any]:
        prepared = torch_registered.with_batch_first(op, info.batch_size, in_dims[2:], args)
        results = apply(op, prepared, (info.batch_size, *batch))
        return tuple(results), (0,) * len(results)
