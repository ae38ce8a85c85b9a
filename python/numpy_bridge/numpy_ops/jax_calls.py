"""Calls on jax arrays: `jax.pure_callback`, with the vjp as a `jax.custom_vjp`."""

# mypy: disable-error-code="import-not-found, unused-ignore"

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from numpy_bridge import _core

from .declaration import NumpyOp
from .evaluation import Array, evaluate
from .gradients import gradients
from .spec import ArraySpec, declared, has_gradient, numpy_dtype, refusal


def call(op: NumpyOp, args: Sequence[Any]) -> Any:
    """Return the result as a jax array, or a tuple of them."""
    results = apply(op, args)
    return results[0] if len(results) == 1 else results


def apply(op: NumpyOp, args: Sequence[Any]) -> tuple[Any, ...]:
    """Call the operation on the arrays among the arguments; the others are constants of this call."""
    are_arrays = [isinstance(x, jax.Array | np.ndarray) for x in args]
    arrays = [x for x, is_array in zip(args, are_arrays, strict=True) if is_array]

    def complete(values: Sequence[Any]) -> list[Any]:
        rest = iter([jax.numpy.asarray(x) for x in values])  # jax makes numbers of some
        return [next(rest) if is_array else x for x, is_array in zip(args, are_arrays, strict=True)]

    def called(*values: Any) -> tuple[Any, ...]:
        return _call_back(op, complete(values), are_arrays)

    def forward(*values: Any) -> tuple[Any, Any]:
        results = with_gradient(*values)  # and not `called`: jax may differentiate this, too
        return results, (values, () if op.save == "inputs" else results)

    def backward(kept: tuple[Any, Any], grads: tuple[Any, ...]) -> tuple[Any, ...]:
        values, outputs = kept
        inputs = complete(values)
        # torch's gradients of complex numbers, which the vjp takes and returns, are the conjugates of jax's.
        found = gradients(op, apply, [_conj(g) for g in grads], inputs, outputs, _has_gradient)
        return tuple(_conj(g) for g, is_array in zip(found, are_arrays, strict=True) if is_array)

    with_gradient = jax.custom_vjp(called)
    with_gradient.defvjp(forward, backward)
    results: tuple[Any, ...] = with_gradient(*arrays)
    return results


def _call_back(op: NumpyOp, args: Sequence[Any], are_arrays: Sequence[bool]) -> tuple[Any, ...]:
    specs = [_spec(x) if is_array else x for x, is_array in zip(args, are_arrays, strict=True)]
    results = declared(op, specs)
    for _, dtype in results:
        if jax.dtypes.canonicalize_dtype(dtype) != dtype:
            hint = "turn on jax_enable_x64, or declare a smaller dtype"
            raise refusal(op, "dtype", "dtypes that jax has without jax_enable_x64", str(dtype), hint)

    def on_host(*values: Any) -> tuple[Array, ...]:
        given = iter([_core.to_numpy(_core.view(np.asarray(x), readonly=True)) for x in values])
        inputs = [next(given) if is_array else x for x, is_array in zip(args, are_arrays, strict=True)]
        before = [
            x.shape[: x.ndim - spec.ndim] for x, spec in zip(inputs, specs, strict=True) if _is_spec(spec)
        ]
        return tuple(evaluate(op, np.broadcast_shapes(*before), inputs))

    struct: Any = jax.ShapeDtypeStruct
    as_jax = tuple(struct(shape, dtype) for shape, dtype in results)
    arrays = [x for x, is_array in zip(args, are_arrays, strict=True) if is_array]
    called: tuple[Any, ...] = jax.pure_callback(on_host, as_jax, *arrays, vmap_method=op.vmap_method)
    return called


def _conj(x: Any) -> Any:
    return x.conj() if x is not None and x.dtype.kind == "c" else x


def _is_spec(x: object) -> bool:
    return isinstance(x, ArraySpec)


def _spec(x: Any) -> ArraySpec:
    return ArraySpec(tuple(x.shape), numpy_dtype(x.dtype))


def _has_gradient(x: Any) -> bool:
    return isinstance(x, jax.Array | np.ndarray) and has_gradient(_spec(x).dtype)
