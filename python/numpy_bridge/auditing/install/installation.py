"""The object that holds everything an audit changes in the process."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from ..dispatch import Dispatcher, Listener
from ..judging.calls import CALLS, Call
from .compilers import Compilers
from .constructors import Constructors
from .import_hook import ImportHook
from .names import rebind, user_modules
from .patches import Patch, Patches
from .stand_in import stand_in

_BY_MODULE: dict[str, list[Call]] = {}
for _call in CALLS:
    _BY_MODULE.setdefault(_call.module, []).append(_call)


class Installation:
    """Everything that an audit changes in a process, with the way back.

    Functions are patched when the first listener comes, and are the very same objects as before when the
    last one has left. Libraries that are imported meanwhile are patched as soon as they are complete.
    """

    listener_in_child: Callable[[], Listener] | None = None
    """Returns what listens in a forked process, in place of the listeners of its parent."""

    def __init__(self) -> None:
        self.patches = Patches()
        self._dispatcher = Dispatcher()
        self._import_hook = ImportHook(self._importing)
        self._constructors = Constructors(self._dispatcher)
        self._compilers = Compilers(self.patches)
        self._modules_before: frozenset[str] = frozenset()

    @property
    def dispatcher(self) -> Dispatcher:
        """What judges calls and tells the listeners."""
        return self._dispatcher

    def add(self, listener: Listener) -> None:
        """Pass every conversion of the process, in all threads, to `listener` until it is removed."""
        with self.patches.lock:
            if not self._dispatcher.listeners:
                try:
                    self._install()
                except BaseException:
                    self._uninstall()
                    raise
            self._dispatcher.listeners += (listener,)

    def remove(self, listener: Listener) -> None:
        """Undo `add`."""
        with self.patches.lock:
            left = tuple(other for other in self._dispatcher.listeners if other is not listener)
            self._dispatcher.listeners = left
            if not left:
                self._uninstall()

    @contextmanager
    def listening(self, listener: Listener) -> Iterator[None]:
        """Pass conversions to `listener` inside the block."""
        self.add(listener)
        try:
            yield
        finally:
            self.remove(listener)

    @contextmanager
    def rewriting(self) -> Iterator[None]:
        """Rewrite the modules of the program that are imported inside the block."""
        before = self._import_hook.rewrite
        self.start_rewriting()
        try:
            yield
        finally:
            self._import_hook.rewrite = before

    def start_rewriting(self) -> None:
        """Rewrite the modules of the program that are imported from now on, while an audit runs."""
        from ..program.rewriting import rewrite

        self._import_hook.rewrite = rewrite

    def begin_in_child(self) -> None:
        """Replace all listeners in a forked process, such as a worker of a DataLoader."""
        before = self._dispatcher.begin_in_child()
        if before and self.listener_in_child is not None:
            self._dispatcher.listeners = (self.listener_in_child(),)
        elif before:
            self._uninstall()
        self.patches.end_suspensions()
        self.patches.lock.release()

    def _install(self) -> None:
        self._modules_before = frozenset(sys.modules)
        self._compilers.prepare()
        for name in _BY_MODULE:
            module = sys.modules.get(name)
            if module is not None:  # None forbids its import
                self._install_in(module)
        self._import_hook.install()
        rebind(user_modules(), {id(p.original): p.stand_in for p in self.patches if not p.inherited})

    def _uninstall(self) -> None:
        self._import_hook.remove()
        self._constructors.remove()
        self._compilers.remove_from_jit()
        new = [module for name, module in list(sys.modules.items()) if name not in self._modules_before]
        originals = {id(p.stand_in): p.original for p in self.patches}
        self.patches.clear()
        self._dispatcher.forget()
        rebind([*user_modules(), *new], originals)

    @contextmanager
    def _importing(self, module: ModuleType) -> Iterator[None]:
        """Suspend the patches while a library is imported, which may keep functions in tables of its own.

        Its own functions are patched afterwards.
        """
        with self.patches.suspended():
            yield
            with self.patches.lock:
                if self._dispatcher.listeners:
                    if module.__name__ in Compilers.MODULES:
                        self._compilers.prepare()
                    self._install_in(module)

    def _install_in(self, module: ModuleType) -> None:
        calls = _BY_MODULE.get(module.__name__)
        if calls is None:
            return
        for call in calls:
            self._patch(module, call)
        self._compilers.add_to_jit()
        if module.__name__ == "torch":
            self._constructors.install(module)

    def _patch(self, module: ModuleType, call: Call) -> None:
        holder: Any = module
        for part in call.name.split(".")[:-1]:
            holder = getattr(holder, part, None)
            if holder is None or holder is type:  # another module of the library's name
                return
        original = getattr(holder, call.function, None)
        known = any(p.holder is holder and p.name == call.function for p in self.patches)
        if original is None or known:
            return
        function = stand_in(call, original, self._dispatcher)
        if call.registry:
            registry = getattr(module, call.registry, {})
            for key in [key for key, value in registry.items() if value is original]:
                self.patches.add(Patch(registry, key, original, function, inherited=False))
        else:
            inherited = call.function not in vars(holder)
            self.patches.add(Patch(holder, call.function, original, function, inherited))


installation = Installation()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(  # no other thread changes patches meanwhile
        before=installation.patches.lock.acquire,
        after_in_parent=installation.patches.lock.release,
        after_in_child=installation.begin_in_child,
    )
