"""An audit as one self-contained page: what each line copied, its source, and where memory lay."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from numpy_bridge import page
from numpy_bridge.page.markup import Markup
from numpy_bridge.units import size

from .listing import listings
from .model import Conversion, Line
from .pictures import Pictures
from .run import Run
from .totals import condition, not_watched, share_of_time, time_of, totals, transfers

MOST_MAPS = 12
"""The most memory maps on a page."""

_FINDINGS = Markup('<style>\n{}</style>\n<div class="cards">\n{}\n</div>')
_NO_BREAK = "\u00a0"
_CELL = Markup('<div class="findings">{}</div>')
_BAR = Markup('{}<div class="bar {}" style="width: {}%"></div>')
_IN_BOLD = Markup("<b>{}</b>")
_AS_CODE = Markup("<code>{}</code>")
_INSTEAD = Markup("use instead: {}{}{}")


def html(run: Run, command: Sequence[str], pictures: Pictures) -> str:
    """Return the page: the findings, the source of their lines, and memory maps of the first ones."""
    lines = run.log.lines()
    found = [(line, c) for line in lines for c in sorted(line.conversions, key=lambda c: not c.hidden)]
    timed = any(time_of(c) for _, c in found)
    numbers = [page.Column(title, numeric=True) for title in ("bytes", "times", *(["time"] if timed else []))]
    most = max((c.nbytes for _, c in found), default=0) or 1
    rows = [_row(line, c, run.folder, most, timed) for line, c in found]
    table = page.table([*numbers, "outcome", "line"], rows, "Conversions by line, hidden copies first")
    drawn = [(c, pictures.svg(c)) for _, c in found]
    maps = [_map(c, svg, run.folder) for c, svg in drawn if svg][:MOST_MAPS]
    parts = [_FINDINGS.format(_style(), table), listings(lines, run.folder)]
    parts += [page.section("Where memory lay, the first time", *maps)] if maps else []
    took = share_of_time(run.log) if run.log.conversions else ""
    said = "; ".join(filter(None, (totals(run.log), transfers(run.log), took, not_watched(run.others))))
    lead = ". ".join(filter(None, (f"{shlex.join(command)}: {said}", condition(run.log.hidden))))
    return page.document("numpy-bridge audit", *filter(None, parts), lead=lead)


def _style() -> Markup:
    return Markup(Path(__file__).with_name("audit.css").read_text(encoding="utf-8"))


def _map(c: Conversion, svg: str, folder: Path) -> Markup:
    title = f"{c.place.shown(folder)}  {c.call}: {c.verdict}"
    return Markup('<h3 class="path">{}</h3><p>{}</p>').format(title, Markup(svg))


def _row(line: Line, c: Conversion, folder: Path, most: int, timed: bool) -> list[page.Cell | page.Content]:
    parts: list[Markup | str] = [_IN_BOLD.format(c.place.shown(folder))]
    parts += [_AS_CODE.format(line.text)] if line.text else []
    parts += [f"{c.call}: {c.source} → {c.result}", c.why]
    if c.advice:
        first = f"{c.advice.first}, then " if c.advice.first else ""
        when = f", {c.advice.condition}" if c.transfer and c.advice.condition else ""
        parts.append(_INSTEAD.format(first, _AS_CODE.format(c.advice.code), when))
    elif c.faster:
        parts.append(_INSTEAD.format("", _AS_CODE.format(c.faster), ""))
    nbytes = size(c.nbytes).replace(" ", _NO_BREAK)
    return [
        page.Cell(_BAR.format(nbytes, c.tone, f"{100 * c.nbytes / most:.1f}"), c.nbytes),
        page.Cell(f"{c.times:,}", c.times),
        *([page.Cell(time_of(c), c.seconds)] if timed else []),
        page.Cell(c.verdict, tone=c.tone),
        page.Cell(_CELL.format(Markup("<br>").join(parts)), f"{line.file}:{line.line:09}"),
    ]
