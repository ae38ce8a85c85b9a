"""The table of targets: one row, one file for each library."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

from numpy_bridge.libraries import module_of, of_module, type_name

from .target import Conversion, Target

if TYPE_CHECKING:
    from .scipy import Scipy

TARGETS = (
    *("numpy", "torch", "jax", "tensorflow", "cupy", "mlx", "pyarrow", "polars", "pandas"),
    *("scipy", "awkward"),
)
"""The libraries that memory can be shared with, each of which has a file here."""

_SHORT = {"arrow": "pyarrow"}
_WRAPPER = "array_api_compat."


def find(like: Any) -> Target | Conversion | Scipy:
    """Return the row that a name, a module or a class stands for. Imports the library."""
    if isinstance(like, str):
        name, kind = _SHORT.get(like, like), None
    elif isinstance(like, ModuleType):
        name, kind = _library(like.__name__.removeprefix(_WRAPPER)), None
    else:
        bases = ((_library(module_of(base)), base) for base in like.__mro__)
        name, kind = next((pair for pair in bases if pair[0] in TARGETS), ("", like))
    if name not in TARGETS:
        got = repr(like) if isinstance(like, str) else getattr(like, "__name__", type_name(like))
        expected = f"an array, a namespace or a name of one of {', '.join(TARGETS)}"
        raise TypeError(f"like: expected {expected}, got {got}")
    row: Target | Conversion | Scipy = importlib.import_module(f"{__package__}.{name}").target(kind)
    return row


def _library(module: str) -> str:
    library = of_module(module)
    return library.name if library else ""
