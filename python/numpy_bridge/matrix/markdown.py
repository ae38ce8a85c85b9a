"""The matrix as Markdown: a table for each consuming library."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from numpy_bridge.outcome import Outcome

from .model import Matrix
from .passage import PASSAGE


def markdown(matrix: Matrix) -> str:
    """Return the document, which names the versions, the date, and everything harmful with its reason."""
    return "\n".join(_lines(matrix)) + "\n"


def _lines(matrix: Matrix) -> Iterator[str]:
    yield f"# {matrix.subject.title}"
    yield ""
    yield f"Written by `{matrix.subject.command} --markdown FILE` on {matrix.date[:10]}."
    yield from ("", ", ".join(f"{name} {version}" for name, version in matrix.versions.items()) + ".", "")
    meanings = [(outcome.value, outcome.meaning) for outcome in Outcome]
    if any(cell.finding.passage for cell in matrix.cells):
        meanings.append(PASSAGE)
    yield from _table(("result", "meaning"), meanings)
    for library, consumers in matrix.targets.items():
        yield from ("", f"## {matrix.subject.into} {library}", "")
        rows = (
            (row[0].producer.name, *(cell.word for cell in row if cell.consumer.library == library))
            for row in matrix.rows
        )
        yield from _table(("x", *(f"{matrix.prefix(each)}`{each.call}`" for each in consumers)), rows)
    harm = [cell for row in matrix.rows for cell in row if cell.outcome.harmful]
    if harm:
        yield from ("", "## What goes wrong", "")
        rows = (
            (c.producer.name, f"`{c.consumer.call}`", c.outcome.value, c.why.replace("|", "\\|"))
            for c in harm
        )
        yield from _table(("x", "call", "result", "why"), rows)
    prepared: dict[str, list[str]] = {}
    for consumer in matrix.consumers:
        prepared.setdefault(consumer.prepare.strip(), []).append(consumer.name)
    prepared.pop("", None)
    if prepared:
        yield from ("", "## What runs before a call")
    for code, names in prepared.items():
        yield from ("", f"{', '.join(names)}:", "", "```text", code, "```")
    if matrix.untried:
        yield from ("", "## Untried", "")
        yield from (f"- {name}: {reason}" for name, reason in matrix.untried.items())
    if matrix.missing:
        yield from ("", f"Not installed: {', '.join(matrix.missing)}.")


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    heads = list(heads)
    yield f"| {' | '.join(heads)} |"
    yield f"|{' --- |' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
