"""The matrix as one self-contained page."""

from __future__ import annotations

import re

from numpy_bridge import page as shell
from numpy_bridge.outcome import MARKS, Outcome
from numpy_bridge.page.markup import Markup

from .model import Cell, Matrix
from .passage import Passage


def page(matrix: Matrix) -> str:
    """Return the page: a square for each pair, and a table of all pairs with their reasons."""
    return shell.document(
        matrix.subject.title,
        shell.section("At a glance", _heat(matrix), _legend(matrix)),
        shell.section("Every pair", _pairs(matrix)),
        shell.section("How the objects are made", _made(matrix)),
        *([shell.section("What runs before a call", prepared)] if (prepared := _prepared(matrix)) else []),
        shell.section("Where this ran", _versions(matrix)),
        lead=matrix.subject.lead,
    )


def _cell(outcome: Outcome) -> shell.Cell:
    return shell.Cell(outcome.value, tone=outcome.tone)


def _heat(matrix: Matrix) -> Markup:
    """Draw a row for each object and a square for each call, which tells its reason when it is chosen."""
    libraries, labels = Markup("<td></td>"), Markup("<td></td>")
    for library, calls in matrix.targets.items():
        libraries += Markup('<th scope="colgroup" colspan="{}">{}</th>').format(len(calls), library)
        labels += Markup("").join(
            Markup('<th scope="col"><span>{}</span></th>').format(c.label) for c in calls
        )
    rows = Markup("").join(
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(
            row[0].producer.name, Markup("").join(map(_square, row))
        )
        for row in matrix.rows
    )
    return Markup(
        '<p class="chosen" role="status">Choose a square: this line says what happened, and why.</p>'
        '<div class="scroll heat" tabindex="0" role="region" aria-label="Every pair as a square"><table>'
        "<thead><tr>{}</tr><tr>{}</tr></thead><tbody>{}</tbody></table></div>"
    ).format(libraries, labels, rows)


def _square(cell: Cell) -> Markup:
    words = f"{cell.producer.name}: {cell.consumer.call} {cell.word or cell.outcome}"
    text = f"{words}: {cell.why}" if cell.why else words
    square = Markup('<td><button type="button" class="{}" title="{}" aria-label="{}">{}</button></td>')
    return square.format(cell.outcome.tone or "plain", text, words, MARKS[cell.outcome][0])


def _legend(matrix: Matrix) -> Markup:
    others, ours = matrix.counts(ours=False), matrix.counts(ours=True)
    rows = Markup("").join(
        Markup('<li><span class="{}">{} {}</span>: {} ({} of other calls, {} of ours)</li>').format(
            outcome.tone,
            MARKS[outcome][0],
            outcome,
            outcome.meaning,
            others.get(outcome.value, 0),
            ours.get(outcome.value, 0),
        )
        for outcome in Outcome
        if outcome.value in {**others, **ours}
    )
    return Markup('<ul class="legend">{}</ul>').format(rows)


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
