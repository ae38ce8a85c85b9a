"""Blocks that were sent and have not arrived: the sender keeps them until they do.

The receiver writes a byte into a file without a name, the ledger, which the sender reads before it sends or
makes the next block. So sending takes no thread, which would make later forks unsafe.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from itertools import islice
from multiprocessing import parent_process, util

from numpy_bridge.errors import SharingError

from . import nameless

_KIND = "ledger"
_READ_AT_ONCE = 64  # so many blocks are looked at each time
_SECONDS_AT_EXIT = 5.0  # for which a process that ends waits for its blocks to arrive


class Ledger:
    """The blocks that this process has sent: a byte for each, which is 1 once it has arrived."""

    def __init__(self) -> None:
        self.descriptor = nameless.create(_KIND, 1)
        self._next = 1
        self._held: dict[int, tuple[object, bool]] = {}
        self._lock = threading.Lock()

    def __del__(self) -> None:
        with suppress(OSError, AttributeError):
            os.close(self.descriptor)

    def send(self, held: object, *, awaited: bool) -> int:
        """Keep `held` until it has arrived. The number is that of its byte. It is never used again."""
        self.release()
        with self._lock:
            number = self._next
            self._next += 1
            self._held[number] = held, awaited
        return number

    def arrived(self, number: int) -> bool:
        return os.pread(self.descriptor, 1, number) == b"\1"

    def release(self) -> None:
        """Let go of what has arrived. A few are looked at in turn, so that the cost does not grow."""
        freed = []
        with self._lock:
            for number in list(islice(self._held, _READ_AT_ONCE)):
                entry = self._held.pop(number)
                if self.arrived(number):
                    freed.append(entry)
                else:
                    self._held[number] = entry  # behind the others
        del freed  # outside the lock: whatever it held may have a finalizer

    def wait(self) -> None:
        """Wait until what others may still ask for has arrived, unless the parent has ended."""
        pause, end = 0.001, time.monotonic() + _SECONDS_AT_EXIT
        parent = parent_process()
        while parent is not None and parent.is_alive() and time.monotonic() < end:
            with self._lock:
                missing = [n for n, (_, awaited) in self._held.items() if awaited and not self.arrived(n)]
            if not missing:
                return
            time.sleep(pause)
            pause = min(2 * pause, 0.05)


_ledger: Ledger | None = None
_making = threading.Lock()


def ledger() -> Ledger:
    """The ledger of this process, made when the first block is sent."""
    global _ledger
    with _making:
        if _ledger is None:
            _ledger = Ledger()
        return _ledger


def release() -> None:
    if _ledger is not None:
        _ledger.release()


def confirm(process: int, descriptor: int, number: int) -> None:
    """Let the sender know that a block has arrived. Nothing is to be done if the sender has ended."""
    with suppress(SharingError):
        opened = nameless.open_of(process, descriptor, _KIND, os.O_WRONLY)
        try:
            os.pwrite(opened, b"\1", number)
        finally:
            os.close(opened)


def _wait() -> None:
    if _ledger is not None:
        _ledger.wait()


def _wait_at_exit(_: object = None) -> None:
    """Wait once the queues' own threads have ended, whose priority is -5: they are what sends."""
    if parent_process() is not None:
        util.Finalize(None, _wait, exitpriority=-10)


def _after_fork() -> None:
    """The child has sent nothing yet. The blocks in flight are its parent's."""
    global _ledger, _making
    _ledger, _making = None, threading.Lock()


os.register_at_fork(after_in_child=_after_fork)
util.register_after_fork(Ledger, _wait_at_exit)  # multiprocessing forgets in its children what is to be done
_wait_at_exit()
