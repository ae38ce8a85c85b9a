"""Blocks that were sent and have not arrived: the sender keeps them until they do.

The receiver writes a byte into a shared file, the ledger, which the sender reads before it sends or
makes the next block. The ledger begins with an identity, which the handles name, so that no other file is
written. Sending takes no thread, which would make later forks unsafe.
"""

from __future__ import annotations

import os
import secrets
import struct
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count, islice
from multiprocessing import parent_process, util
from weakref import finalize

from numpy_bridge.errors import SharingError

from . import reserving
from .shared_file import files

_KIND = "ledger"
_HEADER = struct.Struct("<8s8s")  # magic, identity
_MAGIC = b"nbledgr1"
_GROWTH = 4096  # bytes by which a ledger grows
_READ_AT_ONCE = 64  # so many blocks are looked at each time
_SECONDS_AT_EXIT = 5.0  # for which a process that ends waits for its blocks to arrive


class Ledger:
    """The blocks that this process has sent: a byte for each, which is 1 once it has arrived."""

    def __init__(self) -> None:
        self.identity = secrets.token_bytes(8)
        self.descriptor = files().create(_KIND, self.identity, _GROWTH)
        finalize(self, _close, self.descriptor, self.identity).atexit = False
        os.pwrite(self.descriptor, _HEADER.pack(_MAGIC, self.identity), 0)
        self._size = _GROWTH
        self._numbers = count(_HEADER.size)
        self._held: dict[int, tuple[object, bool]] = {}
        self._lock = threading.RLock()  # a finalizer may send while it is held

    def send(self, held: object, *, awaited: bool) -> int:
        """Keep `held` until it has arrived. The number is that of its byte. It is never used again.

        Raises
        ------
        SharingError
            If there is no memory for more bytes.
        """
        self.release()
        with self._lock:
            number = next(self._numbers)
            if number >= self._size:
                reserving.reserve(self.descriptor, self._size, _GROWTH)
                self._size += _GROWTH
            self._held[number] = held, awaited
        return number

    def __len__(self) -> int:
        return len(self._held)

    def arrived(self, number: int) -> bool:
        return os.pread(self.descriptor, 1, number) == b"\1"

    def release(self) -> None:
        """Let go of what has arrived. A few are looked at in turn, so that the cost does not grow."""
        freed = []
        with self._lock:
            for number in list(islice(self._held, _READ_AT_ONCE)):
                entry = self._held.pop(number, None)
                if entry is None or self.arrived(number):
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
                awaited = [number for number, (_, awaited) in list(self._held.items()) if awaited]
                missing = [number for number in awaited if not self.arrived(number)]
            if not missing:
                return
            time.sleep(pause)
            pause = min(2 * pause, 0.05)


def _close(descriptor: int, identity: bytes, is_at_end: Callable[[], bool] = sys.is_finalizing) -> None:
    if not is_at_end():  # when modules are empty; the process closes its files itself
        os.close(descriptor)
        files().forget(_KIND, identity)


_ledger: Ledger | None = None
_making = threading.RLock()


def ledger() -> Ledger:
    """The ledger of this process, made when the first block is sent."""
    global _ledger
    with _making:
        if _ledger is None:
            made = Ledger()
            if _ledger is None:  # a finalizer may have sent meanwhile
                _ledger = made
        return _ledger


def release() -> None:
    if _ledger is not None:
        _ledger.release()


def number_held() -> int:
    """Return how many blocks have been sent and not been seen to arrive."""
    release()
    return 0 if _ledger is None else len(_ledger)


def confirm(process: int, descriptor: int, identity: bytes, number: int) -> None:
    """Mark a block as arrived in the ledger of its sender; do nothing if that has gone, or is another one."""
    with suppress(SharingError, OSError):
        opened = files().open_of(process, descriptor, _KIND, identity, os.O_RDWR)
        try:
            is_it = os.pread(opened, _HEADER.size, 0) == _HEADER.pack(_MAGIC, identity)
            if is_it and _HEADER.size <= number < os.fstat(opened).st_size:
                os.pwrite(opened, b"\1", number)
        finally:
            os.close(opened)


def _wait() -> None:
    if _ledger is not None:
        _ledger.wait()


def _wait_at_exit(_: object = None) -> None:
    """Wait once the queues' own threads have ended, whose priority is -5: they are what sends.

    Whether the process has a parent is asked then: a spawned one may import this before it is known.
    """
    util.Finalize(None, _wait, exitpriority=-10)


def _after_fork() -> None:
    """The child has sent nothing yet. The blocks in flight are its parent's."""
    global _ledger, _making
    _ledger, _making = None, threading.RLock()


os.register_at_fork(after_in_child=_after_fork)
util.register_after_fork(Ledger, _wait_at_exit)  # multiprocessing forgets in its children what is to be done
_wait_at_exit()
