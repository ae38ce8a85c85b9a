"""The parts of a matrix: producers, consumers, and the finding for each pair.

Producers and consumers are source text, so that a report can show the code that ran. Nothing here imports
an array library or runs that code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import numpy_bridge as bridge
from numpy_bridge.outcome import Outcome
from numpy_bridge.sharing import Number

from .libraries import LIBRARIES, installed, needed
from .passage import Passage
from .subject import LIBRARIES_SUBJECT, Subject

VALUES = tuple(range(1, 9))
"""The values of every producer by default: exact in every dtype, also if negated."""


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
        As in Library, which they replace. For immutable objects, `write` writes to the memory directly, in
        the scope of `code`.
    readonly : bool
        True if this memory must not be written.
    dtype : str
        The dtype of its elements, by NumPy's name.
    values : tuple of numbers
        Its values.
    needs : tuple of str
        Further libraries.
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
        True if it calls numpy-bridge.
    read, write : str, optional
        As in Library, which they replace.
    may_copy : bool
        True if a copy of this call is no fault of ours.
    prepare : str
        Statements that run once before the call.
    """

    library: str
    label: str
    call: str
    ours: bool = False
    read: str = ""
    write: str = ""
    may_copy: bool = False
    prepare: str = ""

    @property
    def name(self) -> str:
        """Library and label, which are unique together."""
        return f"{self.library} {self.label}"


def libraries_of(producer: Producer, consumer: Consumer) -> tuple[str, ...]:
    """Return the names of the libraries that a pair needs, heaviest first."""
    return needed(producer.library, *producer.needs, consumer.library)


@dataclass(frozen=True)
class Finding:
    """The result of one probe.

    Parameters
    ----------
    outcome : Outcome
        What happened to the memory.
    why : str
        The exception's text, the error found, or how the process ended.
    dtype : str
        The result's element type by its library's name, if it has one.
    warning : str
        The first warning of the call, in one line.
    passage : Passage, optional
        What it took to bring the object to another process.
    """

    outcome: Outcome
    why: str = ""
    dtype: str = ""
    warning: str = ""
    passage: Passage | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, without a passage if there is none."""
        form = {**vars(self), "outcome": self.outcome.value}
        passage = form.pop("passage")
        return form if passage is None else {**form, "passage": vars(passage)}

    @classmethod
    def from_dict(cls, form: dict[str, Any]) -> Finding:
        """Return the finding of a JSON form."""
        passage = Passage(**form["passage"]) if "passage" in form else None
        return cls(**{**form, "outcome": Outcome(form["outcome"]), "passage": passage})


@dataclass(frozen=True)
class Cell:
    """One cell of the matrix: a producer, a consumer, and the finding."""

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
    def word(self) -> str:
        """The outcome, and what the passage took if there was one."""
        passage = self.finding.passage
        if passage is None:
            return self.outcome.value
        readonly = ", read-only" if passage.readonly and self.outcome is Outcome.COPIES else ""
        return f"{self.outcome} {passage}{readonly}"

    @property
    def libraries(self) -> tuple[str, ...]:
        """The libraries that have to be imported for it, heaviest first."""
        return libraries_of(self.producer, self.consumer)

    @property
    def is_our_fault(self) -> bool:
        """True if a call of ours did anything but share or refuse, or copy where that is its purpose."""
        copied = self.outcome is Outcome.COPIES and not self.consumer.may_copy
        at_fault = self.outcome.harmful or copied or self.outcome is Outcome.UNKNOWN
        return self.consumer.ours and at_fault


@dataclass(frozen=True)
class Matrix:
    """All cells, and the versions of the libraries.

    Parameters
    ----------
    cells : tuple of Cell
        Producer by producer, each with the same consumers.
    versions : mapping
        The version of each library that took part.
    missing : tuple of str
        The libraries that are not installed.
    date : str
        Date and time in ISO 8601.
    subject : Subject
        The words of its reports.
    """

    cells: tuple[Cell, ...]
    versions: Mapping[str, str]
    missing: tuple[str, ...]
    date: str
    subject: Subject = LIBRARIES_SUBJECT

    @classmethod
    def of(cls, cells: Iterable[Cell]) -> Matrix:
        """Return a matrix of cells that were found here and now."""
        cells = tuple(cells)
        used = {name for cell in cells for name in cell.libraries}
        here = installed()
        versions = {name: version for name, version in here.items() if name in used}
        missing = tuple(library.name for library in LIBRARIES if library.name not in here)
        return cls(cells, {"numpy-bridge": bridge.__version__, **versions}, missing, now())

    @property
    def rows(self) -> tuple[tuple[Cell, ...], ...]:
        """The cells of each producer that could be made here."""
        return tuple(row for row in self._rows() if not _untried(row))

    @property
    def untried(self) -> dict[str, str]:
        """Names of producers that could not be made here, and why."""
        return {row[0].producer.name: row[0].why for row in self._rows() if _untried(row)}

    def _rows(self) -> Iterable[tuple[Cell, ...]]:
        rows: dict[str, list[Cell]] = {}
        for cell in self.cells:
            rows.setdefault(cell.producer.name, []).append(cell)
        return map(tuple, rows.values())

    @property
    def consumers(self) -> tuple[Consumer, ...]:
        """Every consumer, in order."""
        return tuple(dict.fromkeys(cell.consumer for cell in self.cells))

    @property
    def targets(self) -> dict[str, tuple[Consumer, ...]]:
        """The consumers of each library."""
        names = dict.fromkeys(consumer.library for consumer in self.consumers)
        return {name: tuple(c for c in self.consumers if c.library == name) for name in names}

    def prefix(self, consumer: Consumer) -> str:
        """Return "label: " for a call whose code is that of another one in its group; else nothing."""
        calls = [each.call for each in self.targets[consumer.library]]
        return f"{consumer.label}: " if calls.count(consumer.call) > 1 else ""

    @property
    def our_faults(self) -> tuple[Cell, ...]:
        """Cells where a call of ours does anything but share or refuse."""
        return tuple(cell for cell in self.cells if cell.is_our_fault)

    def counts(self, *, ours: bool) -> dict[str, int]:
        """Count the outcomes of our calls or of all others."""
        outcomes = [cell.outcome for row in self.rows for cell in row if cell.consumer.ours is ours]
        return {outcome.value: outcomes.count(outcome) for outcome in Outcome if outcome in outcomes}


def _untried(row: Iterable[Cell]) -> bool:
    return all(cell.outcome is Outcome.UNTRIED for cell in row)


def now() -> str:
    """Return the date and time of a report."""
    return datetime.now(timezone.utc).replace(microsecond=0).isoformat()
