"""Operations that torch knows: where it traces or dispatches, they are calls of custom operators.

There is one operator for each sequence of kinds of arguments, since the schema of an operator states them.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from typing import Any

import torch

from numpy_bridge.libraries import type_name

from .declaration import NumpyOp
from .gradients import gradients
from .spec import ArraySpec, declared, numpy_dtype, refusal

_NAMESPACE = "numpy_bridge"
# Kinds of arguments as schemas write them; the first that fits. None is left out of the schema.
_KINDS: tuple[tuple[Any, str], ...] = (
    (torch.Tensor, "Tensor"),
    (bool, "bool"),
    ((int, torch.SymInt), "SymInt"),
    ((float, torch.SymFloat), "float"),
    (complex, "Scalar"),
    (str, "str"),
    (type(None), ""),
)
_names: dict[tuple[NumpyOp, tuple[str, ...]], str] = {}
_lock = threading.Lock()


def apply(op: NumpyOp, args: Sequence[Any], batch: Sequence[int] = ()) -> Sequence[torch.Tensor]:
    """Call the operator that stands for the operation."""
    kinds = tuple([_kind(op, x) for x in args])
    operator = getattr(torch.ops.numpy_bridge, _name(op, kinds))
    results: Sequence[torch.Tensor] = operator(list(batch), *[x for x in args if x is not None])
    return results


def _kind(op: NumpyOp, x: object) -> str:
    for types, kind in _KINDS:
        if isinstance(x, types):
            return kind
    expected = "tensors, numbers, text and None as arguments where torch traces"
    raise refusal(op, "arguments", expected, f"a {type_name(x)}", "let the function read it as a global")


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _name(op: NumpyOp, kinds: tuple[str, ...]) -> str:
    """Return the name of the operator, which is registered when it is first asked for."""
    with _lock:
        if (op, kinds) not in _names:
            letters = "".join(kind[:1] or "N" for kind in kinds)
            # inductor writes classes with the name, in which Python changes names that begin with "__".
            name = re.sub(r"[^0-9A-Za-z]+", "_", f"op_{op.__module__}_{op.__qualname__}_{letters}")
            same = sum(taken.partition("__again")[0] == name for taken in _names.values())
            name = f"{name}__again{same}" if same else name
            _register(op, kinds, name)
            _names[op, kinds] = name
        return _names[op, kinds]


def _register(op: NumpyOp, kinds: tuple[str, ...], name: str) -> None:
    arguments = ", ".join(f"{kind} x{i}" for i, kind in enumerate(kinds) if kind)

    def complete(args: Sequence[Any]) -> list[Any]:
        rest = iter(args)
        return [next(rest) if kind else None for kind in kinds]

    def computed(batch: Sequence[int], *args: Any) -> list[torch.Tensor]:
        from .torch_calls import compute

        # In C order, as `traced` says: compiled code relies on the strides. Others are copied.
        return [result.contiguous() for result in compute(op, batch, complete(args))]

    def traced(batch: Sequence[int], *args: Any) -> list[torch.Tensor]:
        return _like_results(op, batch, complete(args))

    def keep(ctx: Any, inputs: tuple[Any, ...], output: Sequence[torch.Tensor]) -> None:
        ctx.batch = inputs[0]
        save(ctx, op, complete(inputs[1:]), output)

    def backward(ctx: Any, grads: Sequence[torch.Tensor]) -> tuple[Any, ...]:
        found = backward_in_batch(ctx, grads, apply)
        no_batch: Any = None if ctx.batch else []  # torch takes an empty list for one of tensors
        return (no_batch, *(g for g, kind in zip(found, kinds, strict=True) if kind))

    def batched(info: Any, in_dims: Sequence[Any], batch: Sequence[int], *args: Any) -> tuple[Any, Any]:
        prepared = with_batch_first(op, info.batch_size, complete(in_dims[1:]), complete(args))
        results = apply(op, prepared, (info.batch_size, *batch))
        return results, [0] * len(results)

    custom_op: Callable[..., Any] = torch.library.custom_op
    operator = custom_op(
        f"{_NAMESPACE}::{name}",
        computed,
        mutates_args=(),
        schema=f"(SymInt[] batch, {arguments}) -> Tensor[]",
    )
    operator.register_fake(traced)
    operator.register_autograd(backward, setup_context=keep)
    operator.register_vmap(batched)


def _like_results(op: NumpyOp, batch: Sequence[int], args: Sequence[Any]) -> list[torch.Tensor]:
    """Return tensors without values, as `out=` describes them."""
    inputs = [
        ArraySpec(tuple(x.shape)[len(batch) :], numpy_dtype(x.dtype)) if isinstance(x, torch.Tensor) else x
        for x in args
    ]
    device = next(x.device for x in args if isinstance(x, torch.Tensor))
    return [
        torch.empty((*batch, *shape), dtype=getattr(torch, dtype.name), device=device)
        for shape, dtype in declared(op, inputs)
    ]


def with_batch_first(op: NumpyOp, size: int, in_dims: Sequence[Any], args: Sequence[Any]) -> list[Any]:
    """Return the arguments for a batch more: its extent comes first, and inputs without it have 1 there."""

    def first(x: Any, dim: int | None) -> Any:
        if not isinstance(x, torch.Tensor):
            return x
        x = x.unsqueeze(0) if dim is None else x.movedim(dim, 0)
        return x.expand(size, *x.shape[1:]) if op.vmap_method == "broadcast_all" else x

    return [first(x, dim) for x, dim in zip(args, in_dims, strict=True)]


def save(ctx: Any, op: NumpyOp, args: Sequence[Any], results: Sequence[torch.Tensor]) -> None:
    """Keep for the backward pass what the vjp gets."""
    ctx.op = op
    if op.save == "inputs" and _all_tensors(args):
        ctx.save_for_backward(*args)
        return
    tensors = [x for x in args if isinstance(x, torch.Tensor)]
    # For each argument, a tuple with it if it is no tensor.
    ctx.constants = [None if isinstance(x, torch.Tensor) else (x,) for x in args]
    if op.save == "outputs":
        # Only shape and dtype of the inputs are used: one element has both.
        tensors = [x.new_empty(()).expand(x.shape) for x in tensors]
    if op.save != "inputs":
        tensors += results
    ctx.save_for_backward(*tensors)


def _all_tensors(args: Sequence[Any]) -> bool:
    for x in args:  # noqa: SIM110 (a generator takes three times as long)
        if not isinstance(x, torch.Tensor):
            return False
    return True


def restored(ctx: Any) -> tuple[Sequence[Any], Sequence[torch.Tensor]]:
    """Return the inputs and outputs that were kept; raises torch's error for those written later."""
    if not hasattr(ctx, "constants"):
        return ctx.saved_tensors, ()
    rest = iter(ctx.saved_tensors)
    inputs = [next(rest) if constant is None else constant[0] for constant in ctx.constants]
    return inputs, list(rest)


def differentiable(x: Any) -> bool:
    """Return whether `x` is a tensor that has gradients."""
    return isinstance(x, torch.Tensor) and (x.is_floating_point() or x.is_complex())


def backward_in_batch(
    ctx: Any, grads: Sequence[torch.Tensor], apply: Callable[..., Sequence[torch.Tensor]]
) -> list[Any]:
    """Return the gradients of a call for a batch, made with `apply(op, args, batch)`."""
    inputs, outputs = restored(ctx)

    def in_batch(op: NumpyOp, args: Sequence[Any]) -> Sequence[torch.Tensor]:
        return apply(op, args, ctx.batch)

    found = gradients(ctx.op, in_batch, grads, inputs, outputs, differentiable, len(ctx.batch))
    # An input that has 1 in place of the extent of a batch gets the sum.
    return [g if g is None else g.sum_to_size(x.shape) for g, x in zip(found, inputs, strict=True)]
