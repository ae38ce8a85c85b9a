"""What a tour is made of: steps that say what to run and check, results that say what happened.

Nothing here imports torch, runs code or knows how results are drawn.
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
    """What the tour finds about one statement of the article, mildest first."""

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
    """Two expressions of a listing, and whether they should be one block of memory.

    Both must have the same shape, and a dtype that holds small whole numbers exactly.
    """

    first: str
    second: str
    shares: bool


@dataclass(frozen=True)
class Claim:
    """One statement of the article, and Python expressions that put it to the test.

    Parameters
    ----------
    says
        The statement, in our words.
    verdict
        What the tour finds. `AGREES` and `INCOMPLETE` require `article` to be true, `WRONG` and
        `IMPOSSIBLE` require it to be false: the claim fails when it turns out otherwise.
    article
        An expression that is true exactly if the statement is.
    facts
        Expressions that must be true: the evidence for `because`.
    because
        What is true instead, or what is missing.
    """

    says: str
    verdict: Verdict
    article: str
    facts: tuple[str, ...] = ()
    because: str = ""


@dataclass(frozen=True)
class Step:
    """One listing or statement of the article: what to run, what to prove, what to check.

    Parameters
    ----------
    name
        Unique, in kebab-case. Users type it.
    part
        The chapter that the step belongs to.
    code
        The source that is shown, and that is executed in a fresh namespace.
    article_output
        What the article prints below its listing, if anything.
    needs_cuda
        Whether the step is skipped where torch can't use CUDA.
    needs_kernels
        Whether it is also skipped where numpy-bridge can't: without its kernels, say.
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


@dataclass(frozen=True)
class Side:
    """One side of a pair as memory; `address` is the one that its own library names."""

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
    """One expression, what it had to be, and what it was (or the error it raised)."""

    expression: str
    expected: bool
    got: bool | str

    @property
    def holds(self) -> bool:
        """Whether the expression was what it had to be."""
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
        """Whether every check came out as the verdict needs."""
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
    """What happened when a step ran: its real output, its proofs and its findings."""

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
        """Whether the article shows another output than the one that came."""
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
    """Compare two prints. Blanks don't count: the article's page has lost its indentation."""
    return first.split() == second.split()
