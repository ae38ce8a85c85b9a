"""The article that this project started from, as a live tour.

"Numpy Bridge: Converting between PyTorch Tensors and NumPy Arrays" (Alex Abades Grimes, January 2023)
explains when the two share memory. The tour runs each of its listings, proves by writing which objects
share memory, and compares the outcome with the article.

>>> import numpy_bridge.tour as tour
>>> results = tour.run(["tensor-to-array"])
>>> results[0].status
'passed'

torch is imported when the first step runs, not before.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from .advantages import ADVANTAGES
from .conversions import CONVERSIONS
from .cuda import CUDA
from .document import report
from .exercise import EXERCISE
from .model import Check, Claim, Finding, Pair, Proof, Result, Side, Step, Verdict, Write
from .run import ARTICLE, PRELUDE, TorchMissingError, cuda_unavailable, require_torch, run_step
from .summary import summarise

__all__ = [
    "ARTICLE",
    "HIGHLIGHTS",
    "PRELUDE",
    "Check",
    "Claim",
    "Finding",
    "Pair",
    "Proof",
    "Result",
    "Side",
    "Step",
    "TorchMissingError",
    "UnknownStepError",
    "Verdict",
    "Write",
    "cuda_unavailable",
    "report",
    "require_torch",
    "run",
    "run_step",
    "select",
    "steps",
    "summarise",
]

steps: tuple[Step, ...] = (*ADVANTAGES, *CONVERSIONS, *EXERCISE, *CUDA)
"""Every step, in the article's order."""

HIGHLIGHTS = ("interoperability", "tensor-to-array", "any-change", "torch-tensor-float64", "copy-of-array")
"""The steps that the command runs unless it is told others."""


class UnknownStepError(LookupError):
    """No step has that name."""


def select(names: Iterable[str] | None = None) -> tuple[Step, ...]:
    """Return the steps with these names or numbers, in their order; all steps for `None`.

    >>> [step.name for step in select(["1", "exercise"])]
    ['autograd', 'exercise']
    """
    if names is None:
        return steps
    known = {step.name: step for step in steps} | {str(i): step for i, step in enumerate(steps, 1)}
    wanted = tuple(names)
    for name in wanted:
        if name not in known:
            near = difflib.get_close_matches(name, [step.name for step in steps], cutoff=0.5)
            guess = f"did you mean {' or '.join(near)}? " if near else ""
            raise UnknownStepError(
                f"there is no step {name}; {guess}numpy-bridge tour --list shows steps 1 to {len(steps)}"
            )
    return tuple(known[name] for name in wanted)


def run(names: Iterable[str] | None = None) -> tuple[Result, ...]:
    """Run the steps with these names, or all of them, and return the results.

    Raises
    ------
    UnknownStepError
        If a name is not the name of a step.
    TorchMissingError
        If torch can't be imported.
    """
    return tuple(run_step(step) for step in select(names))
