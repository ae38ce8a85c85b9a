"""A run of the tour, or its list of steps, as a JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .model import Result, Step
from .run import PRELUDE
from .summary import environment, summarise

SCHEMA = "numpy-bridge/tour/1"
"""Name and version of the form. The version rises when a field changes its meaning or goes."""

SCHEMA_OF_STEPS = "numpy-bridge/tour-steps/1"
"""The same for the list of steps."""


def report(results: Sequence[Result]) -> dict[str, Any]:
    """Return everything about a run, ready for `json.dumps`."""
    return {
        "schema": SCHEMA,
        "environment": environment(),
        "prelude": PRELUDE,
        "summary": summarise(results),
        "results": [result.to_dict() for result in results],
    }


def list_of(steps: Sequence[Step]) -> dict[str, Any]:
    """Return the names, titles and parts of steps, ready for `json.dumps`."""
    rows = [{"name": step.name, "title": step.title, "part": step.part} for step in steps]
    return {"schema": SCHEMA_OF_STEPS, "steps": rows}
