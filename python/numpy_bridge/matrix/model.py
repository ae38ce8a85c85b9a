"""What a matrix is made of: producers, consumers, and what was found out about each pair.

Producers and consumers are source text, so that a report can show exactly what was run. Nothing here
imports an array library or runs anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

VALUES = tuple(range(1, 9))
"""What every producer holds, unless it says otherwise: exact in every dtype, also if negated."""

Number = int | float | complex


class Outcome(str, Enum):
    """What comes of handing a producer's memory to a consumer."""

    SHARES = "shares"
    READONLY = "read-only"
    COPIES = "copies"
    REFUSES = "refuses"
    WRONG = "wrong"
    CRASHES = "crashes"
    HANGS = "hangs"
    OPAQUE = "opaque"
    UNTRIED = "untried"

    @property
    def meaning(self) -> str:
        """One line for the legend."""
        return _MEANINGS[self]

    @property
    def harmful(self) -> bool:
        """Whether users lose by it without being told."""
        return self in (Outcome.WRONG, Outcome.CRASHES, Outcome.HANGS)


_MEANINGS = {
    Outcome.SHARES: "each side reads what the other writes",
    Outcome.READONLY: "the result reads what the source writes, and cannot write it",
    Outcome.COPIES: "neither side reads what the other writes",
    Outcome.REFUSES: "an exception",
    Outcome.WRONG: "other values, objects for numbers, or read-only memory changed",
    Outcome.CRASHES: "the process ends",
    Outcome.HANGS: "no answer within the time limit",
    Outcome.OPAQUE: "a result whose values cannot be read",
    Outcome.UNTRIED: "the object could not be made, or nothing proved with it",
}


@dataclass(frozen=True)
class Library:
    """An array library, and how its objects are read and written in its own words.

    Parameters
    ----------
    name : str
        How users call it, and the module's name unless `module` says otherwise.
    imports : str
        Statements that bring it into the scope of producers and consumers.
    read : str
        An expression for the values of `x`, in any nesting of lists.
    write : str
        A statement that stores the flat list `values` in `x`; empty if its objects never change.
    module : str
        The top-level module to look for; empty for what is always there.
    """

    name: str
    imports: str
    read: str
    write: str = ""
    module: str = ""


@dataclass(frozen=True)
class Producer:
    """An object that hands out memory.

    Parameters
    ----------
    name : str
        Unique; begins with the library's name, unless that is Python itself.
    library : str
        Name of its Library.
    code : str
        Statements that bind `x` to an object holding `values`.
    read, write : str, optional
        As in Library, which they replace. For objects that never change, `write` goes round the library, to
        the memory itself; it runs in the scope that `code` leaves behind.
    readonly : bool
        Whether nobody may write this memory.
    dtype : str
        What its elements are, in NumPy's words.
    values : tuple of numbers
        What it holds once made.
    needs : tuple of str
        Libraries beside its own.
    """

    name: str
    library: str
    code: str
    read: str = ""
    write: str = ""
    readonly: bool = False
    dtype: str = "float32"
    values: tuple[Number, ...] = VALUES
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Consumer:
    """A call that takes an object `x` in.

    Parameters
    ----------
    library : str
        Name of the Library that the result belongs to.
    label : str
        The call's short name, unique in its library.
    call : str
        An expression of `x`.
    ours : bool
        Whether numpy-bridge takes part.
    read, write : str, optional
        As in Library, which they replace.
    """

    library: str
    label: str
    call: str
    ours: bool = False
    read: str = ""
    write: str = ""

    @property
    def name(self) -> str:
        """Library and label, which are unique together."""
        return f"{self.library} {self.label}"


@dataclass(frozen=True)
class Finding:
    """What one probe found.

    Parameters
    ----------
    outcome : Outcome
        What came of it.
    why : str
        The exception's text, what is wrong, or how the process ended.
    dtype : str
        The result's element type, in its library's words, as far as that can be asked.
    warning : str
        What the call warned of, in one line.
    """

    outcome: Outcome
    why: str = ""
    dtype: str = ""
    warning: str = ""

    def to_dict(self) -> dict[str, str]:
        """Return the JSON form."""
        return {**vars(self), "outcome": self.outcome.value}

    @classmethod
    def from_dict(cls, form: dict[str, Any]) -> Finding:
        """Return what `to_dict` was made from."""
        return cls(**{**form, "outcome": Outcome(form["outcome"])})


@dataclass(frozen=True)
class Cell:
    """One place of the matrix: a producer, a consumer, and what was found."""

    producer: Producer
    consumer: Consumer
    finding: Finding

    @property
    def outcome(self) -> Outcome:
        """The finding's outcome."""
        return self.finding.outcome

    @property
    def why(self) -> str:
        """The finding's reason with the warning, in one line."""
        warned = f"warns: {self.finding.warning}" if self.finding.warning else ""
        return "; ".join(filter(None, (self.finding.why, warned)))

    @property
    def is_our_fault(self) -> bool:
        """Whether numpy-bridge, which shares or refuses, did anything else."""
        at_fault = self.outcome.harmful or self.outcome in (Outcome.COPIES, Outcome.OPAQUE)
        return self.consumer.ours and at_fault

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "from": self.producer.name,
            "to": self.consumer.name,
            "call": self.consumer.call,
            "ours": self.consumer.ours,
            **self.finding.to_dict(),
        }
