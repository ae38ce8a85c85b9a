"""One call of the NumPy function, on arrays: batches, and the checks of what it returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from numpy_bridge import _core

from .spec import ArraySpec, declared, refusal

if TYPE_CHECKING:
    from .declaration import NumpyOp

Array = NDArray[Any]


def evaluate(op: NumpyOp, batch: Sequence[int], inputs: Sequence[Any]) -> list[Array]:
    """Call the function, and return its results: new arrays with the shapes and dtypes that were declared.

    Parameters
    ----------
    op : NumpyOp
        The operation.
    batch : sequence of int
        The extents that `vmap` has put before those of the inputs; empty without one. An input has 1 in
        place of an extent that it does not depend on.
    inputs : sequence
        Read-only ndarrays, and arguments that are no arrays.
    """
    skipped = len(batch)
    specs = declared(op, [ArraySpec(x.shape[skipped:], x.dtype) if is_array(x) else x for x in inputs])
    if batch and op.vmap_method == "sequential":
        return _one_by_one(op, tuple(batch), inputs, specs)
    if batch:
        specs = [ArraySpec((*batch, *spec.shape), spec.dtype) for spec in specs]
    return _once(op, inputs, specs, skipped)


def is_array(x: object) -> bool:
    """Return whether `x` is an ndarray."""
    return isinstance(x, np.ndarray)


def _once(op: NumpyOp, inputs: Sequence[Any], specs: list[ArraySpec], batched: int = 0) -> list[Array]:
    returned = op.function(*inputs)
    results = returned if isinstance(returned, tuple | list) else (returned,)
    if len(results) != len(specs):
        raise refusal(op, "outputs", f"{len(specs)} results, as out= says", f"{len(results)}")
    if batched:
        results = [_filled(x, spec, batched) for x, spec in zip(results, specs, strict=True)]
    checked = [_checked(op, x, spec, inputs) for x, spec in zip(results, specs, strict=True)]
    for i, x in enumerate(checked):
        for y in checked[:i]:
            if np.may_share_memory(x, y) and _core.shares_memory(x, y):
                hint = "return a copy of one: x.copy()"
                raise refusal(op, "alias", "results that share no memory", "results that do", hint)
    return checked


def _one_by_one(
    op: NumpyOp, batch: tuple[int, ...], inputs: Sequence[Any], specs: list[ArraySpec]
) -> list[Array]:
    """Call the function for each element of the batch."""
    skipped = len(batch)
    results = [np.empty((*batch, *spec.shape), spec.dtype) for spec in specs]
    whole = [np.broadcast_to(x, (*batch, *x.shape[skipped:])) if is_array(x) else x for x in inputs]
    for index in np.ndindex(*batch):
        one = [x[index + (...,)] if is_array(x) else x for x in whole]  # noqa: RUF005: Python 3.10
        for result, part in zip(results, _once(op, one, specs), strict=True):
            result[index] = part
    return results


def _filled(result: Any, spec: ArraySpec, batched: int) -> Any:
    """Return a result that is the same for the whole batch, with 1 for its extents, in full."""
    if not is_array(result) or result.shape != (*(1,) * batched, *spec.shape[batched:]):
        return result
    return np.array(np.broadcast_to(result, spec.shape))


def _checked(op: NumpyOp, result: Any, spec: ArraySpec, inputs: Sequence[Any]) -> Array:
    if result is None:  # a gradient of nothing
        return np.zeros(spec.shape, spec.dtype)
    if isinstance(result, np.generic | int | float | complex):
        result = np.asarray(result)
    if not isinstance(result, np.ndarray):
        got = f"an object of type {type(result).__name__}"
        raise refusal(op, "type", "an ndarray, or a tuple of them", got, "return np.asarray(...)")
    if result.shape != spec.shape:
        hint = "correct out=, or what the function returns"
        raise refusal(op, "shape", f"a result of shape {spec.shape}", f"{result.shape}", hint)
    if result.dtype != spec.dtype:
        hint = f"return x.astype({spec.dtype.name!r}), or correct out="
        raise refusal(op, "dtype", f"a result of {spec.dtype}", f"{result.dtype}", hint)
    for i, x in enumerate(inputs):
        if is_array(x) and np.may_share_memory(result, x) and _core.shares_memory(result, x):
            got = f"memory of input {i}"
            raise refusal(op, "alias", "a result with memory of its own", got, "return a copy: x.copy()")
    return result
