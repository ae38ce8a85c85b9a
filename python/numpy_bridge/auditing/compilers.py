"""torch.compile and torch.jit know functions by identity, from tables that they make once.

Stand-ins have to be in the table of torch.jit while they stand in, and must never get into those of
torch.compile, which outlive an audit and are looked up after `_torchdynamo_inline` has led back to the
original. All of it is private to torch, so whatever a version of torch lacks is left alone.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

DYNAMO = "torch._dynamo"

_TABLES = {
    "torch._dynamo.trace_rules": ("get_tensor_method", "_numpy_function_ids"),
    "torch._dynamo.variables.misc": ("get_np_to_tnp_map", "get_tnp_to_np_map"),
    "torch._dynamo.variables.torch": ("TorchInGraphFunctionVariable._get_handlers",),
    "torch._dynamo.utils": ("_torch_numpy_callable_id_map",),
}


def fill_tables() -> None:
    """Let torch.compile look at the originals, if it has been imported, and remember what it sees.

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


def unheard() -> AbstractContextManager[None]:
    """Keep our questions about tensors from the `__torch_function__` of modes and subclasses."""
    torch = sys.modules.get("torch")
    disable = getattr(getattr(torch, "_C", None), "DisableTorchFunction", nullcontext)
    return cast("AbstractContextManager[None]", disable())


def is_tracing() -> bool:
    """Whether torch.jit.trace is recording what this thread asks of tensors, our own questions included."""
    torch = sys.modules.get("torch")
    return torch is not None and getattr(torch, "_C", None) is not None and bool(torch._C._is_tracing())


def adopt(pairs: Iterable[tuple[Callable[..., Any], Callable[..., Any]]]) -> None:
    """Let torch.jit take each second function for the first."""
    table = _jit_table()
    for original, wrapper in pairs:
        if id(original) in table:
            table[id(wrapper)] = table[id(original)]


def disown(wrappers: Iterable[Callable[..., Any]]) -> None:
    """Undo `adopt`."""
    table = _jit_table()
    for wrapper in wrappers:
        table.pop(id(wrapper), None)


def _jit_table() -> dict[int, str]:
    module = sys.modules.get("torch.jit._builtins")
    table = getattr(module, "_builtin_table", None)
    return table if isinstance(table, dict) else {}
