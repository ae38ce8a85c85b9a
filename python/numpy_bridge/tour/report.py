"""A whole run: its counts, and its JSON form."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Any

import numpy as np

import numpy_bridge as bridge

from .model import Result, Status, Verdict
from .runner import PRELUDE, cuda_unavailable, require_torch

SCHEMA = "numpy-bridge/tour/1"
"""Name and version of the form. The version rises when a field changes its meaning or goes."""

_STATUSES: tuple[Status, ...] = ("passed", "failed", "skipped")


def environment() -> dict[str, str]:
    """Versions that the results belong to, and why CUDA can't be used (`""` if it can)."""
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
        "steps": {"total": len(results), **{status: statuses.count(status) for status in _STATUSES}},
        "proofs": {"total": len(proofs), "hold": sum(proofs)},
        "statements": {
            "total": len(findings),
            **{verdict.value: verdicts.count(verdict) for verdict in Verdict},
            "failed": len(findings) - len(verdicts),
        },
    }


def report(results: Sequence[Result]) -> dict[str, Any]:
    """Return everything about a run, ready for `json.dumps`."""
    return {
        "schema": SCHEMA,
        "environment": environment(),
        "prelude": PRELUDE,
        "summary": summarise(results),
        "results": [result.to_dict() for result in results],
    }
