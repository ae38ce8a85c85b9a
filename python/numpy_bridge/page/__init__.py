"""Self-contained HTML pages: one file without external links, in light and dark, also for phones.

Content of type `str` is escaped; Markup is not.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy_bridge
from numpy_bridge.outcome import Tone

from .markup import Markup, lines

Content = str | Markup | int | float


class Column(NamedTuple):
    """The head of a table's column; numeric columns are aligned to the right."""

    title: str
    numeric: bool = False


class Cell(NamedTuple):
    """The content of a table's cell, its sort key if that differs, and its tone."""

    shown: Content
    sort_by: str | float | None = None
    tone: Tone = ""


_DOCUMENT = Markup("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
{content}
</main>
<footer>numpy-bridge {version}</footer>
<script>
{script}</script>
</body>
</html>
""")

_TABLE = Markup("""\
<div class="sortable">
<label class="filter">Filter <input type="search" aria-label="{filter}"> <output></output></label>
<div class="scroll" tabindex="0" role="region" aria-label="{label}">
<table>
{caption}<thead><tr>
{heads}
</tr></thead>
<tbody>
{rows}
</tbody>
</table>
</div>
</div>""")

_LEAD = Markup('<p class="lead">{}</p>')
_SECTION = Markup("<section>\n<h2>{}</h2>\n{}\n</section>")
_CAPTION = Markup("<caption>{}</caption>\n")
_HEAD = Markup('<th scope="col"{}><button type="button">{}</button></th>')
_ROW = Markup("<tr>\n{}\n</tr>")
_CELL = Markup('<td class="{}{}"{}>{}</td>')
_NUMERIC = Markup(' class="number"')
_SORT_BY = Markup(' data-sort="{}"')


def document(title: str, *parts: Markup, lead: str = "") -> str:
    """Return a whole page, parts one below the other, with styles and scripts inside.

    Parameters
    ----------
    title : str
        The page's heading and the window's title.
    *parts : Markup
        From `section`, `table`, or any HTML or SVG with its own styles.
    lead : str, optional
        A paragraph under the heading.
    """
    return _DOCUMENT.format(
        title=title,
        style=_file("page.css"),
        content=lines((_LEAD.format(lead), *parts) if lead else parts),
        version=numpy_bridge.__version__,
        script=_file("page.js"),
    )


def section(heading: str, *parts: Markup) -> Markup:
    """Return parts under a heading of the second level."""
    return _SECTION.format(heading, lines(parts))


def table(
    columns: Sequence[Column | str], rows: Sequence[Sequence[Cell | Content]], caption: str = ""
) -> Markup:
    """Return a table whose heads sort its rows and whose field filters them.

    Parameters
    ----------
    columns : sequence of Column or str
        A str is a column of text with that title.
    rows : sequence of sequences
        One Cell, str, number or Markup a column.
    caption : str, optional
        The subject of the table, also the name of its filter.

    Raises
    ------
    ValueError
        If a row has more or fewer cells than there are columns.
    """
    heads = [Column(column) if isinstance(column, str) else column for column in columns]
    cells = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in rows]
    for row in cells:
        if len(row) != len(heads):
            raise ValueError(f"a row of {len(row)} cells in a table of {len(heads)} columns: {row}")
    return _TABLE.format(
        filter=f"Filter {caption}" if caption else "Filter",
        label=caption or "Table",
        caption=_CAPTION.format(caption) if caption else "",
        heads=lines(_HEAD.format(_NUMERIC if head.numeric else "", head.title) for head in heads),
        rows=lines(_ROW.format(lines(map(_cell, heads, row))) for row in cells),
    )


def _cell(head: Column, cell: Cell) -> Markup:
    sort_by = "" if cell.sort_by is None else _SORT_BY.format(cell.sort_by)
    return _CELL.format("number " if head.numeric else "", cell.tone, sort_by, cell.shown)


@functools.cache
def _file(name: str) -> Markup:
    return Markup(Path(__file__).with_name(name).read_text(encoding="utf-8"))
