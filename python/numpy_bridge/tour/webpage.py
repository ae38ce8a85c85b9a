"""The tour as one HTML page, with a memory map for each proof."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from markupsafe import Markup

import numpy_bridge as bridge
from numpy_bridge import page
from numpy_bridge.memory import Memory
from numpy_bridge.memory.overlap import overlap
from numpy_bridge.memory.picture import memory_map

from .model import Finding, Proof, Result, Side, Verdict
from .plain import counts
from .report import environment
from .runner import PRELUDE

_TONES: dict[str, page.Tone] = {
    Verdict.AGREES.value: "good",
    Verdict.INCOMPLETE.value: "note",
    Verdict.WRONG.value: "bad",
    Verdict.IMPOSSIBLE.value: "bad",
    "passed": "good",
    "failed": "bad",
}
_LEAD = "The article's listings, run live, with aliasing proved by writing."


def document(results: Sequence[Result], numbers: Sequence[int]) -> str:
    """Return the page; `numbers` are the steps' places in the whole tour."""
    numbered = list(zip(numbers, results, strict=True))
    parts = [_surroundings(), page.section("Summary", _summary(numbered), _lines(counts(results)))]
    for title, steps in groupby(numbered, key=lambda pair: pair[1].step.part):
        parts.append(page.section(title, *(_step(number, result) for number, result in steps)))
    return page.document("numpy-bridge tour", *parts, lead=_LEAD)


def _surroundings() -> Markup:
    known = environment()
    cuda = known.pop("cuda_unavailable")
    versions = " · ".join(f"{name} {version}" for name, version in known.items())
    text = Markup("<p>{}. CUDA: {}.</p><p>Every listing starts with</p>")
    return text.format(versions, f"no, {cuda}" if cuda else "yes") + _code(PRELUDE)


def _summary(numbered: Sequence[tuple[int, Result]]) -> Markup:
    rows: list[list[page.Cell | page.Content]] = []
    for number, result in numbered:
        held = sum(proof.holds for proof in result.proofs)
        verdict = result.verdict.value if result.verdict else ""
        rows.append(
            [
                number,
                Markup('<a href="#{0}">{0}</a>').format(result.step.name),
                page.Cell(verdict, tone=_TONES.get(verdict, "")),
                f"{held} of {len(result.proofs)}" if result.proofs else "",
                page.Cell(result.status, tone=_TONES.get(result.status, "")),
            ]
        )
    columns = (page.Column("step", numeric=True), "name", "the article", "proofs", "outcome")
    return page.table(columns, rows, caption="Steps")


def _step(number: int, result: Result) -> Markup:
    step = result.step
    text = Markup('<article id="{}"><h3>{}. {}</h3>{}</article>')
    return text.format(step.name, number, step.title, Markup("").join(_body(result)))


def _body(result: Result) -> Iterator[Markup]:
    yield _code(result.step.code)
    if result.skipped:
        yield Markup("<p>Skipped: {}</p>").format(result.skipped)
    if result.output:
        yield Markup("<p>prints</p>") + _code(result.output)
    if result.error:
        yield Markup('<p class="bad">FAILED: {}</p>').format(result.error)
    if result.differs:
        yield Markup("<p>The article prints</p>") + _code(str(result.step.article_output))
    for proof in result.proofs:
        yield _proof(proof)
    for finding in result.findings:
        yield _finding(finding)


def _proof(proof: Proof) -> Markup:
    found = "share memory" if proof.expected else "have memory of their own"
    text = Markup('<p><code>{}</code> and <code>{}</code> <span class="{}">{}</span>: {}.</p>').format(
        proof.first.expression,
        proof.second.expression,
        "good" if proof.holds else "bad",
        found if proof.holds else f"FAILED: do not {found}",
        "; ".join(
            f"{write.via} written, {write.seen} of {len(write.wrote)} seen in {write.seen_by}"
            for write in proof.writes
        ),
    )
    return text + _picture(proof)


def _picture(proof: Proof) -> Markup:
    """The two sides as they lay when the proof was made: only described, for they may be gone."""
    sides = {side.expression: _described(side) for side in (proof.first, proof.second)}
    memories = {name: Memory.of(view) for name, view in sides.items()}
    (first, of_first), (second, of_second) = zip(sides.values(), memories.values(), strict=True)
    shared = overlap(first, second, of_first, of_second).bytes
    return Markup("<p>{}</p>").format(Markup(memory_map(memories, shared)))


def _described(side: Side) -> bridge.View:
    return bridge.from_pointer(side.address, side.shape, side.dtype, strides=side.strides, device=side.device)


def _finding(finding: Finding) -> Markup:
    verdict = finding.claim.verdict.value
    failed = Markup("").join(
        Markup("<li><code>{}</code>: {}, expected {}</li>").format(
            check.expression, check.got, check.expected
        )
        for check in finding.checks
        if not check.holds
    )
    text = Markup('<p><strong class="{}">{}</strong> {}{}</p>').format(
        _TONES[verdict] if finding.holds else "bad",
        verdict if finding.holds else f"FAILED ({verdict})",
        finding.claim.says,
        Markup("<br>{}").format(finding.claim.because) if finding.claim.because else "",
    )
    return text + Markup("<ul>{}</ul>").format(failed) if failed else text


def _code(text: str) -> Markup:
    return Markup('<pre tabindex="0">{}</pre>').format(text.rstrip())


def _lines(text: str) -> Markup:
    return Markup("<p>{}</p>").format(Markup("<br>").join(text.splitlines()))
