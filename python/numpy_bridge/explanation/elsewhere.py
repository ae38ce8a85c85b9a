"""Libraries that do not say what they do with memory: rules that were measured, be they here or not.

JAX is not asked even where it is imported: what decides is the address of the memory itself, and it would
copy all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .description import Description
from .memory import Memory
from .protocols import Protocol
from .trial import Outcome

ALIGNMENT = 64
"""Bytes. XLA's buffers start at multiples of it."""

_WIDE = ("float64", "complex128", "int64", "uint64")
_MEASURED = (
    *("bool", "int8", "int16", "int32", "uint8", "uint16", "uint32"),
    *("float16", "bfloat16", "float32", "complex64", *_WIDE),
)
_OWN = {"JAX": ("jax", "jaxlib"), "TensorFlow": ("tensorflow",)}

Row = tuple[str, str, Outcome, str, str]
Judgement = tuple[Outcome, str, str]


def elsewhere(description: Description, protocols: Sequence[Protocol], shared: bool) -> Iterator[Row]:
    """Yield library, call, outcome, why, and what to do instead, for memory on the CPU.

    `shared` says whether a View hands it out by DLPack.
    """
    memory = description.memory
    if memory is None or memory.device != "cpu" or description.refusal:
        return
    aligned = _aligned(description.library, memory)
    own = [protocol for protocol in protocols if protocol.name == "__dlpack__"]
    for library, call, rule in (
        ("JAX", "jax.dlpack.from_dlpack({})", _jax),
        ("TensorFlow", "tf.experimental.dlpack.from_dlpack({}.__dlpack__())", _tensorflow),
    ):
        by_view = call.format("bridge.view(x)")
        if description.library in _OWN[library]:
            yield library, call.format("x"), "shares", "it is one already", ""
        elif own and own[0].outcome == "refuses":
            instead = by_view if shared and rule(memory, aligned)[0] == "shares" else ""
            yield library, call.format("x"), "refuses", own[0].because, instead
        elif not shared:
            yield library, by_view, "refuses", "DLPack has no word for it", ""
        elif own and memory.readonly and description.library not in ("numpy", "numpy_bridge"):
            yield (
                library,
                call.format("x"),
                "untried",
                "nothing was measured for read-only memory of others",
                "",
            )
        else:
            yield library, call.format("x") if own else by_view, *rule(memory, aligned)


def _jax(memory: Memory, aligned: str) -> Judgement:
    measured = "measured with jax 0.10"
    if memory.readonly:
        return "refuses", f"{measured}: read-only memory; jax 0.12 shares it", ""
    if not (memory.c_contiguous or memory.f_contiguous):
        return "refuses", f"{measured}: gaps between elements, or an order of its own", ""
    if memory.dtype not in _MEASURED:
        return "untried", f"nothing was measured for {memory.dtype}", ""
    if memory.dtype in _WIDE:
        wider = 'jax.config.update("jax_enable_x64", True)' if _is_aligned(memory) else ""
        return "copies", f"{measured}: silently, to 32 bits, unless jax_enable_x64 is set", wider
    if not _is_aligned(memory):
        return "copies", f"{measured}: silently, {_off(memory)}", aligned
    return "shares", f"{measured}: aligned to {ALIGNMENT} bytes", ""


def _tensorflow(memory: Memory, aligned: str) -> Judgement:
    measured = "measured with tensorflow 2.21"
    if memory.readonly:
        return "refuses", f"{measured}: read-only memory", ""
    if not memory.c_contiguous or memory.dtype not in _MEASURED:
        return "untried", "nothing was measured for this dtype or order", ""
    if not _is_aligned(memory):
        return "unsafe", f"{measured}: the first operation ends the process, {_off(memory)}", aligned
    return "shares", f"{measured}: aligned to {ALIGNMENT} bytes", ""


def _is_aligned(memory: Memory) -> bool:
    return not memory.size or memory.alignment >= ALIGNMENT


def _aligned(library: str, memory: Memory) -> str:
    """New memory of the same library and shape that is aligned; empty where nothing makes it.

    NumPy's own blocks are aligned to 16 bytes, whole pages to 4096.
    """
    if library == "torch":
        return f"torch.empty({memory.shape}, dtype=torch.{memory.dtype})"
    if memory.dtype == "bfloat16":
        return ""
    return f"np.frombuffer(mmap.mmap(-1, {memory.nbytes}), {memory.dtype!r}).reshape({memory.shape})"


def _off(memory: Memory) -> str:
    return f"aligned to {memory.alignment} of {ALIGNMENT} bytes"
