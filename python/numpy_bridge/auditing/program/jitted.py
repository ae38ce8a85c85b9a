"""Arguments of functions that `jax.jit` has made. At each call jax shares or copies the NumPy arrays in them.

There is no result to compare with. jax's rule judges arguments, and tests compare it with what jax does.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable, Mapping
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from numpy_bridge.outcome import Outcome

from ..judging.calls import Call
from ..judging.jax_rule import alignment_reason, dtype_reason, leaves, to_jax
from ..judging.operands import Operand, Trait, operand_of
from ..judging.transfers import TO_DEVICE, Transfer
from ..judging.verdict import Verdict

CALL = "()"
"""The name of `f(...)` in rewritten source."""


def call_of(function: Any) -> Call | None:
    """Return what a report calls a function of `jax.jit`, or a method of it; None for all other functions."""
    made = function.__func__ if type(function) is MethodType else function
    if type(made) is FunctionType:  # the commonest, and what debugging aids make of `jax.jit`
        return None
    jit = getattr(sys.modules.get("jax"), "jit", None)
    return _call(getattr(made, "__name__", "")) if jit and type(made) is _kind(jit) else None


@functools.lru_cache(maxsize=4)
def _kind(jit: Any) -> type:
    return type(jit(lambda: None))


@functools.lru_cache(maxsize=256)
def _call(name: str) -> Call:
    return Call("jax", CALL, f"jit({name})", own_lines=True)


def host_arrays(arguments: Iterable[Any], keywords: Mapping[str, Any]) -> list[np.ndarray[Any, Any]]:
    """Return the arrays of NumPy in the arguments of a call, which may be nested containers."""
    return [each for each in leaves((arguments, keywords)) if isinstance(each, np.ndarray)]


def judge_argument(source: np.ndarray[Any, Any], result: object) -> Verdict | None:
    """Say what jax did with an argument of a call that gave `result`; None while jax traces."""
    jax: Any = sys.modules["jax"]
    results = leaves(result)
    if any(isinstance(each, jax.core.Tracer) for each in results):
        return None
    device = next((operand_of(each).device for each in results if isinstance(each, jax.Array)), "cpu")
    dtype = np.dtype(jax.dtypes.canonicalize_dtype(source.dtype))
    given = operand_of(source)
    made = Operand("jax", f"jax {dtype.name}", dtype.name, device, source.size * dtype.itemsize)
    reason = _reason(source, given, made)
    if not reason:
        return Verdict(given, made, Outcome.SHARES.past, made.nbytes, "the same memory", "", asked=False)
    moved = None if given.device == made.device else Transfer(TO_DEVICE, given.device, made.device)
    asked = moved is not None
    instead = "" if asked or Trait.NOT_CONTIGUOUS in given.traits else to_jax("x", source, given, made)
    return Verdict(given, made, Outcome.COPIES.past, made.nbytes, reason, instead, asked, moved)


def _reason(source: np.ndarray[Any, Any], given: Operand, made: Operand) -> str:
    """Return why jax copies an argument; empty if it shares its memory."""
    if given.device != made.device:
        return f"it moves from {given.device} to {made.device}"
    if given.dtype != made.dtype:
        return dtype_reason(given, made)
    if Trait.NOT_CONTIGUOUS in given.traits:
        return "it is not contiguous, and jax's arrays are"
    return alignment_reason(source)
