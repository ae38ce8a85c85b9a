"""The tour as one HTML page, with a memory map for each proof."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy_bridge as bridge
from numpy_bridge import page as shell
from numpy_bridge.memory.overlap import overlap
from numpy_bridge.memory.picture import memory_map
from numpy_bridge.page.markup import Markup

from .model import STATUS_TONES, Finding, Proof, Result
from .run import ARTICLE, PRELUDE
from .summary import counts, environment

_LEAD = f"The listings of {ARTICLE}, run live, with aliasing proved by writing."


def page(results: Sequence[Result], numbers: Sequence[int]) -> str:
    """Return the page; `numbers` are the positions of the steps in the whole tour."""
    numbered = list(zip(numbers, results, strict=True))
    parts = [_surroundings(), shell.section("Summary", _summary(numbered), _lines(counts(results)))]
    for title, steps in groupby(numbered, key=lambda pair: pair[1].step.part):
        parts.append(shell.section(title, *(_step(number, result) for number, result in steps)))
    return shell.document("numpy-bridge tour", *parts, lead=_LEAD)


def _surroundings() -> Markup:
    known = environment()
    cuda = known.pop("cuda_unavailable")
    versions = " · ".join(f"{name} {version}" for name, version in known.items())
    text = Markup("<p>{}. CUDA: {}.</p><p>Every listing starts with</p>")
    return text.format(versions, f"no, {cuda}" if cuda else "yes") + _code(PRELUDE)


def _summary(numbered: Sequence[tuple[int, Result]]) -> Markup:
    rows: list[list[shell.Cell | shell.Content]] = []
    for number, result in numbered:
        held = sum(proof.holds for proof in result.proofs)
        verdict = result.verdict.value if result.verdict else ""
        rows.append(
            [
                number,
                Markup('<a href="#{0}">{0}</a>').format(result.step.name),
                shell.Cell(verdict, tone=result.verdict.tone if result.verdict else ""),
                f"{held} of {len(result.proofs)}" if result.proofs else "",
                shell.Cell(result.status, tone=STATUS_TONES[result.status]),
            ]
        )
    columns = (shell.Column("step", numeric=True), "name", "the article", "proofs", "outcome")
    return shell.table(columns, rows, caption="Steps")


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
    """Draw the memory of both sides at the time of the proof. It may be freed by now, and is not read."""
    memories = {side.expression: side.memory for side in (proof.first, proof.second)}
    first, second = (
        bridge.from_pointer(m.ptr, m.shape, m.dtype, strides=m.strides, device=m.device)
        for m in (proof.first.memory, proof.second.memory)
    )
    shared = overlap(first, second, proof.first.memory, proof.second.memory).bytes
    return Markup("<p>{}</p>").format(Markup(memory_map(memories, shared)))


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
        finding.claim.verdict.tone if finding.holds else "bad",
        verdict if finding.holds else f"FAILED ({verdict})",
        finding.claim.says,
        Markup("<br>{}").format(finding.claim.because) if finding.claim.because else "",
    )
    return text + Markup("<ul>{}</ul>").format(failed) if failed else text


def _code(text: str) -> Markup:
    return Markup('<pre tabindex="0">{}</pre>').format(text.rstrip())


def _lines(text: str) -> Markup:
    return Markup("<p>{}</p>").format(Markup("<br>").join(text.splitlines()))
