"""Whose line made a call: the nearest frame of the user's own code."""

from __future__ import annotations

import functools
import itertools
import linecache
import re
import sys
import sysconfig
from enum import Enum
from pathlib import Path
from types import CodeType, FrameType
from typing import NamedTuple

import numpy as np


class Owner(Enum):
    """Whose code a file is."""

    USER = "user"
    LIBRARY = "library"
    PLUMBING = "plumbing"


class Place(NamedTuple):
    """A line of a program.

    Parameters
    ----------
    file, line : str, int
        Where it is, as a traceback has it.
    function : str
        The function that it is in; "<module>" outside of all.
    through : str
        The function of a library that the line called and that made the conversion; empty if the line
        itself did.
    """

    file: str
    line: int
    function: str
    through: str = ""

    @property
    def text(self) -> str:
        """The line itself, if its file can be read."""
        return linecache.getline(self.file, self.line).strip()

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def _folder(file: str | None) -> str:
    return str(Path(file or "").parent) + "/"


_SCRIPTS = sysconfig.get_path("scripts") + "/"
_STANDARD = tuple({sysconfig.get_path(name) + "/" for name in ("stdlib", "platstdlib")})
_OURS = _folder(str(Path(__file__).parent))
_NUMPY = _folder(np.__file__)
_INSTALLED = ("/site-packages/", "/dist-packages/")


@functools.lru_cache(maxsize=4096)
def owner(file: str) -> Owner:
    """Tell whose code a file is. Arrays' own libraries, Python's and this one are plumbing."""
    if file.startswith(("<frozen ", "<__array_function__", "<eval_with_key>")):
        return Owner.PLUMBING
    torch = sys.modules.get("torch")
    plumbing = (_OURS, _NUMPY, _SCRIPTS, _folder(getattr(torch, "__file__", None) or "/-/-"))
    if file.startswith(plumbing):
        return Owner.PLUMBING
    if any(part in file for part in _INSTALLED):
        return Owner.LIBRARY
    return Owner.PLUMBING if file.startswith(_STANDARD) else Owner.USER


def is_direct(frame: FrameType | None, function: str) -> bool:
    """Whether the call of `function` that is under way was made by the user's own code.

    A frame of the user's does not say so alone: libraries written in C or Cython call functions without
    having a frame of their own. So the expression that is being evaluated has to mention the function too.
    """
    return frame is not None and owner(frame.f_code.co_filename) is Owner.USER and mentions(frame, function)


def mentions(frame: FrameType | None, function: str) -> bool:
    """Whether the expression that is being evaluated names a function, or a variable that is bound to it."""
    if frame is None:
        return False
    words = _words(frame.f_code, frame.f_lasti)
    return function in words or any(_is_named(frame.f_globals.get(word), function) for word in words)


def _is_named(value: object, function: str) -> bool:
    try:
        return getattr(value, "__name__", None) == function
    except Exception:  # whatever a program's own object raises
        return False


@functools.lru_cache(maxsize=4096)
def _words(code: CodeType, instruction: int) -> frozenset[str]:
    """Collect the names in the expression of an instruction; in the whole code if that is unknown."""
    positions = getattr(code, "co_positions", None)  # Python 3.11
    if positions is not None:
        first, last, start, end = next(itertools.islice(positions(), instruction // 2, None))
        lines = [linecache.getline(code.co_filename, line) for line in range(first or 0, (last or 0) + 1)]
        if start is not None and all(lines):
            lines[-1] = lines[-1].encode()[:end].decode(errors="ignore")
            lines[0] = lines[0].encode()[start:].decode(errors="ignore")
            return frozenset(re.findall(r"\w+", "".join(lines)))
    return frozenset(code.co_names)


def place_of(frame: FrameType | None) -> Place:
    """Find the line of the user's code that led to `frame`.

    Where all code is installed, as in an application's wheel, the nearest line that is not plumbing counts.
    """
    below: FrameType | None = None
    library: tuple[FrameType, FrameType | None] | None = None
    while frame is not None:
        whose = owner(frame.f_code.co_filename)
        if whose is Owner.USER:
            return _place(frame, below)
        if whose is Owner.LIBRARY and library is None:
            library = (frame, below)
        below, frame = frame, frame.f_back
    return _place(*library) if library else Place("<unknown>", 0, "<unknown>")


def _place(frame: FrameType, below: FrameType | None) -> Place:
    through = "" if below is None else f"{below.f_globals.get('__name__', '?')}.{_name(below)}"
    return Place(frame.f_code.co_filename, frame.f_lineno, _name(frame), through)


def _name(frame: FrameType) -> str:
    return str(getattr(frame.f_code, "co_qualname", frame.f_code.co_name))
