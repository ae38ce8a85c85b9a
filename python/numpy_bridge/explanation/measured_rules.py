"""Rules for libraries that are not asked: measured once, and applied whether the library is installed or not.

JAX is not asked even if it is imported: its outcome depends on the address of the memory itself, and a call
would copy all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from numpy_bridge.libraries import BY_NAME
from numpy_bridge.memory import Memory
from numpy_bridge.outcome import Outcome
from numpy_bridge.sharing import Trial

from .model import Description, Protocol, Target

_WIDE = ("float64", "complex128", "int64", "uint64")
_MEASURED = (
    *("bool", "int8", "int16", "int32", "uint8", "uint16", "uint32"),
    *("float16", "bfloat16", "float32", "complex64", *_WIDE),
)
_X64 = 'jax.config.update("jax_enable_x64", True)'
_ALIGNMENT = BY_NAME["jax"].alignment


def measured(description: Description, protocols: Sequence[Protocol], shared: bool) -> Iterator[Target]:
    """Yield what JAX and TensorFlow do with memory on the CPU.

    `shared` says whether a View hands it out by DLPack.
    """
    memory = description.memory
    if memory is None or memory.device != "cpu" or description.refusal:
        return
    own = next((protocol for protocol in protocols if protocol.name == "__dlpack__"), None)
    for title, form, rule in (
        ("JAX", "jax.dlpack.from_dlpack({})", _jax),
        ("TensorFlow", "tf.experimental.dlpack.from_dlpack({}.__dlpack__())", _tensorflow),
    ):
        direct, by_view = form.format("x"), form.format("bridge.view(x)")
        trial = rule(memory)
        if description.library == title.lower():
            mine = Outcome.READONLY if memory.readonly else Outcome.SHARES
            yield Target(title, direct, mine, "it is one already")
        elif own and own.outcome is Outcome.REFUSES:
            instead = by_view if shared and trial.outcome.shared else ""
            yield Target(title, direct, own.outcome, own.because, instead)
        elif not shared:
            yield Target(title, by_view, Outcome.REFUSES, "DLPack cannot describe it")
        elif own and memory.readonly and description.library not in ("numpy", "numpy_bridge"):
            because = "nothing was measured for read-only memory of others"
            yield Target(title, direct, Outcome.UNTRIED, because)
        else:
            call = direct if own else by_view
            yield Target(title, call, *trial, _instead(trial, description.library, memory))


def _jax(memory: Memory) -> Trial:
    measured = "measured with jax 0.10"
    if memory.readonly:
        return Trial(Outcome.REFUSES, f"{measured}: read-only memory; jax 0.12 shares it")
    if not (memory.c_contiguous or memory.f_contiguous):
        return Trial(Outcome.REFUSES, f"{measured}: gaps between elements, or an order of its own")
    if memory.dtype not in _MEASURED:
        return Trial(Outcome.UNTRIED, f"nothing was measured for {memory.dtype}")
    if memory.dtype in _WIDE:
        return Trial(Outcome.COPIES, f"{measured}: silently, to 32 bits, unless jax_enable_x64 is set")
    if not _is_aligned(memory):
        return Trial(Outcome.COPIES, f"{measured}: silently, {_off(memory)}")
    return Trial(Outcome.SHARES, f"{measured}: aligned to {_ALIGNMENT} bytes")


def _tensorflow(memory: Memory) -> Trial:
    measured = "measured with tensorflow 2.21"
    if memory.readonly:
        return Trial(Outcome.REFUSES, f"{measured}: read-only memory")
    if not memory.c_contiguous or memory.dtype not in _MEASURED:
        return Trial(Outcome.UNTRIED, "nothing was measured for this dtype or order")
    if not _is_aligned(memory):
        return Trial(Outcome.UNSAFE, f"{measured}: the first operation ends the process, {_off(memory)}")
    return Trial(Outcome.SHARES, f"{measured}: aligned to {_ALIGNMENT} bytes")


def _instead(trial: Trial, library: str, memory: Memory) -> str:
    """Return the way to memory that is shared; empty if there is none."""
    if trial.outcome not in (Outcome.COPIES, Outcome.UNSAFE):
        return ""
    if trial.outcome is Outcome.COPIES and memory.dtype in _WIDE:
        return _X64 if _is_aligned(memory) else ""
    return _aligned(library, memory)


def _is_aligned(memory: Memory) -> bool:
    return not memory.size or memory.alignment >= _ALIGNMENT


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
    return f"aligned to {memory.alignment} of {_ALIGNMENT} bytes"
