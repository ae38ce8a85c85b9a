"""Modules that the program imports later: told as soon as they are complete."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader, SourcelessFileLoader
from types import ModuleType
from typing import Any

Around = Callable[[ModuleType], AbstractContextManager[None]]


class _Finder(MetaPathFinder):
    """Finds what the others find, and has the module executed inside a context."""

    def __init__(self, expected: Mapping[str, Around]) -> None:
        self.expected = expected

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        around = self.expected.get(name)
        if around is None:
            return None
        others: list[Any] = [finder for finder in sys.meta_path if finder is not self]
        specs = (finder.find_spec(name, path, target) for finder in others if hasattr(finder, "find_spec"))
        spec = next((found for found in specs if found is not None), None)
        if spec is not None and type(spec.loader) in (SourceFileLoader, SourcelessFileLoader):
            self._surround(spec.loader, around)
        return spec

    def _surround(self, loader: Any, around: Around) -> None:
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            del loader.exec_module  # the module keeps its loader as it always is
            with around(module):
                execute(module)

        loader.exec_module = exec_module


_finder: _Finder | None = None


def expect(expected: Mapping[str, Around]) -> None:
    """Have each of these modules that is imported from now on executed inside its context."""
    global _finder
    _finder = _Finder(expected)
    sys.meta_path.insert(0, _finder)


def expect_none() -> None:
    """Undo `expect`."""
    global _finder
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
    _finder = None
