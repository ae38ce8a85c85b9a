"""The line that made a call: the nearest frame of the user's own code."""

from __future__ import annotations

import ast
import functools
import inspect
import os
import sys
import sysconfig
import threading
from enum import Enum
from pathlib import Path
from threading import get_ident
from types import CodeType, FrameType
from typing import Any, cast

import numpy as np

import numpy_bridge

from ..place import INSTALLED, CallSite

try:  # not where it is used: a fork while another thread imports leaves the lock of the import to nobody
    from executing import Source
except Exception:  # it is missing, or fails
    Source: Any = None  # type: ignore[no-redef]


class Code(Enum):
    """Kinds of code."""

    USER = "user"
    LIBRARY = "library"
    INTERNAL = "internal"
    """Python's library, array libraries and numpy_bridge: never the line to blame."""


@functools.cache
def _folder(file: str | None) -> str:
    return str(Path(file or "").parent) + os.sep


_SCRIPTS = sysconfig.get_path("scripts") + os.sep
_STANDARD = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib")})
_OURS = _folder(numpy_bridge.__file__)
_NUMPY = _folder(np.__file__)

_MOST_WORDS = 4096
_known_words: dict[tuple[CodeType, int], frozenset[str]] = {}
"""The names at each place of the program, by code and instruction."""


@functools.lru_cache(maxsize=4096)
def code_of(file: str) -> Code:
    """Return which kind of code a file holds."""
    if file.startswith(("<frozen ", "<__array_function__", "<eval_with_key>")):
        return Code.INTERNAL
    torch = sys.modules.get("torch")
    internal = (_OURS, _NUMPY, _SCRIPTS, _folder(getattr(torch, "__file__", None) or "/-/-"))
    if file.startswith(internal):
        return Code.INTERNAL
    if any(part in file for part in INSTALLED):
        return Code.LIBRARY
    return Code.INTERNAL if file.startswith(_STANDARD) else Code.USER


def find_call_site(
    frame: FrameType | None, function: str, *, internal: bool, by_torch: bool
) -> CallSite | None:
    """Find the line of the user's code that led to a call; None if a library made the call on its own.

    Libraries make `internal` calls of `function` on their own: the user's code must make them directly.
    Constructors of torch make `by_torch` calls from C++: an expression must name the function.
    """
    on_its_own = (internal or by_torch) and not _is_direct(frame, function)
    if on_its_own and (internal or not _mentions(frame, function)):
        return None
    return _nearest(frame)


def _is_direct(frame: FrameType | None, function: str) -> bool:
    """Whether the user's own code made the call of `function`.

    A frame of the user's code is no proof: libraries written in C or Cython call functions without a frame of
    their own. So the expression that is being evaluated has to mention the function too.
    """
    return frame is not None and code_of(frame.f_code.co_filename) is Code.USER and _mentions(frame, function)


def _mentions(frame: FrameType | None, function: str) -> bool:
    """Whether the expression that is being evaluated names a function, or a variable that is bound to it."""
    if frame is None:
        return False
    words = _words(frame)
    return function in words or any(_is_named(frame.f_globals.get(word), function) for word in words)


def _is_named(value: object, function: str) -> bool:
    try:
        return getattr(value, "__name__", None) == function
    except Exception:  # an object of the program may raise anything
        return False


def _words(frame: FrameType) -> frozenset[str]:
    """Collect the names in the expression that is being evaluated; in the whole code if that is unknown."""
    key = (frame.f_code, frame.f_lasti)
    found = _known_words.get(key)
    if found is None:
        if len(_known_words) >= _MOST_WORDS:
            _known_words.clear()
        found = _known_words[key] = _names_in(_expression(frame)) or frozenset(frame.f_code.co_names)
    return found


def _expression(frame: FrameType) -> ast.AST | None:
    """Return the expression that is being evaluated; None without `executing`, or if there is no source."""
    if Source is None:
        return None
    try:
        return cast("ast.AST | None", Source.executing(frame).node)
    except Exception:  # source that does not fit the code, as of a file that was changed meanwhile
        return None


def _names_in(expression: ast.AST | None) -> frozenset[str]:
    nodes = () if expression is None else ast.walk(expression)
    names = (getattr(node, "attr", None) or getattr(node, "id", None) for node in nodes)
    return frozenset(name for name in names if name)


def _nearest(frame: FrameType | None) -> CallSite:
    """Find the nearest line of the user's code.

    If all code is installed, that of a library counts, then Python's own, where executors call from. If C
    code calls in a thread of its own, there is the name of the thread.
    """
    inside: list[FrameType] = []
    found: dict[Code, tuple[FrameType, int]] = {}
    while frame is not None:
        file = frame.f_code.co_filename
        code = code_of(file)
        if code is Code.USER and not _is_start_of_worker(frame.f_code):
            return _site(frame, inside)
        if not file.startswith(_OURS):
            found.setdefault(code, (frame, len(inside)))
        inside.append(frame)
        frame = frame.f_back
    best = found.get(Code.LIBRARY) or found.get(Code.INTERNAL)
    return (
        _site(best[0], inside[: best[1]]) if best else CallSite(f"<thread {_thread_name()}>", 0, "<unknown>")
    )


def _is_start_of_worker(code: CodeType) -> bool:
    """Whether this is the text that multiprocessing gives to the Python of a new process."""
    if code.co_filename != "<string>":
        return False
    return any(name.startswith("multiprocessing.") for name in code.co_names)


def _thread_name() -> str:
    """Return the name of this thread, or its number. `current_thread` would register it permanently."""
    here = get_ident()
    return next((thread.name for thread in threading.enumerate() if thread.ident == here), str(here))


def _site(frame: FrameType, inside: list[FrameType]) -> CallSite:
    here = (frame.f_code.co_filename, frame.f_lineno, _name(frame))
    maker = _maker(inside)
    if maker is None:
        return CallSite(*here)
    through = f"{maker.f_globals.get('__name__', '?')}.{_name(maker)}"
    return CallSite(*here, through, maker.f_code.co_filename, maker.f_lineno)


def _maker(inside: list[FrameType]) -> FrameType | None:
    """Return the frame of the library that made a call. `inside` has all frames below the user's, last first.

    That is the innermost one of an installed library, without wrappers and iterators of other code. Python's
    own library and array libraries count only where no other does: then the user called the outermost one.
    """
    libraries = [each for each in inside if code_of(each.f_code.co_filename) is Code.LIBRARY]
    makers = [each for each in libraries if not _passes_on(each.f_code)]
    if makers:
        return makers[0]
    others = [each for each in inside if each not in libraries] or libraries
    return others[-1] if others else None


@functools.lru_cache(maxsize=4096)
def _passes_on(code: CodeType) -> bool:
    """Whether code runs that of others: the wrapper of a decorator, or the iterator of an iterable."""
    if code.co_name in ("__iter__", "__next__"):
        return True
    takes_anything = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS
    return code.co_flags & takes_anything == takes_anything and bool(code.co_freevars)


def _name(frame: FrameType) -> str:
    return str(getattr(frame.f_code, "co_qualname", frame.f_code.co_name))
