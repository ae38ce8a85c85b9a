"""Watching this process for another one, which reports."""

from __future__ import annotations

import atexit
from pathlib import Path

from ..dispatch import Listener
from ..install.installation import installation
from .hooks import Hooks, end_on_sigterm
from .parts import Part

_part: Part | None = None


def watch(folder: Path) -> None:
    """Watch this process, a new interpreter, from now on to its end."""
    hook_into(folder).install()
    installation.add(begin(folder))
    installation.start_rewriting()


def hook_into(folder: Path) -> Hooks:
    """Return the hooks for this process. Processes that it forks are watched as well."""
    installation.listener_in_child = lambda: begin(folder)
    return Hooks(folder, write)


def begin(folder: Path) -> Listener:
    """Return the listener for this process, and write its findings when the process ends."""
    global _part
    _part = Part(folder)
    atexit.register(write)
    end_on_sigterm(write)
    return _part


def write() -> None:
    """Write the findings of this process, unless it is the one that reports."""
    if _part is not None:
        _part.write()
