"""What an audit found. Numbers and words only: no array is kept alive."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from .place import Place

SHARED, COPIED, UNKNOWN = "shared", "copied", "unknown"


@dataclass
class Conversion:
    """One kind of conversion at one line, however often it was made.

    Parameters
    ----------
    place : Place
        Whose line, as a traceback has it: ``place.file``, ``place.line``, ``place.function``, ``place.text``.
    call : str
        "torch.tensor", "Tensor.numpy", ...
    source, result : str
        From what to what: "numpy float64", "torch float32 cuda:0", "list of int".
    outcome : str
        "shared", "copied" or "unknown".
    reason : str
        Why.
    alternative : str
        What shares instead, where ``x`` is the argument; empty if nothing does.
    asked : bool
        Whether the call says that it copies: by its name (``clone``) or an argument (``copy=True``), or
        because memory moves to another device or values come from no array.
    times, nbytes : int
        How often, and how many bytes of results all in all.
    """

    place: Place
    call: str
    source: str
    result: str
    outcome: str
    reason: str
    alternative: str
    asked: bool
    times: int = field(default=0, compare=False)
    nbytes: int = field(default=0, compare=False)

    @property
    def hidden(self) -> bool:
        """Whether it is a copy of array memory that nobody asked for."""
        return self.outcome == COPIED and not self.asked and self.nbytes > 0

    @property
    def verdict(self) -> str:
        """The outcome, with hidden copies called by their name."""
        return "hidden copy" if self.hidden else self.outcome

    def __str__(self) -> str:
        return f"{self.place}: {self.call}: {described(self)}"


def described(conversion: Conversion) -> str:
    """What a conversion did, in one sentence without the place and the call."""
    c = conversion
    times = "" if c.times == 1 else f", {c.times} times"
    sentence = f"{c.outcome} {c.nbytes:,} bytes{times}, {c.source} to {c.result}: {c.reason}"
    return f"{sentence}; {c.alternative} shares" if c.alternative else sentence


@dataclass(frozen=True)
class Line:
    """All conversions of one line of the program."""

    file: str
    line: int
    text: str
    conversions: tuple[Conversion, ...]

    @property
    def copied_bytes(self) -> int:
        """Bytes that were copied, asked for or not."""
        return sum(c.nbytes for c in self.conversions if c.outcome == COPIED)

    @property
    def shared_bytes(self) -> int:
        """Bytes that were shared instead of copied."""
        return sum(c.nbytes for c in self.conversions if c.outcome == SHARED)

    @property
    def times(self) -> int:
        """How many conversions there were."""
        return sum(c.times for c in self.conversions)


class AuditLog:
    """The conversions that an `audit` has seen, in the order of first appearance.

    Conversions that differ in nothing but the number of bytes are counted as one, so that a log stays small
    however long the program runs.
    """

    def __init__(self) -> None:
        self._conversions: dict[tuple[Any, ...], Conversion] = {}
        self._lock = threading.Lock()

    def __call__(self, conversion: Conversion, source: object, result: object) -> None:
        """Count one conversion, as a listener."""
        c = conversion
        key = (c.place, c.call, c.source, c.result, c.outcome, c.reason, c.alternative, c.asked)
        with self._lock:
            known = self._conversions.get(key)
            if known is None:
                self._conversions[key] = replace(c)  # other logs may be told of the same one
            else:
                known.times += c.times
                known.nbytes += c.nbytes

    @property
    def conversions(self) -> list[Conversion]:
        """All of them."""
        with self._lock:
            return list(self._conversions.values())

    @property
    def copies(self) -> list[Conversion]:
        """Those that copied."""
        return [c for c in self.conversions if c.outcome == COPIED]

    @property
    def hidden(self) -> list[Conversion]:
        """Those that copied array memory without being asked to."""
        return [c for c in self.conversions if c.hidden]

    @property
    def copied_bytes(self) -> int:
        """Bytes that were copied."""
        return sum(c.nbytes for c in self.copies)

    @property
    def shared_bytes(self) -> int:
        """Bytes that were shared instead of copied."""
        return sum(c.nbytes for c in self.conversions if c.outcome == SHARED)

    def lines(self) -> list[Line]:
        """Sum up by line of the program: most bytes copied first, then most bytes shared."""
        found: dict[tuple[str, int], list[Conversion]] = {}
        for c in self.conversions:
            found.setdefault((c.place.file, c.place.line), []).append(c)
        lines = [Line(*where, made[0].place.text, tuple(made)) for where, made in found.items()]
        return sorted(lines, key=lambda line: (-line.copied_bytes, -line.shared_bytes, line.file, line.line))

    def __iter__(self) -> Iterator[Conversion]:
        return iter(self.conversions)

    def __len__(self) -> int:
        return sum(c.times for c in self.conversions)

    def __str__(self) -> str:
        return "\n".join(map(str, self.conversions)) or "no conversions"

    def __repr__(self) -> str:
        return (
            f"<AuditLog: {len(self)} conversions, {self.copied_bytes:,} bytes copied, "
            f"{self.shared_bytes:,} bytes shared>"
        )
