"""The matrix as one self-contained page."""

from __future__ import annotations

import re

from numpy_bridge import page as shell
from numpy_bridge.outcome import Outcome
from numpy_bridge.page.markup import Markup

from .model import Matrix
from .passage import Passage


def page(matrix: Matrix) -> str:
    """Return the page: a table for each consuming library, and every pair with its reason."""
    return shell.document(
        matrix.subject.title,
        shell.section("What the words mean", _legend(matrix)),
        *(
            shell.section(f"{matrix.subject.into} {library}", _table(matrix, library))
            for library in matrix.targets
        ),
        shell.section("Every pair", _pairs(matrix)),
        shell.section("How the objects are made", _made(matrix)),
        *([shell.section("What runs before a call", prepared)] if (prepared := _prepared(matrix)) else []),
        shell.section("Where this ran", _versions(matrix)),
        lead=matrix.subject.lead,
    )


def _cell(outcome: Outcome, word: str = "") -> shell.Cell:
    return shell.Cell(word or outcome.value, tone=outcome.tone)


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
    calls = [f"{matrix.prefix(each)}{each.call}" for each in matrix.targets[library]]
    rows: list[tuple[shell.Cell | str, ...]] = [
        (
            row[0].producer.name,
            *(_cell(cell.outcome, cell.word) for cell in row if cell.consumer.library == library),
        )
        for row in matrix.rows
    ]
    return shell.table(("x", *calls), rows, f"Objects x, {matrix.subject.into.lower()} {library}")


def _pairs(matrix: Matrix) -> Markup:
    cells = [cell for row in matrix.rows for cell in row]
    columns: tuple[str | shell.Column, ...] = ("x", "call", "result", "why", "dtype")
    passed = any(cell.finding.passage for cell in cells)
    if passed:
        numbers = ("object, MiB", "sender, MiB", "receiver, MiB", "ms")
        columns = (*columns, "can be written", *(shell.Column(each, True) for each in numbers))
    rows = [
        (
            *(cell.producer.name, _code(cell.consumer.call), _cell(cell.outcome), cell.why),
            *(cell.finding.dtype, *(_numbers(cell.finding.passage) if passed else ())),
        )
        for cell in cells
    ]
    return shell.table(columns, rows, "Objects x, calls, and why")


def _numbers(passage: Passage | None) -> tuple[str | float, ...]:
    if passage is None:
        return ("",) * 5
    memory = (passage.nbytes, passage.sender, passage.receiver)
    in_mib = ("" if each is None else round(each / 2**20, 1) for each in memory)
    return ("no" if passage.readonly else "yes", *in_mib, round(1e3 * passage.seconds, 2))


def _made(matrix: Matrix) -> Markup:
    producers = dict.fromkeys(cell.producer for cell in matrix.cells)
    rows = [
        (producer.name, Markup("<pre>{}</pre>").format(producer.code), matrix.untried.get(producer.name, ""))
        for producer in producers
    ]
    return shell.table(("x", "code", "could not be made here"), rows, f"Objects; {matrix.subject.values}")


def _prepared(matrix: Matrix) -> Markup:
    rows = [
        (consumer.name, _code(consumer.call), Markup("<pre>{}</pre>").format(consumer.prepare))
        for consumer in matrix.consumers
        if consumer.prepare
    ]
    return shell.table(("call", "code", "prepared by"), rows, "Calls") if rows else Markup("")


def _versions(matrix: Matrix) -> Markup:
    rows = [*matrix.versions.items(), *((name, "not installed") for name in matrix.missing)]
    return shell.table(("library", "version"), rows, f"Versions, {matrix.date}")


def _code(text: str) -> Markup:
    """Show code that may be broken after dots and brackets."""
    parts = re.split(r"(?<=[.(])(?=\w)", text)
    return Markup("<code>{}</code>").format(Markup("<wbr>").join(parts))
