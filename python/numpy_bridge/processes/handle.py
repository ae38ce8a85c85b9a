"""Handles: a block as it is pickled. Less than 200 bytes, and nothing of the memory itself."""

from __future__ import annotations

import hashlib
import os
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from multiprocessing.reduction import ForkingPickler
from typing import Any, NamedTuple

from numpy_bridge import _core

from . import in_flight, segment
from .blocks import frozen
from .in_flight import Ledger
from .refusals import refusal
from .segment import Label, Segment
from .shared_file import files

_PACKED = struct.Struct("<8s16sQIQIII8sQ?")
LOKY = ("joblib.externals.loky.backend.reduction", "loky.backend.reduction")

_by_value: ContextVar[bool] = ContextVar("by_value", default=False)

Reduced = tuple[Any, tuple[Any, ...]]


class Handle(NamedTuple):
    """Where a segment can be found, and how to be sure that it is the one."""

    host: bytes
    identity: bytes
    generation: int
    offset: int
    nbytes: int
    process: int
    descriptor: int  # of that process
    ledger: int  # of that process: a descriptor
    ledger_identity: bytes
    number: int  # in the ledger; 0 if the block is not kept for the receiver
    sole_writer: bool

    @classmethod
    def of(cls, memory: Segment, ledger: Ledger | None = None, number: int = 0) -> Handle:
        memory.publish()
        file, identity = (0, bytes(8)) if ledger is None else (ledger.descriptor, ledger.identity)
        place = (os.getpid(), memory.mapping.descriptor, file)
        return cls(_host(), *memory.label, *place, identity, number, memory.sole_writer)

    def packed(self) -> bytes:
        return _PACKED.pack(*self)

    @classmethod
    def unpacked(cls, data: bytes) -> Handle:
        if not isinstance(data, bytes) or len(data) != _PACKED.size:
            raise refusal(
                "handle", f"{_PACKED.size} bytes", f"{data!r:.60}", "the handle is damaged or forged"
            )
        return cls(*_PACKED.unpack(data))

    def attach(self, *, keep: bool) -> Segment:
        """Return the segment in this process. Marks it as arrived in the sender's ledger."""
        if self.host != _host():
            hint = "send the values: numpy_bridge.to_numpy(x)"
            raise refusal("host", "a block of this machine", "one of another machine or container", hint)
        label = Label(self.identity, self.generation, self.offset, self.nbytes)
        found = segment.attach(self.process, self.descriptor, label, sole_writer=self.sole_writer, keep=keep)
        if self.number:
            in_flight.confirm(self.process, self.ledger, self.ledger_identity, self.number)
        return found


@cache
def _host() -> bytes:
    return hashlib.blake2b(files().host().encode(), digest_size=8).digest()


def sent(memory: Segment, *, awaited: bool = True) -> Handle:
    """A handle for one receiver, for whom the memory is kept until then."""
    ledger = in_flight.ledger()
    return Handle.of(memory, ledger, ledger.send(memory, awaited=awaited))


def attach(packed: bytes, shape: tuple[int, ...], dtype: str, start: int) -> _core.SharedBlock:
    """The block that a handle stands for. This is what a pickled SharedBlock calls."""
    return Handle.unpacked(packed).attach(keep=True).block(shape, dtype, start)


def _reduced(block: _core.SharedBlock, handle: Handle) -> Reduced:
    memory: Segment = block.owner
    start = block.ptr - memory.mapping.address - memory.label.offset
    return attach, (handle.packed(), block.shape, block.dtype, start)


@contextmanager
def by_value() -> Iterator[None]:
    """Have blocks pickled with their values: for a message that may arrive where, or when, they are not."""
    before = _by_value.set(True)
    try:
        yield
    finally:
        _by_value.reset(before)


def reduce(block: _core.SharedBlock) -> Reduced:
    """For every pickler: who sends the bytes is to keep the block until it has been attached."""
    if _by_value.get():
        return frozen, (_core.view(block, readonly=True),)
    return _reduced(block, Handle.of(block.owner))


def reduce_sent(block: _core.SharedBlock) -> Reduced:
    """For picklers whose bytes go to one process: the block is kept until it arrives there."""
    return _reduced(block, sent(block.owner))


def register() -> None:
    """Have multiprocessing and loky, if it is imported, keep the blocks that they send."""
    ForkingPickler.register(_core.SharedBlock, reduce_sent)
    for name in LOKY:
        loky = sys.modules.get(name)
        if loky is not None:
            loky.register(_core.SharedBlock, reduce_sent)


register()
