"""An audit as one self-contained page."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from numpy_bridge import page
from numpy_bridge.page.markup import Markup
from numpy_bridge.units import size

from .model import Conversion, Line
from .pictures import Pictures
from .run import Run
from .terminal import not_watched, shown_path, totals

MOST_MAPS = 12
"""The most memory maps on a page."""

_NO_BREAK = "\u00a0"
_CELL = Markup('<div style="overflow-wrap: anywhere">{}</div>')
_IN_BOLD = Markup("<b>{}</b>")
_AS_CODE = Markup("<code>{}</code>")


def html(run: Run, command: Sequence[str], pictures: Pictures) -> str:
    """Return the page: the table, and memory maps of its first lines."""
    numbers = [page.Column(title, numeric=True) for title in ("bytes", "times")]
    found = [(line, c) for line in run.log.lines() for c in line.conversions]
    rows = [_row(line, c, run.folder) for line, c in found]
    table = page.table([*numbers, "outcome", "line"], rows, "Conversions by line, most bytes copied first")
    drawn = [(line, c, pictures.svg(c)) for line, c in found]
    maps = [_map(line, c, svg, run.folder) for line, c, svg in drawn if svg][:MOST_MAPS]
    parts = [table, page.section("Where memory lay, the first time", *maps)] if maps else [table]
    said = "; ".join(filter(None, (totals(run.log), not_watched(run.others))))
    return page.document("numpy-bridge audit", *parts, lead=f"{shlex.join(command)}: {said}")


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
        page.Cell(c.verdict, tone=c.tone),
        page.Cell(_CELL.format(Markup("<br>").join(parts)), f"{line.file}:{line.line:09}"),
    ]
