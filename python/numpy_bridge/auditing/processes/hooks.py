"""Where processes begin and end: functions of Python that are replaced while all processes are watched."""

from __future__ import annotations

import _posixsubprocess
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from numpy_bridge import _core

from ..install.patches import Patch

_PYTHON = re.compile(r"python[\d.]*t?")
_MOST = 80
"""The most characters of a command that a report shows."""


class Hooks:
    """Calls `at_end` before this process ends early, and notes the Pythons that it starts.

    Parameters
    ----------
    folder : Path
        Where they are noted.
    at_end : callable
        Is called before `os._exit`, and before another program takes the place of this one.
    """

    def __init__(self, folder: Path, at_end: Callable[[], None]) -> None:
        self._folder = folder
        self._at_end = at_end
        ends = ((os, name, self._before_the_end, _nothing) for name in ("_exit", "execv", "execve"))
        # subprocess, multiprocessing and loky start processes by these functions, which return the number.
        starts = [(_posixsubprocess, "fork_exec"), (subprocess, "_fork_exec"), (os, "posix_spawn")]
        begins = ((module, name, _command, self._note) for module, name in starts)
        self._patches = [_patch(*parts) for parts in (*ends, *begins) if hasattr(*parts[:2])]

    def install(self) -> None:
        """Replace the functions."""
        for patch in self._patches:
            patch.apply()

    def remove(self) -> None:
        """Put the originals back."""
        for patch in self._patches:
            patch.revert()

    def _before_the_end(self, _arguments: tuple[Any, ...], _keywords: Mapping[str, Any]) -> None:
        self._at_end()

    def _note(self, command: list[str], process: Any, _seconds: float) -> None:
        """Note a Python that was started, so that its silence is found out."""
        program, *words = command
        if any(_PYTHON.fullmatch(Path(word).name) for word in (program, *words[:1])):
            with suppress(OSError):
                note = self._folder / f"{process}.spawned"
                note.write_text(shlex.join(words)[:_MOST], encoding="utf-8", errors="replace")


def end_on_sigterm(at_end: Callable[[], None]) -> None:
    """Call `at_end` when SIGTERM ends this process: pools end their workers so.

    A handler of the program stays as it is, and so does a thread's process, where none can be set.
    """

    def ended(number: int, _frame: FrameType | None) -> None:
        at_end()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    with suppress(ValueError):
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, ended)


def _patch(module: Any, name: str, before: Callable[..., Any], after: Callable[..., Any]) -> Patch:
    original = getattr(module, name)
    stand_in = _core.stand_in(original, before, after, silences=False)
    return Patch(module, name, original, stand_in, inherited=False)


def _command(arguments: tuple[Any, ...], _keywords: Mapping[str, Any]) -> list[str] | None:
    """Return the program and its words: `fork_exec` gets the words first, `posix_spawn` the program."""
    try:
        first, second = arguments[:2]
        program, words = (first, second) if isinstance(first, str | bytes) else (second[0], first)
        return [os.fsdecode(word) for word in (program, *words)]
    except (IndexError, TypeError, ValueError):  # fork_exec is private to Python; or the call is wrong
        return None


def _nothing(*_: Any) -> None:
    """What follows a call that does not return."""
