"""Self-contained HTML pages: one file without a link to anything, readable in light and dark and on a phone.

Needs Jinja2, which numpy-bridge[cli] brings. What goes in as `str` is escaped; Markup goes in as it is.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jinja2
from markupsafe import Markup

import numpy_bridge
from numpy_bridge.outcome import Tone

Content = str | Markup | int | float


class Column(NamedTuple):
    """The head of a table's column; numbers are set to the right."""

    title: str
    numeric: bool = False


class Cell(NamedTuple):
    """What one place of a table shows, what it is sorted by where that differs, and how it is coloured."""

    shown: Content
    sort_by: str | float | None = None
    tone: Tone = ""


def document(title: str, *parts: Markup, lead: str = "") -> str:
    """Return a whole page, parts one below the other, with styles and scripts inside.

    Parameters
    ----------
    title : str
        The page's heading and the window's title.
    *parts : Markup
        From `section`, `table`, or any HTML or SVG that brings its own styles.
    lead : str, optional
        A paragraph under the heading.
    """
    return _template("document.html").render(
        title=title, lead=lead, parts=parts, version=numpy_bridge.__version__
    )


def section(heading: str, *parts: Markup) -> Markup:
    """Return parts under a heading of the second level."""
    return Markup(_template("section.html").render(heading=heading, parts=parts))


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
        What the table shows, also the name of its filter.

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
    return Markup(_template("table.html").render(heads=heads, rows=cells, caption=caption))


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("numpy_bridge.page"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def _template(name: str) -> jinja2.Template:
    return _environment().get_template(name)
