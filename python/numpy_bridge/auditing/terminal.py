"""An audit as a table for terminals."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from numpy_bridge.outcome import STYLES
from numpy_bridge.units import duration, size

from .model import AuditLog, Conversion
from .run import Run

LITTLE = 0.02
"""The share of a program's time below which its conversions are not worth a change."""


def totals(log: AuditLog) -> str:
    """Return the audit in one sentence."""
    copied, shared = size(log.copied_bytes), size(log.shared_bytes)
    return f"{_count(len(log), 'conversion')}: {copied} copied, {shared} shared; {hidden_copies(log)}"


def share_of_time(log: AuditLog) -> str:
    """Return how much of the program's time the conversions took, and whether that is worth a change."""
    share = log.seconds / log.elapsed if log.elapsed else 0.0
    words = f"{duration(log.seconds)}, {share:.1%} of the program's time"
    return words if share >= LITTLE else f"{words}: little to gain"


def hidden_copies(log: AuditLog) -> str:
    """Return how many copies were hidden, and their size."""
    times, nbytes = sum(c.times for c in log.hidden), sum(c.nbytes for c in log.hidden)
    if times:
        return f"{_count(times, 'hidden copy', 'hidden copies')} of {size(nbytes)}"
    return "no hidden copies in watched calls"


def table(run: Run) -> RenderableType:
    """Return the table by line of the program, most bytes copied first."""
    grid = Table(box=box.SIMPLE_HEAD, header_style="bold", title="numpy-bridge audit", title_justify="left")
    grid.add_column("copied", justify="right", no_wrap=True)
    grid.add_column("shared", justify="right", no_wrap=True)
    grid.add_column("line", ratio=1, overflow="fold")
    for line in run.log.lines():
        where = Text.assemble(
            (f"{shown_path(line.file, run.folder)}:{line.line}", "bold cyan"), "  ", line.text
        )
        copied, shared = (size(n) if n else "" for n in (line.copied_bytes, line.shared_bytes))
        details = [Text(f"  {text}", style) for c in line.conversions for text, style in _details(c)]
        grid.add_row(Text(copied, "red"), Text(shared, "green"), Group(where, *details))
    summary = Text(totals(run.log), "bold")
    return Group(grid, share_of_time(run.log), summary) if run.log.conversions else summary


def shown_path(file: str, folder: Path) -> str:
    """Return a path relative to a folder, if it is inside."""
    path = Path(file)
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else file


def _details(c: Conversion) -> list[tuple[str, str]]:
    times = "" if c.times == 1 else f", {c.times:,} times"
    rows = [(f"{c.call}: {c.source} → {c.result}, {c.verdict}{times}", STYLES[c.tone])]
    rows.append((f"  {c.reason}", "dim"))
    if c.seconds:
        rows.append((f"  {duration(c.seconds)}", "dim"))
    if c.alternative:
        rows.append((f"  shares: {c.alternative}", ""))
    if c.faster:
        rows.append((f"  faster: {c.faster}", ""))
    return rows


def _count(n: int, one: str, many: str = "") -> str:
    return f"{n:,} {one if n == 1 else many or one + 's'}"
