"""Libraries that do not say what they do with memory: rules that were measured, be they here or not.

JAX is not asked even where it is imported: what decides is the address of the memory itself, and it would
copy all of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from .description import Description
from .memory import Memory
from .trial import Outcome

ALIGNMENT = 64
"""Bytes. XLA's buffers start at multiples of it."""

_ALIGN = "memory that torch allocates is aligned: bridge.to_numpy(torch.empty(n))"
_WIDE = ("float64", "complex128", "int64", "uint64")

_OWN = {"JAX": ("jax", "jaxlib"), "TensorFlow": ("tensorflow",)}

Row = tuple[str, str, Outcome, str, str]


def elsewhere(description: Description, speaks_dlpack: bool) -> Iterator[Row]:
    """Yield library, call, outcome, why, and what to do instead, for memory on the CPU."""
    x = "x" if speaks_dlpack else "bridge.view(x)"
    plain = description.library in ("numpy", "numpy_bridge") or not speaks_dlpack
    memory = description.memory
    if memory is None or memory.device != "cpu" or description.refusal:
        return
    for library, call, rule in (
        ("JAX", f"jax.dlpack.from_dlpack({x})", _jax),
        ("TensorFlow", f"tf.experimental.dlpack.from_dlpack({x}.__dlpack__())", _tensorflow),
    ):
        if description.library in _OWN[library]:
            yield library, call, "shares", "it is one already", ""
        elif memory.readonly and not plain:
            yield library, call, "not tried", "nothing was measured for read-only memory of others", ""
        else:
            yield library, call, *rule(memory)


def _jax(memory: Memory) -> tuple[Outcome, str, str]:
    measured = "measured with jax 0.10"
    if memory.readonly:
        return "refuses", f"{measured}: read-only memory; jax 0.12 shares it", ""
    if not (memory.c_contiguous or memory.f_contiguous):
        return "refuses", f"{measured}: gaps between elements, or an order of its own", ""
    if memory.dtype in _WIDE:
        return "copies", f"{measured}: silently, to 32 bits, unless jax_enable_x64 is set", ""
    if memory.size and memory.alignment < ALIGNMENT:
        return "copies", f"{measured}: silently, {_off(memory)}", _ALIGN
    return "shares", f"{measured}: aligned to {ALIGNMENT} bytes", ""


def _tensorflow(memory: Memory) -> tuple[Outcome, str, str]:
    measured = "measured with tensorflow 2.21"
    if memory.readonly:
        return "refuses", f"{measured}: read-only memory", ""
    if not memory.c_contiguous:
        return "not tried", "nothing was measured for memory that is not in C order", ""
    if memory.size and memory.alignment < ALIGNMENT:
        return "unsafe", f"{measured}: the first operation ends the process, {_off(memory)}", _ALIGN
    return "shares", f"{measured}: aligned to {ALIGNMENT} bytes", ""


def _off(memory: Memory) -> str:
    return f"aligned to {memory.alignment} of {ALIGNMENT} bytes"
