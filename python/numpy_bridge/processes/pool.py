"""Memory that is used again once nobody needs what was in it, so that the kernel need not zero new pages."""

from __future__ import annotations

import os
from typing import Any
from weakref import ref

from . import handle, in_flight, segment
from .handle import Handle
from .segment import Segment

_MOST = 32  # segments to use again; a receiver that keeps more of them keeps them for itself
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Loan:
    """One use of a segment: the sender's share in it. The receiver's is a mapping."""

    __slots__ = ("__weakref__", "segment", "slot")

    def __init__(self, memory: Segment, slot: Slot | None) -> None:
        self.segment = memory
        self.slot = slot

    def __reduce__(self) -> tuple[Any, tuple[bytes]]:
        sent = handle.sent(self.segment, awaited=False)
        if self.slot is not None:
            self.slot.numbers.add(sent.number)
        return receive, (sent.packed(),)


def receive(packed: bytes) -> Segment:
    """The memory of a loan, in the process that it was sent to."""
    return Handle.unpacked(packed).attach(keep=False)


class Slot:
    """A segment of the pool, its last loan, and the numbers in the ledger under which that was sent."""

    __slots__ = ("loan", "numbers", "segment")

    def __init__(self, memory: Segment) -> None:
        self.segment = memory
        self.numbers: set[int] = set()
        self.lend()

    def lend(self) -> Loan:
        loan = Loan(self.segment, self)
        self.loan = ref(loan)
        return loan

    def is_free(self) -> bool:
        if self.loan() is not None:
            return False
        if self.numbers and not all(map(in_flight.ledger().arrived, self.numbers)):
            return False
        return self.segment.renew()


class Pool:
    """The segments of one process."""

    def __init__(self) -> None:
        self._slots: list[Slot] = []

    def borrow(self, nbytes: int) -> Loan:
        """Memory of at least `nbytes`, with anything in it."""
        for slot in self._slots:
            if nbytes <= slot.segment.label.nbytes <= 2 * nbytes + _PAGE and slot.is_free():
                slot.numbers.clear()
                return slot.lend()
        size = -(-nbytes // _PAGE) * _PAGE
        memory = segment.create(size, 64, sole_writer=False)
        if len(self._slots) >= _MOST:
            in_flight.release()
            self._drop_one()
        if len(self._slots) >= _MOST:
            return Loan(memory, None)
        slot = Slot(memory)
        self._slots.append(slot)
        return slot.lend()

    def _drop_one(self) -> None:
        """Make room for a segment of another size."""
        for slot in self._slots:
            if slot.is_free():
                self._slots.remove(slot)
                return


_pool: Pool | None = None


def borrow(nbytes: int) -> Loan:
    global _pool
    if _pool is None:
        _pool = Pool()
    return _pool.borrow(nbytes)


def _after_fork() -> None:
    global _pool
    _pool = None  # its memory is the parent's


os.register_at_fork(after_in_child=_after_fork)
