"""The matrix on a terminal: tables that fit its width, a legend, and reasons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from numpy_bridge.outcome import MARKS, STYLES, Outcome

from .model import Cell, Consumer, Matrix
from .passage import PASSAGE


def show(matrix: Matrix, console: Console, *, why: bool) -> None:
    """Print tables, legend, counts, and reasons: all, or those for faults of our calls."""
    plain = not console.encoding.startswith("utf")
    console.print(_heading(matrix), "")
    for consumers in _fitting(matrix, console.width):
        console.print(_table(matrix.rows, consumers, plain), "")
    console.print(_legend(matrix, plain), "")
    reasons = [cell for row in matrix.rows for cell in row if cell.why] if why else matrix.our_faults
    if reasons:
        console.print(_reasons(reasons, plain), "")
    console.print(_summary(matrix, why), end="")


def _heading(matrix: Matrix) -> RenderableType:
    versions = ", ".join(f"{name} {version}" for name, version in matrix.versions.items())
    return Group(
        Text(matrix.subject.heading, "bold"),
        Text(f"{matrix.date}: {versions}", "dim"),
    )


def _fitting(matrix: Matrix, width: int) -> Iterator[list[Consumer]]:
    """Split the consumers into tables, a library's calls together wherever they fit."""
    left = width - max((len(row[0].producer.name) for row in matrix.rows), default=0)
    widest = 2 + max((len(cell.word) for row in matrix.rows for cell in row), default=0)

    def fits(*consumers: Consumer) -> bool:
        return left >= sum(1 + max(widest, len(c.library), len(c.label)) for c in consumers)

    table: list[Consumer] = []
    for group in matrix.targets.values():
        for part in [group] if fits(*group) else [(consumer,) for consumer in group]:
            if table and not fits(*table, *part):
                yield table
                table = []
            table = [*table, *part]
    yield table


def _table(rows: Iterable[Sequence[Cell]], consumers: Sequence[Consumer], plain: bool) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("", no_wrap=True)
    library = ""
    for consumer in consumers:
        group = "" if consumer.library == library else consumer.library
        library = consumer.library
        label = (consumer.label, "bold cyan" if consumer.ours else "")
        table.add_column(Text.assemble((group, "bold"), "\n", label), no_wrap=True)
    for row in rows:
        shown = [_outcome(cell.outcome, plain, cell.word) for cell in row if cell.consumer in consumers]
        table.add_row(row[0].producer.name, *shown)
    return table


def _outcome(outcome: Outcome, plain: bool, word: str = "") -> Text:
    return Text(f"{MARKS[outcome][plain]} {word or outcome}", STYLES[outcome.tone])


def _legend(matrix: Matrix, plain: bool) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    seen = {cell.outcome for cell in matrix.cells}
    for outcome in Outcome:
        if outcome in seen:
            table.add_row(_outcome(outcome, plain), Text(outcome.meaning, "dim"))
    if any(cell.finding.passage for cell in matrix.cells):
        table.add_row(Text(PASSAGE[0]), Text(PASSAGE[1], "dim"))
    table.add_row(
        Text("ours", "bold cyan"),
        Text(", ".join(dict.fromkeys(c.call for c in matrix.consumers if c.ours)), "dim"),
    )
    return table


def _reasons(cells: Iterable[Cell], plain: bool) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, title_justify="left")
    for heading in ("x", "call", "", "why"):
        table.add_column(Text(heading, "bold"), overflow="fold")
    together: dict[tuple[str, Outcome, str], list[str]] = {}
    for cell in cells:
        together.setdefault((cell.producer.name, cell.outcome, cell.why), []).append(cell.consumer.call)
    for (name, outcome, why), calls in together.items():
        table.add_row(name, "\n".join(calls), _outcome(outcome, plain), Text(why))
    return table


def _summary(matrix: Matrix, why: bool) -> Text:
    text = Text()
    for name, ours in (("libraries' own calls", False), ("numpy-bridge", True)):
        counted = ", ".join(f"{count} {outcome}" for outcome, count in matrix.counts(ours=ours).items())
        text.append(f"{name}: ", "bold").append(f"{counted or 'none'}\n")
    for name, reason in matrix.untried.items():
        text.append(f"untried: {name}: {reason}\n", "dim")
    if matrix.missing:
        text.append(f"not installed: {', '.join(matrix.missing)}\n", "dim")
    if not why:
        text.append("--why shows the reasons\n", "dim")
    return text
