"""Calls on tensors: the fast way for plain ones, without torch's dispatcher."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from numpy_bridge import _core
from numpy_bridge.errors import SharingError

from . import torch_registered, torch_transforms
from .declaration import NumpyOp
from .evaluation import evaluate
from .gradients import gradients
from .spec import refusal

_PLAIN = (torch.Tensor, torch.nn.Parameter)


def call(op: NumpyOp, args: Sequence[Any]) -> Any:
    """Return the result as a tensor, or a tuple of tensors."""
    if torch.compiler.is_compiling():
        results = torch_registered.apply(op, args)
    elif torch._C._are_functorch_transforms_active():
        results = torch_transforms.apply(op, with_tensors(args))
    else:
        results = apply(op, with_tensors(args))
    return results[0] if len(results) == 1 else tuple(results)


def with_tensors(args: Sequence[Any]) -> Sequence[Any]:
    """Return the arguments with tensors in place of ndarrays, over the same memory."""
    for x in args:
        if isinstance(x, np.ndarray):
            break
    else:
        return args
    return [_core.to_torch(x, allow_readonly=True) if isinstance(x, np.ndarray) else x for x in args]


def apply(op: NumpyOp, args: Sequence[Any]) -> Sequence[torch.Tensor]:
    """Call the function where no transform is active and nothing is traced."""
    if not plain(args):
        return torch_registered.apply(op, args)
    # Forward mode has no rule here, which torch says when it is recorded.
    if torch.autograd.forward_ad._current_level >= 0 or (torch.is_grad_enabled() and _requires_grad(args)):
        results: Sequence[torch.Tensor] = _Recorded.apply(op, *args)  # type: ignore[no-untyped-call]
        return results
    return compute(op, (), args)


def _requires_grad(args: Sequence[Any]) -> bool:
    return any([isinstance(x, torch.Tensor) and x.requires_grad for x in args])


def plain(args: Sequence[Any]) -> bool:
    """Return whether all tensors have memory, and nothing watches what is done with them."""
    if torch._C._len_torch_dispatch_stack():
        return False
    return all([type(x) in _PLAIN or not isinstance(x, torch.Tensor) for x in args])


def below_autograd(op: NumpyOp, batch: Sequence[int], args: Sequence[Any]) -> Sequence[torch.Tensor]:
    """Call the function, or its operator where torch traces."""
    return compute(op, batch, args) if plain(args) else torch_registered.apply(op, args, batch)


def compute(op: NumpyOp, batch: Sequence[int], args: Sequence[Any]) -> tuple[torch.Tensor, ...]:
    """Call the function on the memory of the tensors, and return tensors over that of its results."""
    inputs = [_lent(x) if isinstance(x, torch.Tensor) else x for x in args]
    return tuple([_shared(op, x) for x in evaluate(op, batch, inputs)])


def _lent(x: torch.Tensor) -> np.ndarray[Any, Any]:
    """Return the memory of `x` as a read-only ndarray. NumPy does not let its flag be changed."""
    x = x.detach()
    try:
        view = _core.view(x, readonly=True)
    except SharingError:
        if not (x.is_conj() or x.is_neg()):
            raise
        view = _core.view(x.resolve_conj().resolve_neg(), readonly=True)  # gradients come so: computed here
    return _core.to_numpy(view)


def _shared(op: NumpyOp, result: np.ndarray[Any, Any]) -> torch.Tensor:
    try:
        return _core.to_torch(result)
    except SharingError as error:
        hint = "return a copy: x.copy()"
        raise refusal(op, error.field, error.expected, f"a result with {error.got}", hint) from error


class _Recorded(torch.autograd.Function):
    """What autograd records of a call. Saving is torch's, which refuses values that were written later."""

    @staticmethod
    def forward(ctx: Any, op: NumpyOp, *args: Any) -> tuple[torch.Tensor, ...]:
        results = compute(op, (), args)
        torch_registered.save(ctx, op, args, results)
        return results

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[Any, ...]:
        inputs, outputs = torch_registered.restored(ctx)
        found = gradients(ctx.op, apply, grads, inputs, outputs, ctx.differentiable)
        return (None, *found)
