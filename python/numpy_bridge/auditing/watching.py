"""Putting watched calls in and taking them out: what is there afterwards is what was there before."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from . import arrivals, compilers, constructors, replacements
from .calls import CALLS, Call
from .place import Owner, owner
from .replacements import Replacement, lock
from .reporting import Listener, busy, deafen, listeners, report, set_listeners
from .sharing import before_the_call

_modules_before: frozenset[str] = frozenset()


def start(listener: Listener) -> None:
    """Tell `listener` of every conversion of the process, in all threads, until it is stopped."""
    with lock:
        if not listeners():
            try:
                _install()
            except BaseException:
                _uninstall()
                raise
        set_listeners((*listeners(), listener))


def stop(listener: Listener) -> None:
    """Tell `listener` no more; the last one to leave takes the wrappers out."""
    with lock:
        left = tuple(other for other in listeners() if other is not listener)
        set_listeners(left)
        if not left:
            _uninstall()


def _install() -> None:
    global _modules_before
    _modules_before = frozenset(sys.modules)
    compilers.prepare()
    for name in dict.fromkeys(call.module for call in CALLS):
        module = sys.modules.get(name)
        if module is not None:  # None says that it must not be imported
            _install_in(module)
    arrivals.expect(_arriving)
    stand_ins = {id(r.original): r.stand_in for r in replacements.everything() if not r.inherited}
    _rename(_user_modules(), stand_ins)


def _uninstall() -> None:
    arrivals.expect_none()
    constructors.release()
    compilers.disown(r.stand_in for r in replacements.everything())
    new = [module for name, module in list(sys.modules.items()) if name not in _modules_before]
    originals = {id(r.stand_in): r.original for r in replacements.everything()}
    replacements.restore()
    _rename([*_user_modules(), *new], originals)


@contextmanager
def _arriving(module: ModuleType) -> Iterator[None]:
    """Let a library see the originals while it is imported: it may keep them in tables of its own for good.

    What the table has for it is watched as soon as it is complete.
    """
    with replacements.suspended():
        yield
        with lock:
            if listeners():
                if module.__name__ in compilers.NAMES:
                    compilers.prepare()
                _install_in(module)


def _install_in(module: ModuleType) -> None:
    for call in CALLS:
        if call.module == module.__name__:
            _install_call(module, call)
    compilers.adopt((r.original, r.stand_in) for r in replacements.everything())
    if module.__name__ == "torch":
        constructors.watch(module)


def _install_call(module: ModuleType, call: Call) -> None:
    holder: Any = module
    for part in call.name.split(".")[:-1]:
        holder = getattr(holder, part, None)
        if holder is None or holder is type:  # a module of the library's name that has other things in it
            return
    original = getattr(holder, call.function, None)
    known = any(r.holder is holder and r.name == call.function for r in replacements.everything())
    if original is None or known:
        return
    stand_in = _stand_in(call, original)
    if call.registry:
        registry = getattr(module, call.registry, {})
        for key in [key for key, value in registry.items() if value is original]:
            replacements.replace(Replacement(registry, key, original, stand_in, inherited=False))
    else:
        inherited = call.function not in vars(holder)
        replacements.replace(Replacement(holder, call.function, original, stand_in, inherited))


def _stand_in(call: Call, original: Callable[..., Any]) -> Callable[..., Any]:
    """Stand in for a function: the same results, exceptions, name, signature and place of definition."""

    @functools.wraps(original)
    def watched(*arguments: Any, **keywords: Any) -> Any:
        __tracebackhide__ = True  # pytest shows the line that made the call
        if busy.now or not listeners():
            return original(*arguments, **keywords)
        source = before_the_call(call.source(arguments, keywords))
        busy.now = True
        try:
            result = original(*arguments, **keywords)
        finally:
            busy.now = False
        report(call, keywords, source, result, sys._getframe().f_back)
        return result

    stand_in: Any = watched
    stand_in.__module__ = getattr(original, "__module__", None)  # methods of C types have none
    stand_in._torchdynamo_inline = original  # torch.compile traces the original
    return watched


def _user_modules() -> Iterator[ModuleType]:
    """The program's own modules, in which `from numpy import asarray` has made names of its own."""
    for name, module in list(sys.modules.items()):
        names = vars(module) if isinstance(module, ModuleType) else {}
        file = names.get("__file__")  # an attribute may be computed, or raise
        if name == "__main__" or (isinstance(file, str) and owner(file) is Owner.USER):
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
    if listeners():
        deafen()
        _uninstall()
    replacements.forget_suspensions()  # those of other threads, which are not here to end them
    lock.release()


os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=_forget_in_child)
