"""One call of the NumPy function, on arrays: batches, and the checks of what it returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray
from numpy.typing import NDArray

from numpy_bridge._core import may_share_memory, shares_memory

from .spec import ArraySpec, declared, refusal

if TYPE_CHECKING:
    from .declaration import NumpyOp

Array = NDArray[Any]
_NUMBERS = (np.generic, int, float, complex)
_CONSTANTS = (int, float, bool, str, type(None))


def evaluate(op: NumpyOp, batch: Sequence[int], inputs: Sequence[Any]) -> Sequence[Array]:
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
    if batch:
        return _evaluate_batch(op, tuple(batch), inputs)
    specs = _expected(op, inputs)
    returned = op.function(*inputs)
    # The usual result is checked without a call.
    if type(returned) is ndarray and len(specs) == 1:
        shape, dtype = specs[0]
        if returned.shape == shape and returned.dtype == dtype:
            for x in inputs:
                if type(x) is ndarray and may_share_memory(returned, x):
                    break
            else:
                return (returned,)
    return _checked(op, returned, specs, inputs)


def _evaluate_batch(op: NumpyOp, batch: tuple[int, ...], inputs: Sequence[Any]) -> Sequence[Array]:
    skipped = len(batch)
    specs = declared(op, [ArraySpec(x.shape[skipped:], x.dtype) if is_array(x) else x for x in inputs])
    if op.vmap_method == "sequential":
        return _one_by_one(op, batch, inputs, specs)
    specs = [ArraySpec(batch + shape, dtype) for shape, dtype in specs]
    return _checked(op, op.function(*inputs), specs, inputs, skipped)


def is_array(x: object) -> bool:
    """Return whether `x` is an ndarray."""
    return isinstance(x, ndarray)


def _expected(op: NumpyOp, inputs: Sequence[Any]) -> list[ArraySpec]:
    """Return what `out=` says; what it has said last, if it would be asked the same again."""
    key: list[Any] = []
    for x in inputs:
        if type(x) is ndarray:
            key += (x.shape, x.dtype)
        elif type(x) in _CONSTANTS:
            key += (x, type(x))
        else:
            key.append(object())  # equal to nothing
    last, specs = op.last_declared
    if key != last:
        specs = declared(op, [ArraySpec(x.shape, x.dtype) if is_array(x) else x for x in inputs])
        op.last_declared = (key, specs)  # in one step, for other threads
    return specs


def _checked(
    op: NumpyOp, returned: Any, specs: list[ArraySpec], inputs: Sequence[Any], batched: int = 0
) -> Sequence[Array]:
    results = list(returned) if isinstance(returned, (tuple, list)) else [returned]
    if len(results) != len(specs):
        raise refusal(op, "outputs", f"{len(specs)} results, as out= says", f"{len(results)}")
    for i, (result, spec) in enumerate(zip(results, specs, strict=True)):
        results[i] = result = _as_declared(op, result, spec, batched)
        for x in inputs:
            if is_array(x) and may_share_memory(result, x) and shares_memory(result, x):
                expected = "a result with memory of its own"
                raise refusal(op, "alias", expected, "memory of an input", "return a copy: x.copy()")
    if len(results) > 1:
        _check_apart(op, results)
    return results


def _one_by_one(
    op: NumpyOp, batch: tuple[int, ...], inputs: Sequence[Any], specs: list[ArraySpec]
) -> list[Array]:
    """Call the function for each element of the batch."""
    skipped = len(batch)
    results = [np.empty(batch + shape, dtype) for shape, dtype in specs]
    whole = [np.broadcast_to(x, batch + x.shape[skipped:]) if is_array(x) else x for x in inputs]
    for index in np.ndindex(*batch):
        at = (*index, ...)  # an array of no dimensions rather than a scalar
        one = [x[at] if is_array(x) else x for x in whole]
        for result, part in zip(results, _checked(op, op.function(*one), specs, one), strict=True):
            result[index] = part
    return results


def _as_declared(op: NumpyOp, result: Any, spec: ArraySpec, batched: int) -> Array:
    """Return the array that a result stands for: a number, or one element for all of a batch."""
    if isinstance(result, _NUMBERS):
        result = np.asarray(result)
    if not isinstance(result, ndarray):
        got = f"an object of type {type(result).__name__}"
        raise refusal(op, "type", "an ndarray, or a tuple of them", got, "return np.asarray(...)")
    if batched and result.shape != spec.shape and _is_part_of_batch(result.shape, spec.shape, batched):
        result = np.broadcast_to(result, spec.shape).copy()
    if result.shape != spec.shape:
        hint = "correct out=, or what the function returns"
        raise refusal(op, "shape", f"a result of shape {spec.shape}", f"{result.shape}", hint)
    if result.dtype != spec.dtype:
        hint = f"return x.astype({spec.dtype.name!r}), or correct out="
        raise refusal(op, "dtype", f"a result of {spec.dtype}", f"{result.dtype}", hint)
    checked: Array = result
    return checked


def _is_part_of_batch(shape: tuple[int, ...], whole: tuple[int, ...], batched: int) -> bool:
    """Return whether the shapes differ only in extents of the batch that are 1."""
    if len(shape) != len(whole) or shape[batched:] != whole[batched:]:
        return False
    return all(a in (1, b) for a, b in zip(shape[:batched], whole[:batched], strict=True))


def _check_apart(op: NumpyOp, results: Sequence[Array]) -> None:
    for i, x in enumerate(results):
        for y in results[:i]:
            if may_share_memory(x, y) and shares_memory(x, y):
                hint = "return a copy of one: x.copy()"
                raise refusal(op, "alias", "results that share no memory", "results that do", hint)
