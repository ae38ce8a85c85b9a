"""torch.compile, torch.jit and Numba recognise functions by identity, in tables that they fill once.

The table of torch.jit has to hold the stand-ins while they are in place. Those of torch.compile must never
hold one: it follows `_torchdynamo_inline` to the original and looks that up. Numba reports when it compiles,
and then sees the originals. Most of this is private to torch; a missing part is skipped.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

from .patches import Patches

_TABLES = {
    "torch._dynamo.trace_rules": ("get_tensor_method", "_numpy_function_ids"),
    "torch._dynamo.variables.misc": ("get_np_to_tnp_map", "get_tnp_to_np_map"),
    "torch._dynamo.variables.torch": ("TorchInGraphFunctionVariable._get_handlers",),
    "torch._dynamo.utils": ("_torch_numpy_callable_id_map",),
}


class Compilers:
    """Keeps the compilers working while functions are patched."""

    MODULES = ("torch._dynamo", "numba")
    """The modules that bring a compiler."""

    def __init__(self, patches: Patches) -> None:
        self._patches = patches
        self._compiling = _Compiling()
        self._told: set[Callable[..., Any]] = set()

    def prepare(self) -> None:
        """Prepare the compilers that are imported. The originals have to be in place."""
        if hasattr(sys.modules.get("torch._dynamo"), "optimize"):  # complete
            self._fill_tables()
        events: Any = sys.modules.get("numba.core.event")
        if events is not None and hasattr(sys.modules.get("numba"), "njit") and self._first(events.register):
            self._suspend_while_compiling(events)

    def add_to_jit(self) -> None:
        """Let torch.jit compile each stand-in as its original."""
        table = _jit_table()
        for patch in self._patches:
            if id(patch.original) in table:
                table[id(patch.stand_in)] = table[id(patch.original)]

    def remove_from_jit(self) -> None:
        """Undo `add_to_jit`."""
        table = _jit_table()
        for patch in self._patches:
            table.pop(id(patch.stand_in), None)

    def _fill_tables(self) -> None:
        """Let torch.compile fill its tables with the originals.

        It must also skip our own code: a stand-in that it cannot inline is called as it is.
        """
        for module, names in _TABLES.items():
            for name in names:
                table: Any = sys.modules.get(module)
                for part in name.split("."):
                    table = getattr(table, part, None)
                if callable(table):
                    table()
        skip = getattr(sys.modules.get("torch._dynamo.trace_rules"), "add", None)
        if skip is not None and self._first(skip):  # torch keeps a list
            skip("numpy_bridge.auditing")

    def _suspend_while_compiling(self, events: Any) -> None:
        """Suspend the patches while Numba compiles, also after the audit: a compilation may outlast it."""

        def on_start(_listener: object, _event: object) -> None:
            self._compiling.depth += 1
            self._patches.suspend()

        def on_end(_listener: object, _event: object) -> None:
            if self._compiling.depth:
                self._compiling.depth -= 1
                self._patches.resume()

        methods = {"on_start": on_start, "on_end": on_end}
        events.register("numba:compile", type("WhileNumbaCompiles", (events.Listener,), methods)())

    def _first(self, function: Callable[..., Any]) -> bool:
        """Return whether this is the first call for a function, which then has its effect for good."""
        first = function not in self._told
        self._told.add(function)
        return first


class _Compiling(threading.local):
    """How many compilations by Numba this thread has been seen to start."""

    depth = 0


def _jit_table() -> dict[int, str]:
    module = sys.modules.get("torch.jit._builtins")
    table = getattr(module, "_builtin_table", None)
    return table if isinstance(table, dict) else {}
