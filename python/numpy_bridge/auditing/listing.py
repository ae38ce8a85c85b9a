"""The source of a program for the page, with its lines marked by what they copied or shared."""

from __future__ import annotations

import linecache
from collections.abc import Iterator, Sequence
from pathlib import Path

from numpy_bridge import page
from numpy_bridge.outcome import Tone
from numpy_bridge.page.markup import Markup
from numpy_bridge.units import size

from .model import Line

CONTEXT = 2
"""How many lines are shown above and below a marked one."""

_MOST_LINES = 400
_FILE = Markup('<h3 class="path">{}</h3><pre class="listing">{}</pre>')
_ROW = Markup('<span class="{}"><span class="quiet">{}</span>  {}{}</span>\n')
_SAID = Markup(' <b class="{}">{}</b>')
_GAP = Markup('<span class="quiet">    ⋮</span>\n')


def listings(lines: Sequence[Line], folder: Path) -> Markup | None:
    """Return the neighbourhood of all marked lines, file by file; None if no source can be read."""
    by_file: dict[str, dict[int, Line]] = {}
    for line in lines:
        by_file.setdefault(line.file, {})[line.line] = line
    parts = [_listing(file, marked, folder) for file, marked in by_file.items() if linecache.getlines(file)]
    return page.section("Source", *parts) if parts else None


def _listing(file: str, marked: dict[int, Line], folder: Path) -> Markup:
    source, title = linecache.getlines(file), next(iter(marked.values())).conversions[0].place.title(folder)
    near = {n for at in marked for n in range(at - CONTEXT, at + CONTEXT + 1) if 0 < n <= len(source)}
    return _FILE.format(title, Markup("").join(_rows(source, sorted(near)[:_MOST_LINES], marked)))


def _rows(source: Sequence[str], shown: Sequence[int], marked: dict[int, Line]) -> Iterator[Markup]:
    before = 0
    for number in shown:
        if number > before + 1:
            yield _GAP
        before, line = number, marked.get(number)
        tone, said = _mark(line) if line is not None else ("", "")
        text = source[number - 1].rstrip()
        yield _ROW.format(
            f"marked {tone}-line" if tone else "",
            f"{number:>5}",
            text,
            _SAID.format(tone, said) if tone else "",
        )
    if shown and before < len(source):
        yield _GAP


def _mark(line: Line) -> tuple[Tone, str]:
    """Return the tone of a line, and its bytes in words."""
    if line.hidden_bytes:
        return "bad", f"{size(line.hidden_bytes)} hidden"
    if line.copied_bytes:
        return "note", f"{size(line.copied_bytes)} copied"
    return "good", f"{size(line.shared_bytes)} shared"
