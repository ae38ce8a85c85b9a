"""Modules of libraries that the program imports later."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from importlib.abc import MetaPathFinder
from importlib.machinery import ExtensionFileLoader, ModuleSpec, SourceFileLoader, SourcelessFileLoader
from types import ModuleType
from typing import Any

from .place import Owner, owner

Around = Callable[[ModuleType], AbstractContextManager[None]]

_LOADERS = (SourceFileLoader, SourcelessFileLoader, ExtensionFileLoader)


class _Finder(MetaPathFinder):
    """Finds what the others find, and has modules of libraries executed inside a context."""

    def __init__(self, around: Around) -> None:
        self.around = around

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        others: list[Any] = [finder for finder in sys.meta_path if finder is not self]
        specs = (finder.find_spec(name, path, target) for finder in others if hasattr(finder, "find_spec"))
        spec = next((found for found in specs if found is not None), None)
        if spec is not None and type(spec.loader) in _LOADERS and owner(spec.origin or "") is not Owner.USER:
            self._surround(spec.loader)
        return spec

    def _surround(self, loader: Any) -> None:
        around, execute = self.around, loader.exec_module

        def exec_module(module: ModuleType) -> None:
            del loader.exec_module  # the module keeps its loader as it always is
            with around(module):
                execute(module)

        loader.exec_module = exec_module


_finder: _Finder | None = None


def expect(around: Around) -> None:
    """Have each module of a library that is imported from now on executed inside `around(module)`."""
    global _finder
    _finder = _Finder(around)
    sys.meta_path.insert(0, _finder)


def expect_none() -> None:
    """Undo `expect`."""
    global _finder
    if _finder is not None and _finder in (sys.meta_path or ()):  # None at the end of the interpreter
        sys.meta_path.remove(_finder)
    _finder = None
