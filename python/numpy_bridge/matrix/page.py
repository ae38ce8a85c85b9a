"""The matrix as one self-contained page."""

from __future__ import annotations

import re

from numpy_bridge import page as shell
from numpy_bridge.outcome import Outcome
from numpy_bridge.page.markup import Markup

from .model import Matrix


def page(matrix: Matrix) -> str:
    """Return the page: a table for each consuming library, and every pair with its reason."""
    return shell.document(
        "Who shares memory with whom",
        shell.section("What the words mean", _legend(matrix)),
        *(shell.section(f"Into {library}", _table(matrix, library)) for library in matrix.targets),
        shell.section("Every pair", _pairs(matrix)),
        shell.section("How the objects are made", _made(matrix)),
        shell.section("Where this ran", _versions(matrix)),
        lead="Each row's object x was handed to each column's call. "
        "Writing through each side and reading through the other proved what came of it.",
    )


def _cell(outcome: Outcome) -> shell.Cell:
    return shell.Cell(outcome.value, tone=outcome.tone)


def _legend(matrix: Matrix) -> Markup:
    rows = [
        (
            _cell(outcome),
            outcome.meaning,
            matrix.counts(ours=False).get(outcome.value, 0),
            matrix.counts(ours=True).get(outcome.value, 0),
        )
        for outcome in Outcome
    ]
    columns = ("result", "meaning", shell.Column("others", True), shell.Column("ours", True))
    return shell.table(columns, rows, "Results, and how often they came up")


def _table(matrix: Matrix, library: str) -> Markup:
    calls = [consumer.call for consumer in matrix.targets[library]]
    rows: list[tuple[shell.Cell | str, ...]] = [
        (row[0].producer.name, *(_cell(cell.outcome) for cell in row if cell.consumer.library == library))
        for row in matrix.rows
    ]
    return shell.table(("x", *calls), rows, f"Objects x handed to {library}")


def _pairs(matrix: Matrix) -> Markup:
    rows = [
        (cell.producer.name, _code(cell.consumer.call), _cell(cell.outcome), cell.why, cell.finding.dtype)
        for row in matrix.rows
        for cell in row
    ]
    return shell.table(("x", "call", "result", "why", "dtype"), rows, "Objects x, calls, and why")


def _made(matrix: Matrix) -> Markup:
    producers = dict.fromkeys(cell.producer for cell in matrix.cells)
    rows = [
        (producer.name, Markup("<pre>{}</pre>").format(producer.code), matrix.untried.get(producer.name, ""))
        for producer in producers
    ]
    return shell.table(("x", "code", "could not be made here"), rows, "Objects; values are 1 to 8")


def _versions(matrix: Matrix) -> Markup:
    rows = [*matrix.versions.items(), *((name, "not installed") for name in matrix.missing)]
    return shell.table(("library", "version"), rows, f"Versions, {matrix.date}")


def _code(text: str) -> Markup:
    """Show code that may be broken after dots and brackets."""
    parts = re.split(r"(?<=[.(])(?=\w)", text)
    return Markup("<code>{}</code>").format(Markup("<wbr>").join(parts))
