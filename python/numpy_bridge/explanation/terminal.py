"""Explanations as plain text, and for rich."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numpy_bridge.outcome import STYLES, Outcome

from .text import Cells, Outline, Section, sentences, short, tone

if TYPE_CHECKING:
    from rich.console import RenderableType


def to_text(outline: Outline) -> str:
    """Return plain lines, for any terminal and for logs."""
    lines = [outline.headline]
    for section in outline.sections:
        lines += ["", section.title]
        for row in section.rows:
            lines += _row_as_text(section, row)
    return "\n".join(lines)


def _row_as_text(section: Section, row: Cells) -> list[str]:
    """Return a fact as one line; a table's row as one line with its sentences below."""
    if not section.columns:
        return [f"  {row[0]:<14} {row[1]}"]
    widths = [max(_width(cell) for cell in column) for column in zip(*section.rows, strict=True)]
    head = "  ".join(f"{cell:<{width}}" for cell, width in zip(row[: short(section)], widths, strict=False))
    return [f"  {head}".rstrip(), *(f"      {sentence}" for sentence in sentences(section, row))]


def _width(cell: str) -> int:
    """Return the characters reserved for a cell: for outcomes always the same, so that tables line up."""
    return max(map(len, Outcome)) if isinstance(cell, Outcome) else len(cell)


def to_rich(outline: Outline) -> RenderableType:
    """Return tables in colour."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    parts: list[RenderableType] = [Text(outline.headline, f"bold {STYLES[outline.tone]}")]
    for section in outline.sections:
        parts += [Text(), Text(section.title, "bold cyan")]
        table = Table(box=box.SIMPLE_HEAD if section.columns else None, show_header=bool(section.columns))
        for place, name in enumerate(section.columns or ("", "")):
            table.add_column(name, style="dim" if not section.columns and place == 0 else "", overflow="fold")
        for row in section.rows:
            table.add_row(*(Text(cell, STYLES[tone(cell)]) for cell in row))
        parts.append(table)
    return Group(*parts)
