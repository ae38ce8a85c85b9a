"""jax: aligned memory without gaps, in any order of the axes."""

# mypy: disable-error-code="attr-defined, import-not-found, import-untyped, no-untyped-call, unused-ignore"

from __future__ import annotations

from typing import Any

import jax
import jax.dlpack
import jax.numpy
from jax.extend.core import get_opaque_trace_state

from numpy_bridge import _core
from numpy_bridge.errors import SharingError

from .memory import may_be_written
from .target import NUMBERS, Target

_WIDE = frozenset(("int64", "uint64", "float64", "complex128"))
_FLOAT8 = frozenset(
    (
        *("float8_e3m4", "float8_e4m3", "float8_e4m3b11fnuz", "float8_e4m3fn", "float8_e4m3fnuz"),
        *("float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu"),
    )
)
_OUTSIDE = "convert it outside of the function that jax transforms"

with jax.ensure_compile_time_eval():  # this file may be imported while jax traces
    _NO_TRACE = get_opaque_trace_state()


def _share(view: _core.View) -> Any:
    return jax.dlpack.from_dlpack(may_be_written(view), copy=False)


def _is_own(x: Any) -> bool:
    if not isinstance(x, jax.Array):
        return False
    if isinstance(x, jax.core.Tracer):
        raise SharingError("jax", "tracing", "an array", "a traced value, which has no memory yet", _OUTSIDE)
    return True


def _is_tracing() -> bool:
    """Return whether what is computed now becomes part of a compiled function: not in an eager `grad`."""
    return get_opaque_trace_state() != _NO_TRACE and isinstance(jax.numpy.zeros(()), jax.core.Tracer)


def _refuse(view: _core.View) -> None:
    if _is_tracing():
        got = "a function that is being traced, which would keep the values of this call for all later ones"
        raise SharingError("jax", "tracing", "a call outside of jax.jit", got, _OUTSIDE)
    if view.dtype in _WIDE and not jax.config.jax_enable_x64:
        hint = 'call jax.config.update("jax_enable_x64", True) first'
        raise SharingError("jax", "dtype", "at most 32 bits, as jax_enable_x64 is off", view.dtype, hint)


JAX = Target(
    "jax",
    _share,
    address=lambda array: array.unsafe_buffer_pointer(),
    is_own=_is_own,
    dtypes=NUMBERS | _WIDE | _FLOAT8 | {"bool", "bfloat16", "complex64"},
    refuse=_refuse,
    order="packed",
    alignment=64,
    immutable=True,
    devices=("cpu", "cuda", "rocm"),
    copy_own=lambda array: array.copy(),
)


def target(kind: type | None) -> Target:
    """Return the row; jax has arrays of one kind."""
    return JAX
