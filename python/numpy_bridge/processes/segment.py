"""Segments: the memory of a block, where it begins, and who it is. One mapping for each in a process."""

from __future__ import annotations

import fcntl
import os
import secrets
import struct
import sys
import threading
from collections.abc import Callable
from typing import NamedTuple
from weakref import WeakValueDictionary, finalize

from numpy_bridge import _core

from .refusals import KEEP, refusal
from .shared_file import files

_HEADER = struct.Struct("<8s16sQQQ")  # magic, identity, generation, offset, nbytes
_MAGIC = b"nbblock1"
_PAGE = os.sysconf("SC_PAGE_SIZE")
_KIND = "block"
_FORGED = "the handle is damaged or forged"


class Label(NamedTuple):
    """The fields in the header of a segment. Those of a handle must be equal."""

    identity: bytes
    generation: int
    offset: int
    nbytes: int

    def packed(self) -> bytes:
        return _HEADER.pack(_MAGIC, *self)


class Segment:
    """Memory of this process that others can map. It goes when the last process lets go of it."""

    __slots__ = ("__weakref__", "_keeper", "label", "mapping", "sole_writer", "writable")

    def __init__(self, mapping: _core.Mapping, label: Label, *, sole_writer: bool, writable: bool) -> None:
        self.mapping = mapping
        self.label = label
        self.sole_writer = sole_writer
        self.writable = writable
        self._forget_at_end()

    def _forget_at_end(self) -> None:
        self._keeper = os.getpid()  # the process through which others find the file
        if self.mapping.descriptor >= 0:
            finalize(self, _forget, self._keeper, self.label.identity).atexit = False

    def publish(self) -> None:
        """Let others find the memory through this process, also if it has it from the one that forked it."""
        if self._keeper != os.getpid():
            files().keep(self._keeper, _KIND, self.label.identity)
            self._forget_at_end()

    def __repr__(self) -> str:
        identity = self.label.identity.hex()[:8]
        return f"<numpy_bridge shared memory {identity}, {self.label.nbytes:,} bytes>"

    def block(self, shape: tuple[int, ...], dtype: str, start: int = 0) -> _core.SharedBlock:
        """Return the array at `start` bytes. Nothing about it is taken for granted: handles may be forged.

        Raises
        ------
        SharingError
            If it is not an array inside the segment.
        """
        try:
            address = self.mapping.address + self.label.offset + start
            block = _core.shared_block(address, shape, dtype, self, not self.writable)
            if 0 <= start <= self.label.nbytes - block.nbytes:
                return block
        except (TypeError, OverflowError):
            pass
        inside = f"an array inside {self.label.nbytes:,} bytes"
        raise refusal("shape", inside, f"{shape!r:.80} of {dtype!r:.40} at byte {start!r:.40}", _FORGED)

    def renew(self) -> bool:
        """Refuse old handles from now on, and return True; False if another process still maps the memory.

        A mapping holds a lock of the file, which goes with it, also if the process is killed.
        """
        descriptor = self.mapping.descriptor
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        self.label = self.label._replace(generation=self.label.generation + 1)
        os.pwrite(descriptor, self.label.packed(), 0)
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        return True


def _forget(keeper: int, identity: bytes, is_at_end: Callable[[], bool] = sys.is_finalizing) -> None:
    if not is_at_end() and keeper == os.getpid():  # at the end of the interpreter modules are empty
        files().forget(_KIND, identity)


# By identity, and whether the segment can be sent on
_known: WeakValueDictionary[tuple[bytes, bool], Segment] = WeakValueDictionary()
_lock = threading.RLock()  # a finalizer may attach while it is held


def _after_fork() -> None:
    global _lock
    _lock = threading.RLock()  # another thread may have held it


os.register_at_fork(after_in_child=_after_fork)


def create(nbytes: int, align: int, *, sole_writer: bool, data: memoryview | None = None) -> Segment:
    """Make a segment: of zeroes, or of the `nbytes` bytes of `data`."""
    if align < 1 or align & (align - 1) or align > _PAGE:
        raise refusal("align", f"a power of two up to {_PAGE}, the size of a page", str(align))
    label = Label(secrets.token_bytes(16), 0, max(align, 64), nbytes)
    size = label.offset + max(nbytes, 1)
    descriptor = files().create(_KIND, label.identity, size, data if nbytes else None)
    try:
        os.pwrite(descriptor, label.packed(), 0)
        mapping = _core.Mapping(descriptor, size, True, True, True)
    except BaseException as error:
        os.close(descriptor)
        files().forget(_KIND, label.identity)
        if isinstance(error, OSError):
            got = os.strerror(error.errno or 0)
            raise refusal("size", f"room for {nbytes:,} bytes", got, "let go of blocks") from None
        raise
    files().fix_size(descriptor, sole_writer=sole_writer)
    segment = Segment(mapping, label, sole_writer=sole_writer, writable=True)
    _known[label.identity, True] = segment
    return segment


def attach(process: int, descriptor: int, label: Label, *, sole_writer: bool, keep: bool) -> Segment:
    """The segment behind a descriptor of another process: always the same one for the same memory.

    Two mappings of it would be at different addresses, so that overlap could not be seen. With `keep` the
    segment can be sent on: its descriptor stays open. Without, it is mapped to be read as a whole, once.
    """
    with _lock:
        known = _known.get((label.identity, keep))
        if known is None:
            mapped = _map(process, descriptor, label, sole_writer=sole_writer, keep=keep)
            known = _known.setdefault((label.identity, keep), mapped)
    _require_same(known.label, label)
    return known


def _map(process: int, descriptor: int, label: Label, *, sole_writer: bool, keep: bool) -> Segment:
    flags = os.O_RDONLY if sole_writer else os.O_RDWR
    opened = files().open_of(process, descriptor, _KIND, label.identity, flags)
    kept = False
    try:
        _check(opened, label)
        size = label.offset + max(label.nbytes, 1)
        mapping = _core.Mapping(opened, size, not sole_writer, keep, not keep)
        kept = keep
        if keep:
            files().keep(process, _KIND, label.identity)
    except PermissionError:
        expected = "a block that others may write"
        raise refusal("writable", expected, "one that only its maker may write", _FORGED) from None
    except OSError as error:
        got = os.strerror(error.errno or 0)
        raise refusal("size", f"room for {label.nbytes:,} bytes", got, "let go of blocks") from None
    finally:
        if not kept:
            os.close(opened)
    return Segment(mapping, label, sole_writer=sole_writer, writable=not sole_writer)


def _check(opened: int, label: Label) -> None:
    try:  # before the label is read, so that the sender cannot renew the memory in between
        fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        raise _stale("memory that is being used again") from None
    magic, *found = _HEADER.unpack(os.pread(opened, _HEADER.size, 0).ljust(_HEADER.size, b"\0"))
    if magic != _MAGIC:
        raise refusal("handle", "a block of numpy_bridge", "other memory", _FORGED)
    _require_same(Label(*found), label)
    size = label.offset + max(label.nbytes, 1)
    actual = os.fstat(opened).st_size
    if actual != size:
        raise refusal("size", f"{size:,} bytes", f"{actual:,}", _FORGED)
    if not files().has_fixed_size(opened):
        raise refusal("seals", "memory that nobody can shrink", "memory that can be shrunk", _FORGED)


def _require_same(found: Label, wanted: Label) -> None:
    if found.identity != wanted.identity:
        raise _stale("another one: the descriptor is in use again")
    if found.generation != wanted.generation:
        raise _stale(f"its memory in use again, as generation {found.generation}")
    if found != wanted:
        got = f"{wanted.nbytes:,} at {wanted.offset}"
        raise refusal("size", f"{found.nbytes:,} bytes at {found.offset}", got, _FORGED)


def _stale(got: str) -> Exception:
    return refusal("handle", "the block that was sent", got, KEEP)
