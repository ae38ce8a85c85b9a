"""An outline as plain text, for rich, and as HTML."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING
from xml.etree import ElementTree as xml

from .outline import Cells, Outline, Section

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

_COLOURS = {
    "shares": "green",
    "copies": "yellow",
    "refuses": "red",
    "wrong": "bold red",
    "unsafe": "bold red",
    "untried": "dim",
    "not asked": "dim",
}


def to_text(outline: Outline) -> str:
    """Plain lines, for any terminal and for logs."""
    lines = [outline.headline]
    for section in outline.sections:
        lines += ["", section.title]
        for row in section.rows:
            lines += _row_as_text(section, row)
    return "\n".join(lines)


def _row_as_text(section: Section, row: Cells) -> list[str]:
    """Facts side by side. Of a table's row the sentences go below."""
    if not section.columns:
        return [f"  {row[0]:<14} {row[1]}"]
    widths = [max(len(cell) for cell in column) for column in zip(*section.rows, strict=True)]
    head = "  ".join(f"{cell:<{width}}" for cell, width in zip(row[: _short(section)], widths, strict=False))
    return [f"  {head}".rstrip(), *(f"      {sentence}" for sentence in _sentences(section, row))]


def _short(section: Section) -> int:
    """How many of the columns are short; the others hold sentences."""
    return section.columns.index("why") if section.columns else 2


def _sentences(section: Section, row: Cells) -> list[str]:
    named = list(zip(section.columns, row, strict=False))[_short(section) :]
    return [cell if name == "why" else f"{name}: {cell}" for name, cell in named if cell]


def to_rich(outline: Outline) -> RenderableType:
    """Tables in colour."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    parts: list[RenderableType] = [Text(outline.headline, "bold green" if outline.shares else "bold red")]
    for section in outline.sections:
        parts += [Text(), Text(section.title, "bold cyan")]
        table = Table(box=box.SIMPLE_HEAD if section.columns else None, show_header=bool(section.columns))
        for place, name in enumerate(section.columns or ("", "")):
            table.add_column(name, style="dim" if not section.columns and place == 0 else "", overflow="fold")
        for row in section.rows:
            table.add_row(*(_rich_cell(cell) for cell in row))
        parts.append(table)
    return Group(*parts)


def _rich_cell(cell: str) -> Text:
    from rich.text import Text

    return Text(cell, _COLOURS.get(cell, ""))


_STYLE = """\
.numpy-bridge{--nb-good:#17692f;--nb-bad:#a81c1c;--nb-so:#7a4d00;--nb-line:#8884;
background:#fff;color:#1d2330;font:14px/1.45 system-ui,sans-serif;max-width:64rem;padding:.1em 1em}
@media(prefers-color-scheme:dark){.numpy-bridge{--nb-good:#6fd08c;--nb-bad:#ff8f8f;--nb-so:#e8b55b;
background:#17191e;color:#e4e8ef}}
.numpy-bridge h4{margin:1em 0 .3em}
.numpy-bridge table{border-collapse:collapse}
.numpy-bridge td{text-align:left;vertical-align:top;padding:.2em .8em .2em 0;overflow-wrap:anywhere;
border-bottom:1px solid var(--nb-line)}
.numpy-bridge td.good,.numpy-bridge td.bad,.numpy-bridge td.so{white-space:nowrap}
.numpy-bridge .more td{border-bottom:0}.numpy-bridge .below{padding-left:1.5em}
.numpy-bridge .good{color:var(--nb-good)}.numpy-bridge .bad{color:var(--nb-bad)}
.numpy-bridge .so{color:var(--nb-so)}
.numpy-bridge .good,.numpy-bridge .bad,.numpy-bridge .so{font-weight:600}
.numpy-bridge svg{max-width:100%;height:auto}"""

_CLASSES = {"shares": "good", "copies": "so", "refuses": "bad", "wrong": "bad", "unsafe": "bad"}


def to_html(outline: Outline, svg: str) -> str:
    """One element with its own style, as notebooks show it; `svg` comes first."""
    root = xml.Element("div", {"class": "numpy-bridge"})
    verdict = "good" if outline.shares else "bad"
    xml.SubElement(root, "p", {"class": verdict}).text = outline.headline
    picture = xml.SubElement(root, "div", {"class": "picture"})
    for section in outline.sections:
        xml.SubElement(root, "h4").text = section.title
        table = xml.SubElement(root, "table")
        for row in section.rows:
            _add_row(table, section, row)
    picture.text = "\0"
    body = xml.tostring(root, encoding="unicode", method="html")
    return f"<style>{escape(_STYLE, quote=False)}</style>" + body.replace("\0", svg)


def _add_row(table: xml.Element, section: Section, row: Cells) -> None:
    """The short cells, and below them the sentences over the whole width: so that a phone shows both."""
    short, sentences = _short(section), _sentences(section, row)
    line = xml.SubElement(table, "tr", {"class": "more"} if sentences else {})
    for cell in row[:short]:
        attributes = {"class": _CLASSES[cell]} if cell in _CLASSES else {}
        xml.SubElement(line, "td", attributes).text = cell
    if sentences:
        below = xml.SubElement(xml.SubElement(table, "tr"), "td", {"colspan": str(short), "class": "below"})
        for sentence in sentences:
            xml.SubElement(below, "div").text = sentence
