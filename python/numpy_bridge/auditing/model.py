"""The findings of an audit, as numbers and text only: no array is kept alive."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from numpy_bridge.outcome import Outcome, Tone

from .advice import Advice, advice_for
from .judging.transfers import Transfer
from .place import CallSite as CallSite
from .scope import Scope
from .source_line import is_allowed


@dataclass
class Conversion:
    """One kind of conversion at one line, however often it was made.

    Parameters
    ----------
    place : CallSite
        The line: ``place.file``, ``place.line``, ``place.function``, ``place.text``.
    call : str
        "torch.tensor", "Tensor.numpy", ...
    source, result : str
        The kinds of objects: "numpy float64", "torch float32 cuda:0", "list of int".
    outcome : str
        "shared", "copied" or "unknown".
    reason : str
        Why.
    alternative : str
        A call that shares instead, where ``x`` is the argument; empty if there is none.
    asked : bool
        True if the call announces a copy by its name (``clone``) or an argument (``copy=True``), or if
        nothing could be shared: memory moves to another device, or values come from no array.
    times, nbytes : int
        How often, and how many bytes of results all in all.
    seconds : float
        How long the calls took all in all, those inside them included. 0 for constructors such as
        ``torch.Tensor``, of which only the end is seen.
    faster : str
        A call that does the same in less time, where ``x`` is the argument; empty if none is known.
    checked : str
        Whether sharing would have given the same values, if the audit has tried to find out.
    transfer : Transfer, optional
        How memory moved, if it moved to or from a device; `nbytes` are then the bytes that moved. None if
        it stayed where it is.
    """

    place: CallSite
    call: str
    source: str
    result: str
    outcome: str
    reason: str
    alternative: str
    asked: bool
    times: int = field(default=0, compare=False)
    nbytes: int = field(default=0, compare=False)
    seconds: float = field(default=0.0, compare=False)
    faster: str = ""
    checked: str = field(default="", compare=False)
    transfer: Transfer | None = None

    def again(self, nbytes: int) -> Conversion:
        """Return a conversion of the same kind, which was made once, with a result of `nbytes`."""
        other = object.__new__(Conversion)  # a tenth of the time that `dataclasses.replace` takes
        vars(other).update(vars(self), times=1, nbytes=nbytes, seconds=0.0)
        return other

    @property
    def hidden(self) -> bool:
        """True for a copy of array memory that neither the call nor a comment at its line announces."""
        return self._unannounced and not self.allowed

    @property
    def allowed(self) -> bool:
        """True if the line has the comment ``# numpy-bridge: allow``."""
        return self._unannounced and is_allowed(self.place.file, self.place.line)

    @property
    def _unannounced(self) -> bool:
        return self.outcome == Outcome.COPIES.past and not self.asked and self.nbytes > 0

    @property
    def verdict(self) -> str:
        """The outcome; "hidden copy" and "transfer" for those, "…, but slow" where a faster call is known."""
        if self.hidden or self.transfer:
            return "hidden copy" if self.hidden else "transfer"
        return f"{self.outcome}, but slow" if self.faster else self.outcome

    @property
    def advice(self) -> Advice | None:
        """What to write at the line instead; None if nothing shares there, or moves memory in less time."""
        return advice_for(self)

    @property
    def instead(self) -> str:
        """What to write at the line instead: a call that shares, or one that is faster; empty for neither."""
        return self.advice.short if self.advice else self.faster

    @property
    def why(self) -> str:
        """The reason, and the line of the library that made the copy."""
        through = f"in {self.place.through}, {self.place.library}" if self.place.in_library else ""
        allowed = "a comment allows it" if self.allowed else ""
        return "; ".join(filter(None, (self.reason, allowed, through, self.checked)))

    @property
    def tone(self) -> Tone:
        """How reports colour it."""
        good = self.outcome == Outcome.SHARES.past and not self.faster
        return "bad" if self.hidden else "good" if good else "note"

    @property
    def message(self) -> str:
        """What happened, why, and what to write instead."""
        times = "" if self.times == 1 else f", {self.times} times"
        what = f"{self.outcome} {self.nbytes:,} bytes{times}, {self.source} to {self.result}: {self.why}"
        words = f"{self.call}: {what}; {self.advice}" if self.advice else f"{self.call}: {what}"
        return f"{words}; {self.faster} is faster" if self.faster else words

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


def kind_of(c: Conversion) -> tuple[Any, ...]:
    """Return what equal conversions have in common."""
    what = c.place, c.call, c.source, c.result, c.outcome, c.reason, c.alternative, c.asked, c.faster
    return *what, c.transfer


@dataclass(frozen=True)
class Line:
    """All conversions of one line of the program."""

    file: str
    line: int
    text: str
    conversions: tuple[Conversion, ...]

    @property
    def hidden_bytes(self) -> int:
        """Bytes of hidden copies."""
        return sum(c.nbytes for c in self.conversions if c.hidden)

    @property
    def copied_bytes(self) -> int:
        """Bytes that were copied, hidden or not."""
        return sum(c.nbytes for c in self.conversions if c.outcome == Outcome.COPIES.past)

    @property
    def shared_bytes(self) -> int:
        """Bytes that were shared instead of copied."""
        return sum(c.nbytes for c in self.conversions if c.outcome == Outcome.SHARES.past)

    @property
    def times(self) -> int:
        """Number of conversions."""
        return sum(c.times for c in self.conversions)

    @property
    def seconds(self) -> float:
        """How long the conversions took."""
        return sum(c.seconds for c in self.conversions)


class AuditLog:
    """The conversions that an `audit` has seen, in the order of first appearance.

    Conversions that differ in nothing but the number of bytes are counted as one, so that a log stays small
    however long the program runs.
    """

    def __init__(self) -> None:
        self._conversions: dict[tuple[Any, ...], Conversion] = {}
        self._lock = threading.RLock()  # a signal handler may read a log that its thread writes to
        self._started = time.perf_counter()
        self._ended: float | None = None
        self.settle: Callable[[], None] = lambda: None
        """Brings what was counted elsewhere meanwhile."""

    def __call__(self, conversion: Conversion, source: object, result: object) -> None:
        """Count one conversion, as a listener."""
        c = conversion
        key = kind_of(c)
        with self._lock:
            known = self._conversions.get(key)
            if known is None:
                self._conversions[key] = replace(c)  # other logs may get the same one
            else:
                known.times += c.times
                known.nbytes += c.nbytes
                known.seconds += c.seconds

    def begin_in_child(self) -> None:
        """Be readable in a forked process, whatever other threads of its parent did to the log meanwhile."""
        self._lock = threading.RLock()

    @property
    def conversions(self) -> list[Conversion]:
        """All conversions."""
        self.settle()
        with self._lock:
            return list(self._conversions.values())

    @property
    def copies(self) -> list[Conversion]:
        """The conversions that copied."""
        return [c for c in self.conversions if c.outcome == Outcome.COPIES.past]

    @property
    def hidden(self) -> list[Conversion]:
        """The hidden copies of array memory."""
        return [c for c in self.conversions if c.hidden]

    @property
    def hidden_bytes(self) -> int:
        """Bytes of hidden copies."""
        return sum(c.nbytes for c in self.hidden)

    @property
    def transfers(self) -> list[Conversion]:
        """The copies that moved memory to or from a device."""
        return [c for c in self.copies if c.transfer]

    def moved_bytes(self, direction: str = "") -> int:
        """Bytes that moved in one direction, such as "host to device"; in all of them by default."""
        moved = [c for c in self.transfers if direction in ("", c.transfer and c.transfer.direction)]
        return sum(c.nbytes for c in moved)

    @property
    def copied_bytes(self) -> int:
        """Bytes that were copied."""
        return sum(c.nbytes for c in self.copies)

    @property
    def shared_bytes(self) -> int:
        """Bytes that were shared instead of copied."""
        return sum(c.nbytes for c in self.conversions if c.outcome == Outcome.SHARES.past)

    @property
    def seconds(self) -> float:
        """How long all conversions took, those that shared included; threads are added up."""
        return sum(c.seconds for c in self.conversions)

    @property
    def elapsed(self) -> float:
        """Seconds from the start of the audit to its end, or to now."""
        return (time.perf_counter() if self._ended is None else self._ended) - self._started

    def end(self) -> None:
        """Stop the clock of `elapsed`."""
        self._ended = time.perf_counter()

    def within(self, scope: Scope) -> AuditLog:
        """Return a log of the conversions that a scope has: this one, if it has all."""
        if scope == Scope():
            return self
        log = AuditLog()
        log._started, log._ended = self._started, self._ended
        for c in self.conversions:
            if scope.has(c.place):
                log(c, None, None)
        return log

    def lines(self) -> list[Line]:
        """Group by line of the program: most hidden bytes first, then most copied, then most shared."""
        found: dict[tuple[str, int], list[Conversion]] = {}
        for c in self.conversions:
            found.setdefault((c.place.file, c.place.line), []).append(c)
        lines = [Line(*where, made[0].place.text, tuple(made)) for where, made in found.items()]
        return sorted(
            lines,
            key=lambda each: (
                *(-each.hidden_bytes, -each.copied_bytes, -each.shared_bytes, each.file, each.line),
            ),
        )

    def __iter__(self) -> Iterator[Conversion]:
        return iter(self.conversions)

    def __len__(self) -> int:
        return sum(c.times for c in self.conversions)

    def __str__(self) -> str:
        return "\n".join(map(str, self.conversions)) or "no conversions"

    def __repr__(self) -> str:
        many = f"{len(self)} conversion{'' if len(self) == 1 else 's'}"
        return f"<AuditLog: {many}, {self.copied_bytes:,} bytes copied, {self.shared_bytes:,} bytes shared>"

    def _repr_html_(self) -> str:
        from .notebook import to_html

        return to_html(self)
