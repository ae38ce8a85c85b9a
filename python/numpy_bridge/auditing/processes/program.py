"""Watching all processes that a program starts, from the process that reports."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from numpy_bridge_startup import VARIABLE

from ..install.installation import installation
from ..model import AuditLog
from .child import hook_into
from .parts import Parts, read


class Processes:
    """The processes that a program starts.

    Parameters
    ----------
    folder : Path
        Where each of them leaves its part.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = os.getpid()

    def merge_into(self, log: AuditLog) -> Parts | None:
        """Add the conversions of all processes to `log`. None in a process that the program has forked."""
        if os.getpid() != self._process:
            return None
        parts = read(self._folder)
        for conversion in parts.conversions:
            log(conversion, None, None)
        return parts


@contextmanager
def all_processes() -> Iterator[Processes]:
    """Watch every process that is started inside the block, and their processes."""
    folder, before = Path(tempfile.mkdtemp(prefix="numpy-bridge-audit-")), os.environ.get(VARIABLE)
    processes, process = Processes(folder), os.getpid()
    listener_before, hooks = installation.listener_in_child, hook_into(folder)
    os.environ[VARIABLE] = str(folder)
    hooks.install()
    try:
        yield processes
    finally:
        if os.getpid() == process:  # a forked one goes on
            hooks.remove()
            installation.listener_in_child = listener_before
            if before is None:
                os.environ.pop(VARIABLE, None)
            else:
                os.environ[VARIABLE] = before
            shutil.rmtree(folder, ignore_errors=True)
