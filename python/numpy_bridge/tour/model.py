"""The parts of a tour: steps with code and claims, and the results of running them.

Nothing here imports torch, runs code or draws results.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, get_args

from numpy_bridge import sharing
from numpy_bridge.memory import Memory
from numpy_bridge.outcome import Outcome, Tone

Status = Literal["passed", "failed", "skipped"]

STATUSES: tuple[Status, ...] = get_args(Status)

STATUS_TONES: dict[Status, Tone] = {"passed": "good", "failed": "bad", "skipped": "quiet"}


class Verdict(str, Enum):
    """The verdict on one statement of the article, mildest first."""

    AGREES = "agrees"
    INCOMPLETE = "incomplete"
    WRONG = "wrong"
    IMPOSSIBLE = "impossible"

    @property
    def severity(self) -> int:
        """Position from mildest (0) to worst."""
        return list(Verdict).index(self)

    @property
    def tone(self) -> Tone:
        """How the verdict is coloured."""
        return _TONES[self]


_TONES: dict[Verdict, Tone] = {
    Verdict.AGREES: "good",
    Verdict.INCOMPLETE: "note",
    Verdict.WRONG: "bad",
    Verdict.IMPOSSIBLE: "bad",
}


@dataclass(frozen=True)
class Pair:
    """Two expressions of a listing, and whether they should share memory.

    Both must have the same shape, and a dtype that holds small whole numbers exactly.
    """

    first: str
    second: str
    shares: bool


@dataclass(frozen=True)
class Claim:
    """One statement of the article, and Python expressions that test it.

    Parameters
    ----------
    says
        The statement, in our words.
    verdict
        The verdict. `AGREES` and `INCOMPLETE` require `article` to be true, `WRONG` and `IMPOSSIBLE`
        require it to be false: otherwise the claim fails.
    article
        An expression that is true exactly if the statement is.
    facts
        Expressions that must be true: the evidence for `because`.
    because
        The correct statement, or the missing part.
    """

    says: str
    verdict: Verdict
    article: str
    facts: tuple[str, ...] = ()
    because: str = ""


@dataclass(frozen=True)
class Step:
    """One listing or statement of the article: code, proofs and claims.

    Parameters
    ----------
    name
        Unique, in kebab-case. Users type it.
    part
        The chapter that the step belongs to.
    code
        The source that is shown and executed, in a fresh namespace.
    article_output
        The output that the article shows, if any.
    needs_cuda
        True if the step is skipped if torch can't use CUDA.
    needs_kernels
        True if it is also skipped if numpy-bridge's CUDA kernels can't run.
    needs_library
        A library without which the step is skipped, as in `numpy_bridge.libraries`.
    """

    name: str
    title: str
    part: str
    code: str
    pairs: tuple[Pair, ...] = ()
    claims: tuple[Claim, ...] = ()
    article_output: str | None = None
    needs_cuda: bool = False
    needs_kernels: bool = False
    needs_library: str = ""


@dataclass(frozen=True)
class Side:
    """One side of a pair as memory; `address` is the one that its own library reports."""

    expression: str
    library: str
    address: int
    memory: Memory

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "expression": self.expression,
            "library": self.library,
            "address": self.address,
            "shape": list(self.memory.shape),
            "strides": list(self.memory.strides),
            "dtype": self.memory.dtype,
            "nbytes": self.memory.nbytes,
            "device": self.memory.device,
        }


@dataclass(frozen=True, kw_only=True)
class Write(sharing.Write):
    """Every element was written through one side and then read through the other."""

    via: str
    seen_by: str

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "via": self.via,
            "seen_by": self.seen_by,
            "before": list(self.before),
            "wrote": list(self.wrote),
            "read": list(self.read),
            "seen": self.seen,
            "of": len(self.wrote),
        }


@dataclass(frozen=True)
class Proof:
    """Evidence that a pair is one block of memory, or that it is two."""

    expected: bool
    first: Side
    second: Side
    writes: tuple[Write, Write]
    overlap: bool

    @property
    def same_address(self) -> bool:
        """True if both sides start at one address of one device."""
        places = {(side.memory.device, side.address) for side in (self.first, self.second)}
        return len(places) == 1

    @property
    def holds(self) -> bool:
        """True if writes, addresses and overlap all show what was expected."""
        expected = Outcome.SHARES if self.expected else Outcome.COPIES
        seen = sharing.judge(*self.writes).outcome
        return seen is expected and self.same_address is self.overlap is self.expected

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "expected": "share" if self.expected else "separate",
            "holds": self.holds,
            "first": self.first.to_dict(),
            "second": self.second.to_dict(),
            "writes": [write.to_dict() for write in self.writes],
            "same_address": self.same_address,
            "overlap": self.overlap,
        }


@dataclass(frozen=True)
class Check:
    """One expression, its expected value, and its value or the error that it raised."""

    expression: str
    expected: bool
    got: bool | str

    @property
    def holds(self) -> bool:
        """True if the expression had the expected value."""
        return self.got is self.expected

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**vars(self), "holds": self.holds}


@dataclass(frozen=True)
class Finding:
    """A claim after its checks have run."""

    claim: Claim
    statement: Check
    facts: tuple[Check, ...] = ()

    @property
    def checks(self) -> tuple[Check, ...]:
        """The check of the article's statement, then the evidence."""
        return (self.statement, *self.facts)

    @property
    def holds(self) -> bool:
        """True if every check had the value that the verdict needs."""
        return all(check.holds for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "says": self.claim.says,
            "verdict": self.claim.verdict.value,
            "because": self.claim.because,
            "holds": self.holds,
            "statement": self.statement.to_dict(),
            "facts": [check.to_dict() for check in self.facts],
        }


@dataclass(frozen=True)
class Result:
    """A step that has run: its real output, its proofs and its findings."""

    step: Step
    output: str = ""
    proofs: tuple[Proof, ...] = ()
    findings: tuple[Finding, ...] = ()
    error: str = ""
    skipped: str = ""

    @property
    def status(self) -> Status:
        """`"skipped"` if it could not run here, `"passed"` if everything held, or `"failed"`."""
        if self.skipped:
            return "skipped"
        held = all(proof.holds for proof in self.proofs) and all(finding.holds for finding in self.findings)
        return "passed" if held and not self.error else "failed"

    @property
    def differs(self) -> bool:
        """True if the article shows another output."""
        if self.skipped:
            return False
        return self.step.article_output is not None and not same_print(self.output, self.step.article_output)

    @property
    def verdict(self) -> Verdict | None:
        """The worst verdict on the article that held; `None` if none did."""
        verdicts = [finding.claim.verdict for finding in self.findings if finding.holds]
        return max(verdicts, key=lambda verdict: verdict.severity, default=None)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "name": self.step.name,
            "title": self.step.title,
            "part": self.step.part,
            "status": self.status,
            "verdict": self.verdict.value if self.verdict else None,
            "code": self.step.code,
            "output": self.output,
            "article_output": self.step.article_output,
            "proofs": [proof.to_dict() for proof in self.proofs],
            "claims": [finding.to_dict() for finding in self.findings],
            "error": self.error or None,
            "skipped": self.skipped or None,
        }


def same_print(first: str, second: str) -> bool:
    """Compare two outputs without regard to blanks: the article's page has lost its indentation."""
    return first.split() == second.split()
