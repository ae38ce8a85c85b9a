"""Whether hidden copies were needed: is the source or the result written while the result is in use?

A copy is needed if one side changes and the other should not. Checksums of a source are compared: at the
copy, and when the memory of the result dies. Until then the source is kept, as a result that shared it would
keep it.
"""

from __future__ import annotations

import ctypes
import sys
import weakref
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import numpy as np

from numpy_bridge.tensors import is_tensor, unpinned_view
from numpy_bridge.unwatched import unwatched

from .judging.call_site import Code, code_of
from .model import AuditLog, CallSite, Conversion, kind_of

_MOST = 100
"""How many copies of each kind are checked."""

_RUNNER = "numpy_bridge.auditing.run"
"""The module that calls the program."""


@dataclass
class _Tally:
    """What the checks of one kind of copy have found."""

    started: int = 0
    safe: int = 0
    written: list[str] = field(default_factory=list)  # in the order of the checks

    def __str__(self) -> str:
        checked = self.safe + len(self.written)
        if not self.written:
            return f"safe to share in all {checked} uses" if checked > 1 else "safe to share" * checked
        some = f" in {len(self.written)} of {checked} uses" if checked > 1 else ""
        return f"needed{some}: {self.written[0]}"


class Verification:
    """A listener that checks hidden copies. Keeps their sources until the results die."""

    only_hidden = True

    def __init__(self) -> None:
        self._tallies: dict[tuple[Any, ...], _Tally] = {}
        self._open: dict[object, tuple[weakref.ref[Any], Callable[[], None]]] = {}
        self._ended = False

    def __call__(self, conversion: Conversion, source: Any, result: Any) -> None:
        """Start to check a copy, if it is hidden."""
        if not conversion.hidden:
            return
        tally = self._tallies.setdefault(kind_of(conversion), _Tally())
        if tally.started < _MOST:
            tally.started += 1
            self._start(tally, source, result)

    def finish(self, log: AuditLog) -> None:
        """Check the results that are still alive, and note in a log what was found."""
        self._ended = True
        for _, check in tuple(self._open.values()):
            check()
        self._open.clear()
        for c in log.conversions:
            c.checked = str(self._tallies.get(kind_of(c), ""))

    def _start(self, tally: _Tally, source: Any, result: Any) -> None:
        source = source.detach() if is_tensor(source) else source
        before, written = _checksum(source), _detector(result)
        if before is None or written is None:
            return

        def check() -> None:
            with unwatched():
                when = "" if self._ended else _when()
                if _checksum(source) != before:
                    tally.written.append(f"the source was written{when}")
                elif written():
                    tally.written.append(f"the result was written{when}")
                else:
                    tally.safe += 1

        owner = result.untyped_storage() if is_tensor(result) else result
        mark = object()

        def end(_: object) -> None:
            if self._open.pop(mark, None) is not None:
                check()

        self._open[mark] = weakref.ref(owner, end), check  # weakref.finalize ends with the exit functions


def _checksum(x: Any) -> int | None:
    """Return the checksum of an object's elements; None if it cannot be had."""
    try:
        elements = np.ascontiguousarray(unpinned_view(x)).reshape(-1)
        return zlib.crc32(elements.view(np.uint8).data)
    except Exception:  # those of all libraries
        return None


def _detector(result: Any) -> Callable[[], bool] | None:
    """Return a function that tells whether a result was written; None if that cannot be found out.

    It keeps no memory of the result alive. torch counts the writes to a tensor and to all its views, in one
    place. The memory of an array is there until its weak references are told.
    """
    if is_tensor(result):
        counter = result.detach()
        counter.data = sys.modules["torch"].empty(0, dtype=result.dtype)  # which keeps the count
        before = counter._version
        return lambda: bool(counter._version != before)
    if not (isinstance(result, np.ndarray) and result.flags.owndata):
        return None
    memory = (ctypes.c_char * result.nbytes).from_address(result.ctypes.data)
    first = zlib.crc32(memory)
    return lambda: zlib.crc32(memory) != first


def _when() -> str:
    """Return which line of the program runs; empty if it has ended."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_globals.get("__name__") != _RUNNER:
        if code_of(frame.f_code.co_filename) is Code.USER:
            return f" before {CallSite(frame.f_code.co_filename, frame.f_lineno, '')}"
        frame = frame.f_back
    return ""
