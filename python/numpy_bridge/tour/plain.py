"""The tour as plain ASCII text: no colours, no boxes, one fact a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import indent

from .model import Finding, Proof, Result
from .report import summarise
from .runner import PRELUDE


def header(environment: Mapping[str, str]) -> str:
    """What runs here, and how to read it."""
    cuda = environment["cuda_unavailable"]
    return "\n".join(
        (
            "numpy-bridge tour: the article's listings, run live, with aliasing proved by writing",
            ", ".join(f"{name} {environment[name]}" for name in ("numpy_bridge", "numpy", "torch", "python")),
            f"CUDA: {f'no, {cuda}' if cuda else 'yes'}",
            "",
            "Every listing starts with:",
            indent(PRELUDE.rstrip(), "    "),
        )
    )


def part(title: str) -> str:
    """The heading of a chapter."""
    return f"\n{title}\n{'=' * len(title)}"


def step(result: Result, number: int) -> str:
    """One step: code, output, proofs, statements of the article."""
    title = f"{number}. {result.step.title} [{result.step.name}]"
    lines = ["", title, "", indent(result.step.code.rstrip(), "    ")]
    if result.skipped:
        return "\n".join((*lines, f"  skipped: {result.skipped}"))
    if result.output:
        lines += ["  prints", indent(result.output.rstrip(), "    ")]
    if result.error:
        lines += [f"  FAILED: {result.error}"]
    if result.differs:
        lines += ["  the article prints", indent(str(result.step.article_output).rstrip(), "    ")]
    if result.proofs:
        lines += ["  memory", *(_proof(proof) for proof in result.proofs)]
    if result.findings:
        lines += ["  the article says", *(_finding(finding) for finding in result.findings)]
    return "\n".join(lines)


def summary(results: Sequence[Result], numbers: Sequence[int]) -> str:
    """One line a step if there are several, then the counts."""
    lines = [""]
    if len(results) > 1:
        lines += ["Summary"]
        for number, result in zip(numbers, results, strict=True):
            verdict = result.verdict.value if result.verdict else "-"
            lines += [f"{number:>4}. {result.step.name:<22} article: {verdict:<11} step: {result.status}"]
    return "\n".join((*lines, counts(results)))


def counts(results: Sequence[Result]) -> str:
    """All counts in three short lines."""
    steps, proofs, statements = summarise(results).values()
    named = ", ".join(f"{name} {count}" for name, count in statements.items() if name != "total")
    return "\n".join(
        (
            f"Steps: {steps['passed']} passed, {steps['failed']} failed, {steps['skipped']} skipped.",
            f"Proofs: {proofs['hold']} of {proofs['total']} hold.",
            f"The article: {named}.",
        )
    )


def _proof(proof: Proof) -> str:
    writes = "; ".join(
        f"{write.via} written, {write.seen} of {len(write.wrote)} seen in {write.seen_by}"
        for write in proof.writes
    )
    first, second = hex(proof.first.address), hex(proof.second.address)
    address = f"same address {first}" if proof.same_address else f"addresses {first} and {second}"
    overlap = "exact overlap" if proof.overlap else "no overlap"
    found = "shared" if proof.expected else "separate"
    outcome = found if proof.holds else f"FAILED, expected {found}"
    pair = f"{proof.first.expression} and {proof.second.expression}"
    return f"    {pair}: {outcome}, {address}, {overlap}\n      {writes}"


def _finding(finding: Finding) -> str:
    verdict = finding.claim.verdict.value if finding.holds else f"FAILED ({finding.claim.verdict.value})"
    lines = [f"    {verdict}: {finding.claim.says}"]
    if finding.claim.because:
        lines += [f"      -> {finding.claim.because}"]
    for check in finding.checks:
        if not check.holds:
            lines += [f"      {check.expression}: {check.got}, expected {check.expected}"]
    return "\n".join(lines)
