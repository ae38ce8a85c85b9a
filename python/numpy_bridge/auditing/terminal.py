"""An audit as tables for terminals: hidden copies, and on demand everything else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from numpy_bridge.outcome import STYLES, Outcome
from numpy_bridge.units import size

from .model import Conversion
from .run import Run
from .totals import (
    condition,
    count,
    heaviest_first,
    not_watched,
    sentence,
    share_of_time,
    time_of,
    totals,
    transfers,
)

_WORDS = {"line": 16, "what": 16, "why": 10, "use instead": 24}
"""Headings, and how long a word may be before it is broken where there is little room."""

_NARROWEST = 60
"""The least width of a table."""


def table(run: Run, *, show_all: bool = False) -> RenderableType:
    """Return the hidden copies, heaviest first, and below them how much else there was."""
    hidden, moved = run.log.hidden, run.log.transfers
    rest = [c for c in run.log.conversions if not (c.hidden or c.transfer)]
    slow, others = [c for c in rest if c.faster], [c for c in rest if not c.faster]
    parts: list[RenderableType] = []
    if hidden:
        parts.append(_Findings("Hidden copies", heaviest_first(hidden), run.folder))
    if condition(hidden):
        parts.append(Text(f"{condition(hidden)}\n", "dim"))
    if slow:
        parts.append(_Findings("Slow", heaviest_first(slow), run.folder))
    if moved:
        parts.append(_Findings("Transfers", heaviest_first(moved), run.folder))
    if condition(moved):
        parts.append(Text(f"{condition(moved)}\n", "dim"))
    if others and show_all:
        parts.append(_Findings("Everything else", heaviest_first(others), run.folder))
    elif others:
        parts.append(Text(f"Not shown: {_sums(others)}; --all lists them.", "dim"))
    if run.log.conversions:
        parts.append(Text(sentence(share_of_time(run.log))))
    if moved:
        parts.append(Text(sentence(transfers(run.log))))
    parts.append(Text(("\n" if parts else "") + totals(run.log), "bold"))
    if run.others.unwatched:
        parts.append(Text(not_watched(run.others), "bold red"))
    return Group(*parts)


def _sums(conversions: Sequence[Conversion]) -> str:
    """Return how often each outcome was, and of how many bytes."""
    asked = ("copy that was asked for", "copies that were asked for")
    words = {Outcome.COPIES.past: asked, Outcome.SHARES.past: ("shared",) * 2}
    words[Outcome.UNKNOWN.past] = ("unknown",) * 2
    found = {word: [c for c in conversions if c.outcome == outcome] for outcome, word in words.items()}
    return ", ".join(
        f"{count(sum(c.times for c in those), *word)} ({size(sum(c.nbytes for c in those))})"
        for word, those in found.items()
        if those
    )


class _Findings(NamedTuple):
    """A table with one row a conversion. Text that is too long goes on below, inside its column."""

    title: str
    conversions: Sequence[Conversion]
    folder: Path

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        advised = any(c.instead for c in self.conversions)
        rows = [_texts(c, self.folder, advised) for c in self.conversions]
        if options.max_width < _NARROWEST:
            yield from self._blocks(rows)
            return
        numbers = [("bytes", [Text(size(c.nbytes), STYLES[c.tone]) for c in self.conversions])]
        times = [Text(time_of(c)) for c in self.conversions]
        numbers += [("time", times)] if any(times) else []
        grid = Table(box=box.SIMPLE_HEAD, header_style="bold", show_edge=False, padding=(0, 1, 0, 0))
        grid.title, grid.title_justify = self.title, "left"
        room = options.max_width - 2 * (len(numbers) + len(rows[0]))
        for heading, shown in numbers:
            width = max(len(heading), *map(len, shown))
            grid.add_column(heading, justify="right", no_wrap=True, width=width)
            room -= width
        columns = list(zip(*rows, strict=True))
        for heading, width in zip(_WORDS, _widths(columns, room), strict=False):
            grid.add_column(heading, overflow="fold", width=width)
        for cells in zip(*(shown for _, shown in numbers), *columns, strict=True):
            grid.add_row(*cells)
        yield grid

    def _blocks(self, rows: Sequence[Sequence[Text]]) -> Iterator[Text]:
        """Yield the findings one below the other."""
        yield Text(self.title, "bold")
        for c, (place, *others) in zip(self.conversions, rows, strict=True):
            yield Text.assemble((size(c.nbytes), STYLES[c.tone]), "  ", place, overflow="fold")
            for heading, text in zip(list(_WORDS)[1:], others, strict=False):
                yield Text.assemble(f"  {heading}: ", text, overflow="fold")


def _widths(columns: Sequence[Sequence[Text]], room: int) -> list[int]:
    """Divide the room among columns: whole words first, and the rest to those that need it."""
    named = list(zip(_WORDS, columns, strict=False))
    words = [[len(word) for text in texts for word in [name, *text.plain.split()]] for name, texts in named]
    widths = [min(most, max(each)) for most, each in zip(_WORDS.values(), words, strict=False)]
    while sum(widths) > room:
        widths[widths.index(max(widths))] -= 1
    wanted = [max(len(line) for text in texts for line in text.plain.split("\n")) for _, texts in named]
    more = [max(want - width, 0) for want, width in zip(wanted, widths, strict=True)]
    spare, total = room - sum(widths), sum(more) or 1
    return [width + min(want, spare * want // total) for width, want in zip(widths, more, strict=True)]


def _texts(c: Conversion, folder: Path, advised: bool) -> list[Text]:
    """Return the cells of a row, without numbers."""
    times = "" if c.times == 1 else f", {c.times:,} times"
    what = f"{c.call}\n{c.source} → {c.result}{times}" + ("" if c.hidden or c.transfer else f", {c.outcome}")
    above, slash, name = c.place.shown(folder).rpartition("/")
    place = f"{above}/\n{name}" if slash else name
    texts = [Text(place, "cyan"), Text(what), Text(c.why)]
    if advised:
        texts.append(Text(c.instead, "green") if c.instead else Text("-", "dim"))
    return texts
