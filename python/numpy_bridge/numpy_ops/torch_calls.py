"""Calls on tensors: the fast way for plain ones, which does without torch's dispatcher."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from numpy import ndarray
from torch import is_grad_enabled
from torch.autograd import forward_ad
from torch.compiler import is_compiling

from numpy_bridge._core import to_numpy, to_torch
from numpy_bridge.errors import SharingError

from . import torch_registered, torch_transforms
from .declaration import NumpyOp
from .evaluation import evaluate
from .gradients import gradients
from .spec import refusal

Tensor = torch.Tensor
_PLAIN = (Tensor, torch.nn.Parameter)
_transforms_are_active = torch._C._are_functorch_transforms_active
_modes = torch._C._len_torch_dispatch_stack


def call(op: NumpyOp, args: Sequence[Any]) -> Any:
    """Return the result as a tensor, or a tuple of tensors."""
    if is_compiling():
        return _alone(torch_registered.apply(op, args))
    if _transforms_are_active():
        return _alone(torch_transforms.apply(op, _with_tensors(args)))
    if _modes():
        return _alone(torch_registered.apply(op, _with_tensors(args)))
    # Forward mode has no rule here, which torch says when the call is recorded.
    recorded = forward_ad._current_level >= 0
    for x in args:
        if type(x) in _PLAIN:
            if x.requires_grad and not recorded:
                recorded = is_grad_enabled()
        elif isinstance(x, ndarray):
            return call(op, _with_tensors(args))
        elif isinstance(x, Tensor):
            return _alone(torch_registered.apply(op, args))
    return _record(op, *args) if recorded else _alone(compute(op, (), args))


def _with_tensors(args: Sequence[Any]) -> list[Any]:
    """Return the arguments with tensors over the memory of ndarrays."""
    return [to_torch(x, allow_readonly=True) if isinstance(x, ndarray) else x for x in args]


def _alone(results: Sequence[Tensor]) -> Any:
    return results[0] if len(results) == 1 else tuple(results)


def below_autograd(op: NumpyOp, batch: Sequence[int], args: Sequence[Any]) -> Sequence[Tensor]:
    """Call the function, or its operator for tensors without memory and where calls are watched."""
    if not _modes() and all(type(x) in _PLAIN or not isinstance(x, Tensor) for x in args):
        return compute(op, batch, args)
    return torch_registered.apply(op, args, batch)


def compute(op: NumpyOp, batch: Sequence[int], args: Sequence[Any]) -> list[Tensor]:
    """Call the function on the memory of the tensors, and return tensors over that of its results."""
    inputs = [_lent(x) if isinstance(x, Tensor) else x for x in args]
    results = evaluate(op, batch, inputs)
    try:
        return [to_torch(x) for x in results]
    except SharingError as error:
        hint = "return a copy: x.copy()"
        raise refusal(op, error.field, error.expected, f"a result with {error.got}", hint) from error


def _lent(x: Tensor) -> ndarray[Any, Any]:
    """Return the memory of `x` as a read-only ndarray. NumPy does not let it be made writable."""
    try:
        array = to_numpy(x.detach() if x.requires_grad else x)
    except SharingError:
        if not (x.is_conj() or x.is_neg()):
            raise
        # Such are gradients of complex numbers: their values are computed here.
        array = to_numpy(x.detach().resolve_conj().resolve_neg())
    array.setflags(write=False)
    return array


class _Recorded(torch.autograd.Function):
    """What autograd records of a call. Saving is torch's, which refuses values that were written later."""

    @staticmethod
    def forward(ctx: Any, op: NumpyOp, *args: Any) -> Any:
        results = compute(op, (), args)
        torch_registered.save(ctx, op, args, results)
        return _alone(results)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        inputs, outputs = torch_registered.restored(ctx)
        return (None, *gradients(ctx.op, call, grads, inputs, outputs, torch_registered.differentiable))


# As `_Recorded.apply`, which would look for transforms once more, for a microsecond.
_record: Callable[..., Any] = super(torch.autograd.Function, _Recorded).apply
