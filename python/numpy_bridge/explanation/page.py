"""Explanations as HTML for notebooks."""

from __future__ import annotations

from collections.abc import Iterator

from numpy_bridge.page.markup import Markup
from numpy_bridge.page.themes import themed

from .text import Cells, Outline, Section, sentences, short, tone

_LIGHT = "--nb-good:#17692f;--nb-bad:#a81c1c;--nb-note:#7a4d00;background:#fff;color:#1d2330"
_DARK = "--nb-good:#6fd08c;--nb-bad:#ff8f8f;--nb-note:#e8b55b;background:#17191e;color:#e4e8ef"

# Notebooks and sites have rules of their own for tables: zebra stripes, text to the right, colours.
_STYLE = f"""\
.numpy-bridge{{font:14px/1.45 system-ui,sans-serif;max-width:64rem;padding:.1em 1em}}
{themed({".numpy-bridge": _LIGHT}, {".numpy-bridge": _DARK})}
.numpy-bridge h4,.numpy-bridge p,.numpy-bridge td{{color:inherit!important;font-family:inherit!important}}
.numpy-bridge h4{{margin:1em 0 .3em!important;padding:0}}
.numpy-bridge table{{border-collapse:collapse;border:0!important;margin:0!important;
font-size:inherit!important;background:none!important;box-shadow:none!important;
width:auto!important;table-layout:auto!important}}
.numpy-bridge tr{{background:none!important;border:0!important}}
.numpy-bridge td{{text-align:left!important;vertical-align:top!important;padding:.2em .8em .2em 0!important;
max-width:none!important;white-space:normal!important;overflow-wrap:anywhere;background:none!important;
border:0!important;border-bottom:1px solid #8884!important}}
.numpy-bridge td:first-child:not(.below),.numpy-bridge td.good,.numpy-bridge td.bad,.numpy-bridge td.note{{
white-space:nowrap!important}}
.numpy-bridge .more td{{border-bottom:0!important}}.numpy-bridge td.below{{padding-left:1.5em!important}}
.numpy-bridge .good{{color:var(--nb-good)!important}}.numpy-bridge .bad{{color:var(--nb-bad)!important}}
.numpy-bridge .note{{color:var(--nb-note)!important}}
.numpy-bridge .good,.numpy-bridge .bad,.numpy-bridge .note{{font-weight:600}}
.numpy-bridge svg{{max-width:100%;height:auto}}"""


def to_html(outline: Outline, svg: str) -> str:
    """Return one element with its own style for notebooks; `svg` comes first."""
    page = Markup(
        '<style>{}</style><div class="numpy-bridge"><p class="{}">{}</p><div class="picture">{}</div>{}</div>'
    )
    sections = Markup("").join(map(_section, outline.sections))
    return page.format(Markup(_STYLE), outline.tone, outline.headline, Markup(svg), sections)


def _section(section: Section) -> Markup:
    rows = Markup("").join(each for row in section.rows for each in _rows(section, row))
    return Markup("<h4>{}</h4><table>{}</table>").format(section.title, rows)


def _rows(section: Section, row: Cells) -> Iterator[Markup]:
    """Yield the short cells, and below them the sentences in full width, which fits phones."""
    width, below = short(section), sentences(section, row)
    cells = (Markup('<td class="{}">{}</td>').format(tone(cell), cell) for cell in row[:width])
    yield Markup('<tr class="{}">{}</tr>').format("more" if below else "", Markup("").join(cells))
    if below:
        texts = Markup("").join(map(Markup("<div>{}</div>").format, below))
        yield Markup('<tr><td colspan="{}" class="below">{}</td></tr>').format(width, texts)
