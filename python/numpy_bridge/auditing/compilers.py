"""torch.compile, torch.jit and Numba know functions by identity, from tables that they keep for good.

Stand-ins have to be in the table of torch.jit while they stand in, and must never get into those of
torch.compile, which are looked up after `_torchdynamo_inline` has led back to the original. Numba tells when
it compiles, and sees the originals then. Most of this is private to torch; what is missing is left alone.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

from . import replacements

NAMES = ("torch._dynamo", "numba")
"""The modules that bring a compiler."""

_TABLES = {
    "torch._dynamo.trace_rules": ("get_tensor_method", "_numpy_function_ids"),
    "torch._dynamo.variables.misc": ("get_np_to_tnp_map", "get_tnp_to_np_map"),
    "torch._dynamo.variables.torch": ("TorchInGraphFunctionVariable._get_handlers",),
    "torch._dynamo.utils": ("_torch_numpy_callable_id_map",),
}


def prepare() -> None:
    """Make what has been imported of torch.compile and Numba ready; the originals have to be in place."""
    if hasattr(sys.modules.get("torch._dynamo"), "optimize"):  # complete
        _fill_tables()
    events = sys.modules.get("numba.core.event")
    if events is not None and hasattr(sys.modules.get("numba"), "njit"):
        _listen_to_numba(events)


def _fill_tables() -> None:
    """Let torch.compile look at the originals and remember what it sees.

    And tell it to leave our own code alone: a stand-in that it cannot see through is called as it is.
    """
    for module, names in _TABLES.items():
        for name in names:
            table: Any = sys.modules.get(module)
            for part in name.split("."):
                table = getattr(table, part, None)
            if callable(table):
                table()
    skip = getattr(sys.modules.get("torch._dynamo.trace_rules"), "add", None)
    if skip is not None:
        _leave_ours_alone(skip)


@functools.cache  # torch keeps a list, to which once is enough
def _leave_ours_alone(skip: Callable[[str], None]) -> None:
    skip("numpy_bridge.auditing")


class _Compiling(threading.local):
    """How many of this thread's compilations by Numba have been seen to start."""

    depth = 0


_compiling = _Compiling()


def _numba_starts(_listener: object, _event: object) -> None:
    _compiling.depth += 1
    replacements.suspend()


def _numba_ends(_listener: object, _event: object) -> None:
    if _compiling.depth:
        _compiling.depth -= 1
        replacements.resume()


@functools.cache  # and never taken back: a compilation may end after the audit in which it has started
def _listen_to_numba(events: Any) -> None:
    """Take the stand-ins out while Numba compiles."""
    methods = {"on_start": _numba_starts, "on_end": _numba_ends}
    events.register("numba:compile", type("WhileNumbaCompiles", (events.Listener,), methods)())


def disown(stand_ins: Iterable[Callable[..., Any]]) -> None:
    """Undo `adopt`."""
    table = _jit_table()
    for stand_in in stand_ins:
        table.pop(id(stand_in), None)


def unheard() -> AbstractContextManager[None]:
    """Keep our questions about tensors from the `__torch_function__` of modes and subclasses."""
    torch = sys.modules.get("torch")
    disable = getattr(getattr(torch, "_C", None), "DisableTorchFunction", nullcontext)
    return cast("AbstractContextManager[None]", disable())


def is_tracing() -> bool:
    """Whether torch.jit.trace or tf.function records what this thread does, our own questions included."""
    torch: Any = getattr(sys.modules.get("torch"), "_C", None)
    is_eager: Any = getattr(sys.modules.get("tensorflow"), "executing_eagerly", None)
    return (torch is not None and torch._is_tracing()) or (is_eager is not None and not is_eager())


def adopt(pairs: Iterable[tuple[Callable[..., Any], Callable[..., Any]]]) -> None:
    """Let torch.jit take each second function for the first."""
    table = _jit_table()
    for original, stand_in in pairs:
        if id(original) in table:
            table[id(stand_in)] = table[id(original)]


def _jit_table() -> dict[int, str]:
    module = sys.modules.get("torch.jit._builtins")
    table = getattr(module, "_builtin_table", None)
    return table if isinstance(table, dict) else {}
