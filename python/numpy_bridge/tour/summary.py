"""A whole run in numbers, and where it ran."""

from __future__ import annotations

import platform
from collections.abc import Sequence

import numpy as np

import numpy_bridge as bridge

from .model import STATUSES, Result, Verdict
from .run import cuda_unavailable, require_torch


def environment() -> dict[str, str]:
    """Return the versions that the results belong to, and why CUDA can't be used (`""` if it can)."""
    return {
        "numpy_bridge": bridge.__version__,
        "numpy": np.__version__,
        "torch": str(require_torch().__version__),
        "python": platform.python_version(),
        "cuda_unavailable": cuda_unavailable(),
    }


def summarise(results: Sequence[Result]) -> dict[str, dict[str, int]]:
    """Count steps by status, proofs by outcome and statements of the article by verdict."""
    statuses = [result.status for result in results]
    proofs = [proof.holds for result in results for proof in result.proofs]
    findings = [finding for result in results for finding in result.findings]
    verdicts = [finding.claim.verdict for finding in findings if finding.holds]
    return {
        "steps": {"total": len(results), **{status: statuses.count(status) for status in STATUSES}},
        "proofs": {"total": len(proofs), "hold": sum(proofs)},
        "statements": {
            "total": len(findings),
            **{verdict.value: verdicts.count(verdict) for verdict in Verdict},
            "failed": len(findings) - len(verdicts),
        },
    }


def counts(results: Sequence[Result]) -> str:
    """Return all counts in three short lines."""
    steps, proofs, statements = summarise(results).values()
    named = ", ".join(f"{name} {count}" for name, count in statements.items() if name != "total")
    return "\n".join(
        (
            f"Steps: {steps['passed']} passed, {steps['failed']} failed, {steps['skipped']} skipped.",
            f"Proofs: {proofs['hold']} of {proofs['total']} hold.",
            f"The article: {named}.",
        )
    )
