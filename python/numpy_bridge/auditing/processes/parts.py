"""The files of a program's processes, in a folder that the audit makes.

``123-456.begun`` : process 123 has converted arrays.
``123-456.part`` : all its conversions. It is missing if the process was killed, or still runs.
``123.spawned`` : a Python was started as process 123; the command.
``123.python`` : the Python of process 123 has started with `numpy_bridge_startup`.
"""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from numpy_bridge.unwatched import unwatched

from ..model import AuditLog, Conversion

_PATIENCE = 0.5
"""Seconds in which a Python that was started just now can announce itself."""


class Part(AuditLog):
    """A listener that keeps the conversions of this process for `write`."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._file = folder / f"{os.getpid()}-{time.monotonic_ns()}"
        self._begun = False

    def __call__(self, conversion: Conversion, source: object, result: object) -> None:
        """Count one conversion."""
        if not self._begun:
            self._begun = True
            with suppress(OSError):  # the audit has ended
                self._file.with_suffix(".begun").touch()
        super().__call__(conversion, source, result)

    def write(self) -> None:
        """Write all conversions so far, in place of what was written before."""
        if self._begun:
            new = self._file.with_suffix(".new")
            with unwatched(), suppress(OSError):
                new.write_bytes(pickle.dumps(self.conversions))
                new.replace(self._file.with_suffix(".part"))


class Parts(NamedTuple):
    """The findings of other processes.

    Parameters
    ----------
    conversions : list of Conversion
        All of them; equal ones of several processes are not added up.
    processes : int
        How many processes wrote any.
    unwatched : list of str
        What was not watched, or not to its end.
    """

    conversions: list[Conversion]
    processes: int
    unwatched: list[str]


def read(folder: Path) -> Parts:
    """Read the files of all processes that have ended."""
    conversions: list[Conversion] = []
    complete: set[str] = set()
    for file in sorted(folder.glob("*.part")):
        with suppress(Exception):  # by another version of numpy_bridge, for example
            conversions += pickle.loads(file.read_bytes())
            complete.add(file.stem)
    incomplete = sorted(file.stem for file in folder.glob("*.begun") if file.stem not in complete)
    unwatched = [f"process {stem.partition('-')[0]}, which was killed or still runs" for stem in incomplete]
    return Parts(conversions, len(complete), [*unwatched, *_silent(folder)])


def _silent(folder: Path) -> Iterator[str]:
    """Name the Pythons that were started and have not announced themselves."""
    deadline = time.monotonic() + _PATIENCE
    for file in sorted(folder.glob("*.spawned")):
        while not (announced := file.with_suffix(".python").exists()) and time.monotonic() < deadline:
            time.sleep(0.01)
        if not announced:
            yield file.read_text(encoding="utf-8")
