"""The tour on a terminal: colours, panels and tables, drawn by rich."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from .model import Finding, Proof, Result, Verdict
from .plain import counts
from .runner import PRELUDE

WIDE = 100
"""Columns from which code and output stand side by side."""

_LOOK = {
    Verdict.AGREES: ("✓", "green"),
    Verdict.INCOMPLETE: ("◐", "yellow"),
    Verdict.WRONG: ("✗", "red"),
    Verdict.IMPOSSIBLE: ("⊘", "magenta"),
}
_STATUS = {"passed": "green", "failed": "bold white on red", "skipped": "dim"}


def header(environment: Mapping[str, str]) -> RenderableType:
    """What runs here, and how to read it."""
    cuda = environment["cuda_unavailable"]
    versions = " · ".join(
        f"{name} {version}" for name, version in environment.items() if name != "cuda_unavailable"
    )
    legend = Text("   ").join(_verdict(verdict) for verdict in Verdict)
    lines = (
        Text("The article's listings, run live, with aliasing proved by writing."),
        Text(f"{versions}\nCUDA: {f'no, {cuda}' if cuda else 'yes'}\n", "dim"),
        Text.assemble(legend, (": its code can't print that", "dim")),
        Text("\nEvery listing starts with", "dim"),
        _python(PRELUDE),
    )
    return Panel(Group(*lines), title="[bold]numpy-bridge tour", title_align="left", border_style="cyan")


def step(result: Result, number: int) -> RenderableType:
    """One step: code, output, proofs, statements of the article."""
    title = Text.assemble((f" {number} ", "bold reverse cyan"), " ", (result.step.title, "bold"))
    name = Text(result.step.name, style="dim")
    parts: list[RenderableType] = [Text(), _ends(title, name), _Listing(result)]
    if result.skipped:
        parts += [Text.assemble(("○ skipped ", "bold"), result.skipped, style="dim")]
    if result.error:
        parts += [Text.assemble((" FAILED ", _STATUS["failed"]), " ", result.error)]
    if result.proofs:
        parts += [_proofs(result.proofs)]
    if result.findings:
        parts += [_findings(result.findings)]
    return Group(*parts)


def summary(results: Sequence[Result], numbers: Sequence[int]) -> RenderableType:
    """One row a step if there are several, then the counts."""
    total = Panel(Text(counts(results)), border_style="red" if _failed(results) else "green")
    if len(results) == 1:
        return Group(Text(), total)
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", padding=(0, 1))
    for heading in ("", "step", "the article", "proofs", "outcome"):
        table.add_column(heading, justify="right" if not heading else "left")
    for number, result in zip(numbers, results, strict=True):
        held = sum(proof.holds for proof in result.proofs)
        proofs = f"{held} of {len(result.proofs)}" if result.proofs else ""
        verdict = _verdict(result.verdict) if result.verdict else Text()
        status = Text(result.status, _STATUS[result.status])
        table.add_row(str(number), result.step.name, verdict, proofs, status)
    return Group(Text(), Rule("Summary", style="cyan"), table, total)


def part(title: str) -> RenderableType:
    """The heading of a chapter."""
    return Group(Text(), Rule(Text(title, "bold cyan"), style="cyan"))


class _Listing:
    """Code and what it prints, side by side if there is room.

    Where the article prints something else, both prints stand below the code, side by side.
    """

    def __init__(self, result: Result) -> None:
        self.code = _python(result.step.code)
        self.prints: list[RenderableType] = []
        if result.output:
            self.prints += [Text.assemble(("prints\n", "dim"), result.output.rstrip())]
        if result.differs:
            text = (str(result.step.article_output).rstrip(), _LOOK[Verdict.IMPOSSIBLE][1])
            self.prints += [Text.assemble(("the article prints\n", "dim"), text)]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        frame = Table(box=box.ROUNDED, border_style="dim", show_header=False, show_lines=True, expand=True)
        if options.max_width >= WIDE and len(self.prints) == 1:
            frame.add_column(ratio=3)
            frame.add_column(ratio=2)
            frame.add_row(self.code, *self.prints)
        else:
            frame.add_row(self.code)
            if self.prints:
                frame.add_row(_row(self.prints))
        yield frame


def _proofs(proofs: Sequence[Proof]) -> RenderableType:
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for heading in ("write via", "read via", "seen", "other way", "address", "overlap", "memory"):
        table.add_column(heading, no_wrap=True)
    for proof in proofs:
        first, second = (f"…{side.address & 0xFFFFF:05x}" for side in (proof.first, proof.second))
        found = "shared" if proof.expected else "separate"
        table.add_row(
            Text(proof.first.expression),
            Text(proof.second.expression),
            *(f"{write.seen} of {len(write.wrote)}" for write in proof.writes),
            f"same {first}" if proof.same_address else f"{first} {second}",
            "exact" if proof.overlap else "none",
            Text(f"✓ {found}", "green") if proof.holds else Text(f"not {found}", _STATUS["failed"]),
        )
    return Padding(table, (0, 0, 1, 1))


def _findings(findings: Sequence[Finding]) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(min_width=12)
    grid.add_column()
    for finding in findings:
        text = Text.assemble((finding.claim.says, "bold"))
        if finding.claim.because:
            text.append("\n→ ", "dim").append(finding.claim.because)
        for check in finding.checks:
            if not check.holds:
                text.append(f"\n{check.expression}: {check.got}, expected {check.expected}", "red")
        verdict = _verdict(finding.claim.verdict) if finding.holds else Text(" FAILED ", _STATUS["failed"])
        grid.add_row(verdict, text)
    return Padding(grid, (0, 0, 0, 1))


def _verdict(verdict: Verdict) -> Text:
    symbol, style = _LOOK[verdict]
    return Text(f"{symbol} {verdict.value}", style)


def _python(code: str) -> Syntax:
    return Syntax(code.rstrip(), "python", theme="ansi_dark", background_color="default", word_wrap=True)


def _ends(left: Text, right: Text) -> RenderableType:
    grid = Table.grid(expand=True)
    grid.add_column()
    grid.add_column(justify="right")
    grid.add_row(left, right)
    return grid


def _row(cells: Sequence[RenderableType]) -> RenderableType:
    grid = Table.grid(expand=True, padding=(0, 2, 0, 0))
    for _ in cells:
        grid.add_column(ratio=1)
    grid.add_row(*cells)
    return grid


def _failed(results: Sequence[Result]) -> bool:
    return any(result.status == "failed" for result in results)
