"""Calls on jax arrays: `jax.pure_callback`, with the vjp as a `jax.custom_vjp`."""

# mypy: disable-error-code="import-not-found, unused-ignore"

from __future__ import annotations

import functools
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from numpy_bridge import _core

from .declaration import NumpyOp
from .evaluation import Array, evaluate
from .gradients import gradients
from .spec import ArraySpec, declared, has_gradient, numpy_dtype, refusal

_VALUES = (int, float, complex, bool, str, bytes, type(None))
NARROW = "dtypes that jax has without jax_enable_x64"
_KEPT = 128  # functions for each operation: one for each combination of constants


def call(op: NumpyOp, args: Sequence[Any]) -> Any:
    """Return the result as a jax array, or a tuple of them."""
    results = apply(op, args)
    return results[0] if len(results) == 1 else results


def apply(op: NumpyOp, args: Sequence[Any]) -> tuple[Any, ...]:
    """Call the operation on the arrays among the arguments; the others are constants of this call."""
    for x in args:
        if isinstance(x, np.ndarray) and jax.dtypes.canonicalize_dtype(x.dtype) != x.dtype:
            hint = "turn on jax_enable_x64, or convert it: x.astype(...)"
            raise refusal(op, "dtype", NARROW, f"an ndarray of {x.dtype}", hint)
    are_arrays = tuple(isinstance(x, jax.Array | np.ndarray) for x in args)
    constants = [_Constant(x) for x, is_array in zip(args, are_arrays, strict=True) if not is_array]
    if op.for_jax is None:
        op.for_jax = functools.lru_cache(_KEPT)(functools.partial(_differentiable, op))
    function = op.for_jax(are_arrays, *constants)
    results: tuple[Any, ...] = function(
        *[x for x, is_array in zip(args, are_arrays, strict=True) if is_array]
    )
    return results


class _Constant:
    """An argument that is no array. Equal are equal values of one type, and of other things the same one.

    NumPy code may tell 1 from 1.0 and True, which Python says are equal.
    """

    def __init__(self, value: object) -> None:
        self.value = value
        self.key = pickle.dumps(value) if _is_value(value) else id(value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Constant) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def _is_value(x: object) -> bool:
    if type(x) is tuple:
        return all(_is_value(y) for y in x)
    return type(x) in _VALUES or isinstance(x, np.generic)


def _differentiable(op: NumpyOp, are_arrays: tuple[bool, ...], *constants: _Constant) -> Any:
    """Return a function of the arrays. jax compiles for each function anew, so it is made once."""

    def complete(values: Sequence[Any]) -> list[Any]:
        arrays, others = iter(values), iter(constants)
        return [next(arrays) if is_array else next(others).value for is_array in are_arrays]

    @functools.cache
    def on_host(ndims: tuple[int, ...]) -> Callable[..., tuple[Array, ...]]:
        def evaluated(*values: Any) -> tuple[Array, ...]:
            arrays = [_core.to_numpy(_core.view(np.asarray(x), readonly=True)) for x in values]
            before = [x.shape[: x.ndim - ndim] for x, ndim in zip(arrays, ndims, strict=True)]
            return tuple(evaluate(op, np.broadcast_shapes(*before), complete(arrays)))

        return evaluated

    def called(*values: Any) -> tuple[Any, ...]:
        arrays = [jax.numpy.asarray(x) for x in values]  # jax makes numbers of some
        results = _declared(op, complete([_spec(x) for x in arrays]))
        function = on_host(tuple(x.ndim for x in arrays))
        found: tuple[Any, ...] = jax.pure_callback(function, results, *arrays, vmap_method=op.vmap_method)
        return found

    def forward(*values: Any) -> tuple[Any, Any]:
        results = with_gradient(*values)  # and not `called`: jax may differentiate this, too
        return results, (values, () if op.save == "inputs" else results)

    def backward(kept: tuple[Any, Any], grads: tuple[Any, ...]) -> tuple[Any, ...]:
        values, outputs = kept
        inputs = complete([jax.numpy.asarray(x) for x in values])
        # torch's gradients of complex numbers, which the vjp takes and returns, are the conjugates of jax's.
        found = gradients(op, apply, [_conj(g) for g in grads], inputs, outputs, _has_gradient)
        return tuple(_conj(g) for g, is_array in zip(found, are_arrays, strict=True) if is_array)

    with_gradient = jax.custom_vjp(called)
    with_gradient.defvjp(forward, backward)
    return with_gradient


def _declared(op: NumpyOp, args: Sequence[Any]) -> tuple[Any, ...]:
    """Return what `out=` says, as jax describes arrays."""
    results = declared(op, args)
    for _, dtype in results:
        if jax.dtypes.canonicalize_dtype(dtype) != dtype:
            hint = "turn on jax_enable_x64, or declare a smaller dtype"
            raise refusal(op, "dtype", NARROW, str(dtype), hint)
    struct: Any = jax.ShapeDtypeStruct
    return tuple(struct(shape, dtype) for shape, dtype in results)


def _conj(x: Any) -> Any:
    return x.conj() if x is not None and x.dtype.kind == "c" else x


def _spec(x: Any) -> ArraySpec:
    return ArraySpec(tuple(x.shape), numpy_dtype(x.dtype))


def _has_gradient(x: Any) -> bool:
    return isinstance(x, jax.Array | np.ndarray) and has_gradient(_spec(x).dtype)
