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

from collections.abc import Iterable

from .advantages import ADVANTAGES
from .conversions import CONVERSIONS
from .cuda import CUDA
from .document import report
from .exercise import EXERCISE
from .model import Check, Claim, Finding, Pair, Proof, Result, Side, Step, Verdict, Write
from .run import PRELUDE, TorchMissingError, cuda_unavailable, require_torch, run_step
from .summary import summarise

__all__ = [
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


class UnknownStepError(LookupError):
    """No step has that name."""


def select(names: Iterable[str] | None = None) -> tuple[Step, ...]:
    """Return the steps with these names, in the order of the names; all steps for `None`."""
    if names is None:
        return steps
    by_name = {step.name: step for step in steps}
    wanted = tuple(names)
    unknown = [name for name in wanted if name not in by_name]
    if unknown:
        raise UnknownStepError(f"no step is called {', '.join(unknown)}; there are {', '.join(by_name)}")
    return tuple(by_name[name] for name in wanted)


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
