"""Putting watched calls in and taking them out: what is there afterwards is what was there before."""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any, NamedTuple

from . import arrivals, compilers, constructors
from .calls import CALLS, Call
from .place import Owner, owner
from .reporting import Listener, busy, deafen, listeners, report, set_listeners

_lock = threading.RLock()
_replaced: list[_Replaced] = []
_modules_before: frozenset[str] = frozenset()


class _Replaced(NamedTuple):
    """One attribute of a module or class, or one value of a dictionary, that is ours for now."""

    holder: Any
    name: Any
    original: Any
    wrapper: Any
    inherited: bool

    def undo(self) -> None:
        """Put back what was there, unless the program has put something else there since."""
        if isinstance(self.holder, dict):
            if self.holder.get(self.name) is self.wrapper:
                self.holder[self.name] = self.original
        elif vars(self.holder).get(self.name) is self.wrapper:
            if self.inherited:
                delattr(self.holder, self.name)
            else:
                setattr(self.holder, self.name, self.original)

    def do(self) -> None:
        """Put the wrapper in."""
        if isinstance(self.holder, dict):
            self.holder[self.name] = self.wrapper
        else:
            setattr(self.holder, self.name, self.wrapper)


def start(listener: Listener) -> None:
    """Tell `listener` of every conversion of the process, in all threads, until it is stopped."""
    with _lock:
        if not listeners():
            _install()
        set_listeners((*listeners(), listener))


def stop(listener: Listener) -> None:
    """Tell `listener` no more; the last one to leave takes the wrappers out."""
    with _lock:
        left = tuple(other for other in listeners() if other is not listener)
        set_listeners(left)
        if not left:
            _uninstall()


def _install() -> None:
    global _modules_before
    _modules_before = frozenset(sys.modules)
    compilers.fill_tables()
    modules = dict.fromkeys(call.module for call in CALLS)
    for name in modules:
        if name in sys.modules:
            _install_in(sys.modules[name])
    arrivals.expect({**dict.fromkeys(modules, _then_watched), compilers.DYNAMO: _unseen})
    _rename(_user_modules(), {id(r.original): r.wrapper for r in _replaced if not r.inherited})


def _uninstall() -> None:
    arrivals.expect_none()
    constructors.release()
    compilers.disown(r.wrapper for r in _replaced)
    for replaced in reversed(_replaced):
        replaced.undo()
    new = [module for name, module in list(sys.modules.items()) if name not in _modules_before]
    _rename([*_user_modules(), *new], {id(r.wrapper): r.original for r in _replaced})
    _replaced.clear()


@contextmanager
def _then_watched(module: ModuleType) -> Iterator[None]:
    """Install what the table has for a module as soon as the program has imported it."""
    yield
    with _lock:
        if listeners():
            _install_in(module)


@contextmanager
def _unseen(_: ModuleType) -> Iterator[None]:
    """Leave a module alone with the originals."""
    with _lock:
        for replaced in reversed(_replaced):
            replaced.undo()
    try:
        yield
        compilers.fill_tables()
    finally:
        with _lock:
            for replaced in _replaced:
                replaced.do()


def _install_in(module: ModuleType) -> None:
    for call in CALLS:
        if call.module == module.__name__:
            _install_call(module, call)
    compilers.adopt((r.original, r.wrapper) for r in _replaced)
    if module.__name__ == "torch":
        constructors.watch(module)


def _install_call(module: ModuleType, call: Call) -> None:
    holder: Any = module
    for part in call.name.split(".")[:-1]:
        holder = getattr(holder, part, None)
    original = getattr(holder, call.function, None)
    if original is None or any(r.holder is holder and r.name == call.function for r in _replaced):
        return
    wrapper = _wrapper(call, original)
    if call.registry:
        registry = getattr(module, call.registry, {})
        for key in [key for key, value in registry.items() if value is original]:
            _replace(_Replaced(registry, key, original, wrapper, inherited=False))
    else:
        inherited = call.function not in vars(holder)
        _replace(_Replaced(holder, call.function, original, wrapper, inherited))


def _replace(replaced: _Replaced) -> None:
    _replaced.append(replaced)
    replaced.do()


def _wrapper(call: Call, original: Callable[..., Any]) -> Callable[..., Any]:
    """Stand in for a function: the same results, exceptions, name, signature and place of definition."""

    @functools.wraps(original)
    def watched(*arguments: Any, **keywords: Any) -> Any:
        __tracebackhide__ = True  # pytest shows the line that made the call
        if busy.now or not listeners():
            return original(*arguments, **keywords)
        busy.now = True
        try:
            result = original(*arguments, **keywords)
        finally:
            busy.now = False
        report(call, keywords, call.source(arguments, keywords), result, sys._getframe(1))
        return result

    stand_in: Any = watched
    stand_in.__module__ = getattr(original, "__module__", None)  # methods of C types have none
    stand_in._torchdynamo_inline = original  # torch.compile traces the original
    return watched


def _user_modules() -> Iterator[ModuleType]:
    """The program's own modules, in which `from numpy import asarray` has made names of its own."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name == "__main__" or (file and owner(file) is Owner.USER):
            yield module


def _rename(modules: Iterator[ModuleType] | list[ModuleType], stand_ins: Mapping[int, Any]) -> None:
    """Let global names that are bound to one function be bound to another."""
    for module in modules:
        names = getattr(module, "__dict__", None)
        if not isinstance(names, dict):
            continue
        for name, value in list(names.items()):
            stand_in = stand_ins.get(id(value))
            if stand_in is not None:
                names[name] = stand_in


def _forget_in_child() -> None:
    """A forked process, such as a worker of a DataLoader, has nobody to report to."""
    deafen()
    _uninstall()


os.register_at_fork(after_in_child=_forget_in_child)
