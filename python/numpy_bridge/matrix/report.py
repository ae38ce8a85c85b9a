"""A whole matrix: what ran where, its counts, its tables, and its JSON form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import numpy_bridge as bridge

from .libraries import LIBRARIES, installed
from .model import Cell, Consumer, Outcome
from .probe import libraries_of

SCHEMA = "numpy-bridge/matrix/1"
"""Name and version of the form. The version rises when a field changes its meaning or goes."""


@dataclass(frozen=True)
class Matrix:
    """Cells, and what they were found with.

    Parameters
    ----------
    cells : tuple of Cell
        Producer by producer, each with the same consumers.
    versions : mapping
        The version of each library that took part.
    missing : tuple of str
        The libraries that are not installed.
    date : str
        When, as ISO 8601 has it.
    """

    cells: tuple[Cell, ...]
    versions: Mapping[str, str]
    missing: tuple[str, ...]
    date: str

    @classmethod
    def of(cls, cells: Iterable[Cell]) -> Matrix:
        """Return a matrix of cells that were found here and now."""
        cells = tuple(cells)
        used = {name for cell in cells for name in libraries_of(cell.producer, cell.consumer)}
        here = installed()
        versions = {name: version for name, version in here.items() if name in used}
        missing = tuple(library.name for library in LIBRARIES if library.name not in here)
        now = datetime.now(timezone.utc).replace(microsecond=0)
        return cls(cells, {"numpy-bridge": bridge.__version__, **versions}, missing, now.isoformat())

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

    @property
    def our_faults(self) -> tuple[Cell, ...]:
        """Cells where numpy-bridge does anything but share or refuse."""
        return tuple(cell for cell in self.cells if cell.is_our_fault)

    def counts(self, *, ours: bool) -> dict[str, int]:
        """Count the outcomes of our calls or of all others."""
        outcomes = [cell.outcome for row in self.rows for cell in row if cell.consumer.ours is ours]
        return {outcome.value: outcomes.count(outcome) for outcome in Outcome if outcome in outcomes}

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        producers = dict.fromkeys(cell.producer for cell in self.cells)
        return {
            "schema": SCHEMA,
            "date": self.date,
            "versions": dict(self.versions),
            "not_installed": list(self.missing),
            "untried": self.untried,
            "counts": {"ours": self.counts(ours=True), "others": self.counts(ours=False)},
            "made_by": {producer.name: producer.code for producer in producers},
            "cells": [cell.to_dict() for cell in self.cells],
        }


def _untried(row: Iterable[Cell]) -> bool:
    return all(cell.outcome is Outcome.UNTRIED for cell in row)
