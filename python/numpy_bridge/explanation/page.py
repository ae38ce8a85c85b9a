"""Explanations as HTML for notebooks. Needs no other package."""

from __future__ import annotations

from html import escape
from xml.etree import ElementTree as xml

from .text import Cells, Outline, Section, sentences, short, tone

_STYLE = """\
.numpy-bridge{--nb-good:#17692f;--nb-bad:#a81c1c;--nb-note:#7a4d00;--nb-line:#8884;
background:#fff;color:#1d2330;font:14px/1.45 system-ui,sans-serif;max-width:64rem;padding:.1em 1em}
@media(prefers-color-scheme:dark){.numpy-bridge{--nb-good:#6fd08c;--nb-bad:#ff8f8f;--nb-note:#e8b55b;
background:#17191e;color:#e4e8ef}}
.numpy-bridge h4{margin:1em 0 .3em}
.numpy-bridge table{border-collapse:collapse}
.numpy-bridge td{text-align:left;vertical-align:top;padding:.2em .8em .2em 0;overflow-wrap:anywhere;
border-bottom:1px solid var(--nb-line)}
.numpy-bridge td.good,.numpy-bridge td.bad,.numpy-bridge td.note{white-space:nowrap}
.numpy-bridge .more td{border-bottom:0}.numpy-bridge .below{padding-left:1.5em}
.numpy-bridge .good{color:var(--nb-good)}.numpy-bridge .bad{color:var(--nb-bad)}
.numpy-bridge .note{color:var(--nb-note)}
.numpy-bridge .good,.numpy-bridge .bad,.numpy-bridge .note{font-weight:600}
.numpy-bridge svg{max-width:100%;height:auto}"""


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
    width, below = short(section), sentences(section, row)
    line = xml.SubElement(table, "tr", {"class": "more"} if below else {})
    for cell in row[:width]:
        xml.SubElement(line, "td", {"class": str(tone(cell))}).text = cell
    if below:
        line = xml.SubElement(table, "tr")
        wide = xml.SubElement(line, "td", {"colspan": str(width), "class": "below"})
        for sentence in below:
            xml.SubElement(wide, "div").text = sentence
