"""The vector-Jacobian product as an operation of its own, the same for torch and jax."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .spec import ArraySpec, has_gradient, refusal

if TYPE_CHECKING:
    from .declaration import NumpyOp


class Product:
    """Adapts a function `(grad, *inputs) -> grads` to arguments that are all in one row.

    The row is the number of gradients, the gradients, the inputs and, unless ``save="inputs"``, the outputs.
    The results are the gradients of the inputs that have one: floating point and complex arrays.
    """

    def __init__(self, op: NumpyOp, vjp: Callable[..., Any]) -> None:
        self.op = op
        self.vjp = vjp
        self.__name__ = f"{op.__name__}.vjp"
        self.__qualname__ = f"{op.__qualname__}_vjp"
        self.__module__ = op.__module__

    def __call__(self, count: int, *row: Any) -> Any:
        """Call the function with the gradient, or with the tuple of several, and with what was saved."""
        inputs, outputs = self._split(count, row)
        grad = row[0] if count == 1 else row[:count]
        found = self.vjp(grad, *saved(self.op, inputs, outputs))
        grads = found if isinstance(found, (tuple, list)) else (found,)
        if len(grads) != len(inputs):
            expected = f"{len(inputs)} gradients, one for each input"
            hint = "return None for an input without a gradient"
            raise refusal(self.op, "vjp", expected, f"{len(grads)}", hint)
        wanted = [
            np.zeros(x.shape, x.dtype) if g is None else g
            for g, x in zip(grads, inputs, strict=True)
            if isinstance(x, np.ndarray) and has_gradient(x.dtype)
        ]
        return wanted[0] if len(wanted) == 1 else wanted

    def out(self, count: int, *row: Any) -> list[ArraySpec]:
        """Say that gradients are like their inputs."""
        inputs, _ = self._split(count, row)
        return [x for x in inputs if isinstance(x, ArraySpec) and has_gradient(x.dtype)]

    def _split(self, count: int, row: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        end = len(row) if self.op.save == "inputs" else len(row) - count
        return row[count:end], row[end:]


def saved(op: NumpyOp, inputs: Sequence[Any], outputs: Sequence[Any]) -> Sequence[Any]:
    """Return what the vjp gets beside the gradient."""
    if op.save == "inputs":
        return inputs
    return outputs if op.save == "outputs" else (*inputs, *outputs)


def gradients(
    op: NumpyOp,
    apply: Callable[[NumpyOp, Sequence[Any]], Any],
    grads: Sequence[Any],
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    differentiable: Callable[[Any], bool],
    batched: int = 0,
) -> Sequence[Any]:
    """Return the gradient of each input, or None.

    Parameters
    ----------
    op : NumpyOp
        The operation whose inputs they are.
    apply : callable
        Calls an operation on arrays of the library that asks, and returns its result or the sequence of them.
    grads : sequence
        The gradients of the outputs.
    inputs, outputs : sequence
        Those of the call. No outputs with ``save="inputs"``; with ``save="outputs"`` only shape and dtype of
        the inputs are used.
    differentiable : callable
        Whether an input is an array that has gradients.
    batched : int, optional
        How many leading extents are those of a batch.
    """
    product = op.product
    if product is None:
        second = "give the operation a vjp that is a numpy_op with a vjp, or differentiate once"
        first = f"write one: @{op.__name__}.vjp on a function (grad, *inputs)"
        hint = second if isinstance(op.function, Product) else first
        raise refusal(op, "vjp", "a derivative", "no vjp", hint)
    wanted = [x for x in inputs if differentiable(x)]
    if isinstance(product.function, Product):
        of_arrays = _in_a_row(apply(product, (len(grads), *grads, *inputs, *outputs)))
    else:
        of_arrays = _in_a_row(apply(product, (*grads, *saved(op, inputs, outputs))))
        _check(op, of_arrays, wanted, batched)
    if len(wanted) == len(inputs):
        return of_arrays
    rest = iter(of_arrays)
    return [next(rest) if differentiable(x) else None for x in inputs]


def _in_a_row(found: Any) -> Sequence[Any]:
    return found if isinstance(found, (tuple, list)) else (found,)


def _check(op: NumpyOp, found: Sequence[Any], wanted: Sequence[Any], batched: int) -> None:
    """Raise unless a vjp that is an operation has returned one gradient for each input, and like it."""
    if len(found) != len(wanted):
        expected = f"{len(wanted)} gradients, one for each floating point or complex input"
        hint = "such a vjp returns none for other arguments: correct its out="
        raise refusal(op, "vjp", expected, f"{len(found)}", hint)
    for g, x in zip(found, wanted, strict=True):
        if (g.shape[batched:], g.dtype) != (x.shape[batched:], x.dtype):
            expected, got = (f"shape {tuple(y.shape[batched:])} and {y.dtype}" for y in (x, g))
            raise refusal(op, "vjp", f"a gradient of {expected}", got, "correct the vjp and its out=")
