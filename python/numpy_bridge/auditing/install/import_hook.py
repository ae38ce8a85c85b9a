"""An import hook for the libraries, and the modules of the program, that are imported during an audit."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from importlib.abc import MetaPathFinder
from importlib.machinery import ExtensionFileLoader, ModuleSpec, SourceFileLoader, SourcelessFileLoader
from types import ModuleType
from typing import Any

from ..judging.call_site import Code, code_of

_LOADERS = (SourceFileLoader, SourcelessFileLoader, ExtensionFileLoader)


class ImportHook(MetaPathFinder):
    """Finds modules as the other finders do, and executes those of libraries inside a context.

    Parameters
    ----------
    around : callable
        Returns the context for a module.

    Attributes
    ----------
    rewrite : callable or None
        Gets the loader of each module of the program itself.
    """

    def __init__(self, around: Callable[[ModuleType], AbstractContextManager[None]]) -> None:
        self._around = around
        self.rewrite: Callable[[SourceFileLoader], None] | None = None

    def install(self) -> None:
        """Put the hook before the other finders."""
        sys.meta_path.insert(0, self)

    def remove(self) -> None:
        """Undo `install`."""
        if self in (sys.meta_path or ()):  # None at the end of the interpreter
            sys.meta_path.remove(self)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        others: list[Any] = [finder for finder in sys.meta_path if finder is not self]
        specs = (finder.find_spec(name, path, target) for finder in others if hasattr(finder, "find_spec"))
        spec = next((found for found in specs if found is not None), None)
        if spec is not None and type(spec.loader) in _LOADERS:
            if code_of(spec.origin or "") is not Code.USER:
                self._surround(spec.loader)
            elif self.rewrite is not None and type(spec.loader) is SourceFileLoader:
                self.rewrite(spec.loader)
        return spec

    def _surround(self, loader: Any) -> None:
        around, execute = self._around, loader.exec_module

        def exec_module(module: ModuleType) -> None:
            del loader.exec_module  # the loader looks as usual to the module
            with around(module):
                execute(module)

        loader.exec_module = exec_module
