"""Starts the audit in new interpreters of a program that `numpy-bridge audit` runs.

`numpy_bridge_startup.pth` calls `start` if the environment names a folder for the findings. This is a package
of its own, so that Python starts without NumPy. A process that never imports NumPy is not delayed.

PYTEST_DONT_REWRITE: pytest rewrites the asserts of every plugin's distribution, and warns if it is too late.
"""

from __future__ import annotations

import os
import sys
from _thread import _local  # threading takes long to import, and so do pathlib, typing and importlib.abc
from importlib.machinery import ExtensionFileLoader, SourceFileLoader, SourcelessFileLoader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

VARIABLE = "NUMPY_BRIDGE_AUDIT"
"""The environment variable that names the folder."""

_LOADERS = (SourceFileLoader, SourcelessFileLoader, ExtensionFileLoader)
_INSTALLED = ("/site-packages/", "/dist-packages/")
_STANDARD = os.path.dirname(os.__file__)  # noqa: PTH120 - pathlib takes long to import

_ARRAYS = (b"numpy", b"torch", b"jax", b"pandas", b"PIL", b"cupy", b"tensorflow")
"""What source names that works with arrays. Other source is not rewritten before NumPy is there."""


def start() -> None:
    """Announce this interpreter in the folder, and watch it as soon as NumPy is there.

    Python may read the line in `numpy_bridge_startup.pth` more than once. Only the first call has an effect.
    """
    if any(type(finder) is _UntilNumPyIsThere for finder in sys.meta_path):
        return
    folder = os.environ[VARIABLE]
    try:
        _touch(folder, f"{os.getpid()}.python")
    except OSError:  # the audit has ended
        return
    sys.meta_path.insert(0, _UntilNumPyIsThere(folder))


class _UntilNumPyIsThere:
    """Finds modules as the other finders do, and waits for the import of a library that brings NumPy.

    It waits for the outermost import of the thread to end: a library that is half imported cannot be watched.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._this_thread = _local()

    def find_spec(  # as of importlib.abc.MetaPathFinder
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        following: list[Any] = sys.meta_path[sys.meta_path.index(self) + 1 :]
        specs = (finder.find_spec(name, path, target) for finder in following if hasattr(finder, "find_spec"))
        spec = next((found for found in specs if found is not None), None)
        file = (spec and spec.origin) or ""
        if spec is None or type(spec.loader) not in _LOADERS:
            return spec
        if any(part in file for part in _INSTALLED):
            self._surround(spec.loader)
        elif name == "multiprocessing.spawn":
            _rewrite_main_module()
        elif not (file.startswith(_STANDARD) or getattr(self._this_thread, "importing", False)):
            _rewrite(spec.loader)
        return spec

    def _surround(self, loader: Any) -> None:
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            del loader.exec_module  # the loader looks as usual to the module
            outermost = not getattr(self._this_thread, "importing", False)
            self._this_thread.importing = True
            try:
                execute(module)
            finally:
                self._this_thread.importing = not outermost
            if outermost and "numpy" in sys.modules and self in sys.meta_path:
                sys.meta_path.remove(self)
                _watch(self._folder)

        loader.exec_module = exec_module


def _rewrite(loader: Any) -> None:
    """Let a loader of a module of the program return rewritten code."""
    if type(loader) is SourceFileLoader and _has_arrays(loader.path):
        from numpy_bridge.auditing.program.rewriting import rewrite

        rewrite(loader)


def _rewrite_main_module() -> None:
    """Let runpy rewrite the program's own script, which multiprocessing runs again in a new process."""
    import runpy

    compiled = getattr(runpy, "_get_code_from_file", None)
    if compiled is None:
        return

    def rewritten(*name_and_file: str) -> Any:  # before Python 3.13 a name as well
        found, file = compiled(*name_and_file), os.fsdecode(name_and_file[-1])
        if not _has_arrays(file):
            return found
        from numpy_bridge.auditing.program.rewriting import rewritten_file

        code = rewritten_file(file)
        return found if code is None else (code, *found[1:]) if isinstance(found, tuple) else code

    runpy._get_code_from_file = rewritten  # type: ignore[attr-defined]


def _has_arrays(file: str) -> bool:
    try:
        with open(file, "rb") as source:  # noqa: PTH123
            text = source.read()
        return any(name in text for name in _ARRAYS)
    except OSError:
        return False


def _watch(folder: str) -> None:
    try:
        from pathlib import Path

        from numpy_bridge.auditing.processes.child import watch

        watch(Path(folder))
    except Exception:  # the program goes on, and the report says that this process was not watched
        _touch(folder, f"{os.getpid()}-0.begun")


def _touch(folder: str, name: str) -> None:
    with open(os.path.join(folder, name), "wb"):  # noqa: PTH118, PTH123
        pass
