"""An audit's result as a table for terminals, as JSON, and as a page."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from markupsafe import Markup
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

import numpy_bridge
from numpy_bridge import page
from numpy_bridge.outcome import Tone
from numpy_bridge.units import size

from .pictures import Pictures
from .program import Run
from .record import SHARED, Conversion, Line

_STYLES: dict[Tone, str] = {"good": "green", "bad": "red", "note": "yellow"}


MOST_MAPS = 12
"""Pictures on a page."""

_NO_BREAK = "\u00a0"
_CELL = Markup('<div style="overflow-wrap: anywhere">{}</div>')
_IN_BOLD = Markup("<b>{}</b>")
_AS_CODE = Markup("<code>{}</code>")


def totals(run: Run) -> str:
    """The audit in one sentence."""
    log, hidden = run.log, run.log.hidden
    sentence = (
        f"{_count(len(log), 'conversion')}: {size(log.copied_bytes)} copied, {size(log.shared_bytes)} shared"
    )
    if not hidden:
        return f"{sentence}; no hidden copies"
    times, nbytes = sum(c.times for c in hidden), sum(c.nbytes for c in hidden)
    return f"{sentence}; {_count(times, 'hidden copy', 'hidden copies')} of {size(nbytes)}"


def table(run: Run) -> RenderableType:
    """The table by line of the program, most bytes copied first."""
    grid = Table(box=box.SIMPLE_HEAD, header_style="bold", title="numpy-bridge audit", title_justify="left")
    grid.add_column("copied", justify="right", no_wrap=True)
    grid.add_column("shared", justify="right", no_wrap=True)
    grid.add_column("line", ratio=1, overflow="fold")
    for line in run.log.lines():
        where = Text.assemble(
            (f"{shown_path(line.file, run.folder)}:{line.line}", "bold cyan"), "  ", line.text
        )
        copied, shared = (size(n) if n else "" for n in (line.copied_bytes, line.shared_bytes))
        details = [Text(f"  {text}", style) for c in line.conversions for text, style in _details(c)]
        grid.add_row(Text(copied, "red"), Text(shared, "green"), Group(where, *details))
    return Group(grid, Text(totals(run), "bold")) if run.log.conversions else Text(totals(run), "bold")


def _details(c: Conversion) -> list[tuple[str, str]]:
    times = "" if c.times == 1 else f", {c.times:,} times"
    rows = [(f"{c.call}: {c.source} → {c.result}, {c.verdict}{times}", _STYLES[_tone(c)])]
    rows.append((f"  {c.reason}", "dim"))
    if c.alternative:
        rows.append((f"  shares: {c.alternative}", ""))
    return rows


def document(run: Run, command: Sequence[str]) -> dict[str, Any]:
    """The audit for other programs."""
    return {
        "version": numpy_bridge.__version__,
        "command": list(command),
        "status": run.status,
        "conversions": len(run.log),
        "copied_bytes": run.log.copied_bytes,
        "shared_bytes": run.log.shared_bytes,
        "hidden_copies": sum(c.times for c in run.log.hidden),
        "lines": [_line(line) for line in run.log.lines()],
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "file": line.file,
        "line": line.line,
        "text": line.text,
        "copied_bytes": line.copied_bytes,
        "shared_bytes": line.shared_bytes,
        "times": line.times,
        "conversions": [_conversion(c) for c in line.conversions],
    }


def _conversion(c: Conversion) -> dict[str, Any]:
    fields = asdict(c)
    del fields["place"]
    return {"function": c.place.function, "through": c.place.through, **fields, "hidden": c.hidden}


def html(run: Run, command: Sequence[str], pictures: Pictures) -> str:
    """The audit as one self-contained page: the table, and memory maps of its first lines."""
    numbers = [page.Column(title, numeric=True) for title in ("bytes", "times")]
    found = [(line, c) for line in run.log.lines() for c in line.conversions]
    rows = [_row(line, c, run.folder) for line, c in found]
    table = page.table([*numbers, "outcome", "line"], rows, "Conversions by line, most bytes copied first")
    drawn = [(line, c, pictures.svg(c)) for line, c in found]
    maps = [_map(line, c, svg, run.folder) for line, c, svg in drawn if svg][:MOST_MAPS]
    parts = [table, page.section("Where memory lay, the first time", *maps)] if maps else [table]
    return page.document("numpy-bridge audit", *parts, lead=f"{shlex.join(command)}: {totals(run)}")


def _map(line: Line, c: Conversion, svg: str, folder: Path) -> Markup:
    title = f"{shown_path(line.file, folder)}:{line.line}  {c.call}: {c.verdict}"
    return Markup('<h3 style="overflow-wrap: anywhere">{}</h3><p>{}</p>').format(title, Markup(svg))


def _row(line: Line, c: Conversion, folder: Path) -> list[page.Cell | page.Content]:
    where = f"{shown_path(line.file, folder)}:{line.line}"
    parts: list[Markup | str] = [_IN_BOLD.format(where)]
    parts += [_AS_CODE.format(line.text)] if line.text else []
    parts += [f"{c.call}: {c.source} → {c.result}", c.reason]
    parts += [Markup("shares: {}").format(_AS_CODE.format(c.alternative))] if c.alternative else []
    return [
        page.Cell(size(c.nbytes).replace(" ", _NO_BREAK), c.nbytes),
        page.Cell(f"{c.times:,}", c.times),
        page.Cell(c.verdict, tone=_tone(c)),
        page.Cell(_CELL.format(Markup("<br>").join(parts)), f"{line.file}:{line.line:09}"),
    ]


def _tone(c: Conversion) -> Tone:
    return "good" if c.outcome == SHARED else "bad" if c.hidden else "note"


def shown_path(file: str, folder: Path) -> str:
    """A path as short as it can be said from a folder."""
    path = Path(file)
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else file


def _count(n: int, one: str, many: str = "") -> str:
    return f"{n:,} {one if n == 1 else many or one + 's'}"
