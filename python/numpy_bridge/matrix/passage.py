"""What it takes to bring an object to another process: memory, time, and whether it can be written there."""

from __future__ import annotations

from dataclasses import dataclass

PASSAGE = ("2.0x, 9 ms", "memory that it took in both processes, as a multiple of the object, and time")
"""How a passage is written, and what it means: for legends."""


@dataclass(frozen=True)
class Passage:
    """One object that has arrived.

    Parameters
    ----------
    nbytes : int
        The bytes of its elements.
    sender, receiver : int or None
        Bytes that the resident memory of each process grew by at its highest, from before the object was
        sent until it had arrived. None where the system does not tell.
    seconds : float
        From the call that sends to the answer that it has arrived.
    readonly : bool
        True if what has arrived cannot be written.
    """

    nbytes: int
    sender: int | None
    receiver: int | None
    seconds: float
    readonly: bool

    @property
    def copies(self) -> float | None:
        """The memory that both processes needed, as a multiple of the object's bytes."""
        if self.sender is None or self.receiver is None:
            return None
        return (self.sender + self.receiver) / max(1, self.nbytes)

    def __str__(self) -> str:
        """Return copies and time: "2.0x, 31 ms"."""
        copies = "" if self.copies is None else f"{self.copies:.1f}x, "
        milliseconds = 1e3 * self.seconds
        return f"{copies}{milliseconds:.{0 if milliseconds >= 10 else 1}f} ms"
