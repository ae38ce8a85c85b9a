"""When jax shares memory of the host: it copies what does not begin at a multiple of 64 bytes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from numpy_bridge import _core, libraries
from numpy_bridge.errors import SharingError

from .calls import Call
from .operands import Operand, same_kind

IN_MEMORY = " with x in bridge.empty(x.shape, "
"""What follows the call that shares, if memory has to be made for it."""

ALIGNMENT = libraries.BY_NAME["jax"].alignment


def alignment_reason(source: object) -> str:
    """Return why jax cannot share memory that begins at this address; empty if it can."""
    memory = _described(source)
    if memory is None or memory["ptr"] % ALIGNMENT == 0:
        return ""
    found = memory["ptr"] & -memory["ptr"]
    return f"jax shares memory only at multiples of {ALIGNMENT} bytes; this starts at a multiple of {found}"


def dtype_reason(given: Operand, made: Operand) -> str:
    """Return how the dtype changes, and why, if jax changes it on its own."""
    jax: Any = sys.modules["jax"]
    narrowed = not jax.config.jax_enable_x64 and str(jax.dtypes.canonicalize_dtype(given.dtype)) == made.dtype
    why = ", as jax_enable_x64 is off" if narrowed else ""
    return f"the dtype changes from {given.dtype} to {made.dtype}{why}"


def to_jax(x: str, source: object, given: Operand, made: Operand) -> str:
    """Return the call that shares, with the expression `x` for the argument; empty if there is none.

    Memory at another address, or of another size of numbers, has to be made anew.
    """
    memory = _described(source)
    if memory is None or given.library not in ("numpy", "torch") or not same_kind(given.dtype, made.dtype):
        return ""
    as_it_is = memory["ptr"] % ALIGNMENT == 0 and given.dtype == made.dtype
    writable = not (as_it_is and memory["readonly"])
    call = f"bridge.to_jax({x}{', allow_mutable=True' if writable else ''})"
    return call if as_it_is else f"{call}{IN_MEMORY}{made.dtype!r})"


def each_of(call: Call, tree: object, result: object) -> Iterator[tuple[Call, Any, Any]]:
    """Yield each array of nested containers, with what it has become, and the call under a name for parts."""
    given, made = leaves(tree), leaves(result)
    whole = len(given) == 1 and given[0] is tree
    part = call if whole else replace(call, label=f"{call.label}(tree)")
    if len(given) == len(made):
        yield from ((part, *pair) for pair in zip(given, made, strict=True))


def leaves(tree: object) -> list[Any]:
    """Return the values in nested containers, as jax takes them apart; none if it cannot."""
    jax: Any = sys.modules["jax"]
    try:
        return list(jax.tree_util.tree_leaves(tree))
    except Exception:  # those of the program's own containers
        return []


def _described(source: object) -> Any:
    try:
        return _core.describe(source)
    except (SharingError, TypeError):
        return None
