"""Explanations as HTML for notebooks."""

from __future__ import annotations

from collections.abc import Iterator

from numpy_bridge.page.markup import Markup

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
    """Return one element with its own style for notebooks; `svg` comes first."""
    page = Markup(
        '<style>{}</style><div class="numpy-bridge"><p class="{}">{}</p><div class="picture">{}</div>{}</div>'
    )
    sections = Markup("").join(map(_section, outline.sections))
    return page.format(_STYLE, "good" if outline.shares else "bad", outline.headline, Markup(svg), sections)


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
