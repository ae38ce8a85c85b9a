"""Modules that the program imports later: told as soon as they are complete."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader, SourcelessFileLoader
from types import ModuleType
from typing import Any


class _Finder(MetaPathFinder):
    """Finds what the others find, and adds one step to the end of the import."""

    def __init__(self, names: frozenset[str], arrived: Callable[[ModuleType], None]) -> None:
        self.names = names
        self.arrived = arrived

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in self.names:
            return None
        others: list[Any] = [finder for finder in sys.meta_path if finder is not self]
        specs = (finder.find_spec(name, path, target) for finder in others if hasattr(finder, "find_spec"))
        spec = next((found for found in specs if found is not None), None)
        if spec is not None and type(spec.loader) in (SourceFileLoader, SourcelessFileLoader):
            self._add_step(spec.loader)
        return spec

    def _add_step(self, loader: Any) -> None:
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            del loader.exec_module  # the module keeps its loader as it always is
            execute(module)
            self.arrived(module)

        loader.exec_module = exec_module


_finder: _Finder | None = None


def expect(names: frozenset[str], arrived: Callable[[ModuleType], None]) -> None:
    """Call `arrived` with each of these modules that is imported from now on."""
    global _finder
    _finder = _Finder(names, arrived)
    sys.meta_path.insert(0, _finder)


def expect_none() -> None:
    """Undo `expect`."""
    global _finder
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
    _finder = None
