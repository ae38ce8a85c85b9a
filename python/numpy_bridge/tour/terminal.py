"""The tour as text, drawn by rich: with colours and boxes, or as plain ASCII."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from numpy_bridge.outcome import STYLES, Outcome

from .model import STATUS_TONES, Finding, Proof, Result, Verdict
from .run import ARTICLE, PRELUDE
from .summary import counts

WIDTH = 120
"""Wider lines are harder to read: the tour leaves the rest of a wide terminal empty."""

SIDE_BY_SIDE = 100
"""Columns from which code and output stand side by side, if no line of code must be wrapped for it."""

ALL_COLUMNS = 80
"""Columns from which the proofs show addresses and overlap."""

NEXT = (
    ("numpy-bridge tour --all", "every step of the article"),
    ("numpy-bridge audit your_script.py", "the hidden copies of a program of yours"),
    ("numpy-bridge matrix --to torch", "which of your libraries share memory with torch"),
)
"""What to run after the tour, and why."""

_MARKS = {Verdict.AGREES: "✓ ", Verdict.INCOMPLETE: "◐ ", Verdict.WRONG: "✗ ", Verdict.IMPOSSIBLE: "⊘ "}


class Screen:
    """A console, and how a tour looks on it. Plain text has no colours, no boxes and ASCII only."""

    def __init__(self, *, plain: bool = False) -> None:
        self.console = Console(highlight=False)
        console = self.console
        boxes = console.is_terminal and not console.is_dumb_terminal and console.encoding.startswith("utf")
        self.plain = plain or not boxes
        if self.plain:
            width, _lines = shutil.get_terminal_size((WIDTH, 0))  # that of no terminal, such as a file
            self.console = Console(
                highlight=False, force_terminal=False, color_system=None, width=min(width, WIDTH)
            )
        else:
            console.width = min(console.width, WIDTH)

    def show(self, part: RenderableType) -> None:
        """Print one part of the tour; plain text without blanks at the ends of lines."""
        if not self.plain:
            self.console.print(part)
            return
        with self.console.capture() as shown:
            self.console.print(part)
        print("\n".join(line.rstrip() for line in shown.get().splitlines()))

    def header(self, environment: Mapping[str, str]) -> RenderableType:
        """Return versions, the verdicts, and the common first lines of all listings."""
        cuda = environment["cuda_unavailable"]
        versions = (f"{name} {text}" for name, text in environment.items() if name != "cuda_unavailable")
        return Group(
            self._heading("numpy-bridge tour"),
            Text(f"The listings of an article, run live, with aliasing proved by writing:\n{ARTICLE}"),
            Text(f"{', '.join(versions)}\nCUDA: {f'no, {cuda}' if cuda else 'yes'}\n", "dim"),
            Text.assemble(
                Text("   ").join(map(self._verdict, Verdict)), (": its code can't print that", "dim")
            ),
            Text("\nEvery listing starts with", "dim"),
            Padding(self._python(PRELUDE), (0, 4)),
        )

    def part(self, title: str) -> RenderableType:
        """Return the heading of a chapter."""
        return Group(Text(), self._heading(title))

    def step(self, result: Result, number: int) -> RenderableType:
        """Return one step: code, output, proofs, statements of the article."""
        title = Text.assemble((f"{number}. ", "bold cyan"), (result.step.title, "bold"))
        parts: list[RenderableType] = [Text(), title.append(f" [{result.step.name}]", "dim")]
        parts.append(_Listing(self, result))
        if result.skipped:
            parts.append(Text(f"skipped: {result.skipped}", STYLES[STATUS_TONES["skipped"]]))
        if result.error:
            parts.append(Text.assemble(("FAILED: ", STYLES["bad"]), result.error))
        if result.proofs:
            parts.append(self._proofs(result.proofs))
        if result.findings:
            parts.append(self._findings(result.findings))
        return Group(*parts)

    def summary(self, results: Sequence[Result], numbers: Sequence[int]) -> RenderableType:
        """Return one row for each of several steps, then the counts."""
        failed = any(result.status == "failed" for result in results)
        total = Text(counts(results), STYLES["bad" if failed else "good"])
        if len(results) == 1:
            return Group(Text(), total)
        table = self._table("", "step", "the article", "proofs", "outcome")
        for number, result in zip(numbers, results, strict=True):
            held = sum(proof.holds for proof in result.proofs)
            proofs = f"{held} of {len(result.proofs)}" if result.proofs else ""
            verdict = self._verdict(result.verdict) if result.verdict else Text()
            status = Text(result.status, STYLES[STATUS_TONES[result.status]])
            table.add_row(f"{number}.", result.step.name, verdict, proofs, status)
        ways = Table.grid(padding=(0, 2, 0, 0))
        for command, why in NEXT:
            ways.add_row(Text(command, "bold"), Text(why, "dim"))
        return Group(Text(), self._heading("Summary"), table, Text(), total, Text("\nNext:"), ways)

    def _heading(self, title: str) -> RenderableType:
        if self.plain:
            return Text(f"{title}\n{'=' * len(title)}")
        return Rule(Text(title, "bold cyan"), style="cyan")

    def _table(self, *headings: str) -> Table:
        table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0), pad_edge=False)
        for heading in headings:
            table.add_column(heading, no_wrap=True, justify="left" if heading else "right")
        return table

    def _proofs(self, proofs: Sequence[Proof]) -> RenderableType:
        wide = self.console.width >= ALL_COLUMNS
        table = self._table(
            "write via", "read via", "seen", "other way", *(("address", "overlap") if wide else ()), "memory"
        )
        for proof in proofs:
            first, second = (f"{side.address & 0xFFFFF:05x}" for side in (proof.first, proof.second))
            found = Outcome.SHARES.past if proof.expected else "separate"
            address = f"same ..{first}" if proof.same_address else f"..{first} ..{second}"
            where = (address, "exact" if proof.overlap else "none")
            held = Text(f"{self._mark('✓ ')}{found}", STYLES["good"])
            table.add_row(
                Text(proof.first.expression),
                Text(proof.second.expression),
                *(f"{write.seen} of {len(write.wrote)}" for write in proof.writes),
                *(where if wide else ()),
                held if proof.holds else Text(f"FAILED: not {found}", STYLES["bad"]),
            )
        return Padding(table, (0, 0, 1, 1))

    def _findings(self, findings: Sequence[Finding]) -> RenderableType:
        grid = Table.grid(padding=(0, 2))
        grid.add_column(min_width=12)
        grid.add_column()
        for finding in findings:
            text = Text.assemble((finding.claim.says, "bold"))
            if finding.claim.because:
                text.append("\n-> ", "dim").append(finding.claim.because)
            for check in finding.checks:
                if not check.holds:
                    text.append(
                        f"\n{check.expression}: {check.got}, expected {check.expected}", STYLES["bad"]
                    )
            failed = Text(f"FAILED ({finding.claim.verdict.value})", STYLES["bad"])
            grid.add_row(self._verdict(finding.claim.verdict) if finding.holds else failed, text)
        return Padding(grid, (0, 0, 0, 1))

    def _verdict(self, verdict: Verdict) -> Text:
        return Text(f"{self._mark(_MARKS[verdict])}{verdict.value}", STYLES[verdict.tone])

    def _mark(self, mark: str) -> str:
        return "" if self.plain else mark

    def _python(self, code: str) -> RenderableType:
        if self.plain:
            return Text(code.rstrip())
        return Syntax(code.rstrip(), "python", theme="ansi_dark", background_color="default", word_wrap=True)


class _Listing:
    """Code and its output: in a frame, side by side if there is room; in plain text one below the other.

    If the article shows another output, both outputs stand below the code, side by side.
    """

    def __init__(self, screen: Screen, result: Result) -> None:
        self.plain = screen.plain
        self.code = screen._python(result.step.code)
        self.width = max(map(len, result.step.code.splitlines()))
        self.prints: list[tuple[str, Text]] = []
        if result.output:
            self.prints.append(("prints", Text(result.output.rstrip())))
        if result.differs:
            text = Text(str(result.step.article_output).rstrip(), STYLES[Verdict.IMPOSSIBLE.tone])
            self.prints.append(("the article prints", text))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self.plain:
            yield Padding(self.code, (1, 4))
            for heading, text in self.prints:
                yield Text(f"  {heading}")
                yield Padding(text, (0, 4, 1, 4))
            return
        frame = Table(box=box.ROUNDED, border_style="dim", show_header=False, show_lines=True, expand=True)
        prints = [Text.assemble((f"{heading}\n", "dim"), text) for heading, text in self.prints]
        fits = self.width <= (options.max_width - 7) * 3 // 5
        if options.max_width >= SIDE_BY_SIDE and fits and len(prints) == 1:
            frame.add_column(ratio=3)
            frame.add_column(ratio=2)
            frame.add_row(self.code, *prints)
        else:
            frame.add_row(self.code)
            if prints:
                row = Table.grid(expand=True, padding=(0, 2, 0, 0))
                for _ in prints:
                    row.add_column(ratio=1)
                row.add_row(*prints)
                frame.add_row(row)
        yield frame
