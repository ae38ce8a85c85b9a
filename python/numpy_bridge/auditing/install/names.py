"""Global names of the user's modules, such as `from numpy import asarray` makes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any

from ..judging.call_site import Code, code_of


def user_modules() -> Iterator[ModuleType]:
    """Return the modules of the program itself."""
    for name, module in list(sys.modules.items()):
        names = vars(module) if isinstance(module, ModuleType) else {}
        file = names.get("__file__")  # getattr might run code of the module
        if name == "__main__" or (isinstance(file, str) and code_of(file) is Code.USER):
            yield module


def rebind(modules: Iterable[ModuleType], functions: Mapping[int, Any]) -> None:
    """Bind global names to other functions: `functions` has the new one for the `id` of each old one."""
    for module in modules:
        names = getattr(module, "__dict__", None)
        if not isinstance(names, dict) or functions.keys().isdisjoint(map(id, list(names.values()))):
            continue
        for name, value in list(names.items()):
            function = functions.get(id(value))
            if function is not None:
                names[name] = function
