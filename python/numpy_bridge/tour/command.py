"""`numpy-bridge tour`: the tour on the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from numpy_bridge import tour
from numpy_bridge.cli_errors import misused

from . import plain, terminal
from .model import Result, Step
from .report import environment, report

WIDTH = 120
"""Wider lines are harder to read: the tour leaves the rest of a wide terminal empty."""


def _complete(incomplete: str) -> list[str]:
    return [step.name for step in tour.steps if step.name.startswith(incomplete)]


def command(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="STEP", help="Run only these.", autocompletion=_complete),
    ] = None,
    as_text: Annotated[bool, typer.Option("--plain", help="Plain text: no colours, no boxes.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write one page with memory maps.")
    ] = None,
    only_list: Annotated[bool, typer.Option("--list", help="List the steps, run nothing.")] = False,
) -> None:
    """Run the article's listings live and check what it says.

    Every listing shows its real output, proves by writing what shares memory and what does not, and ends with
    a verdict on what the article says about it.

    Exit status: 0 if everything checked holds (or was skipped, with a reason), 1 if a check failed, 2 for an
    unknown step, missing PyTorch or a file that can't be written.
    """
    _check(plain=as_text, json=as_json, html=html is not None, list=only_list)
    try:
        selected = tour.select(names or None)
        if only_list:
            _list(selected, as_json)
            return
        with Console(stderr=True).status("importing PyTorch") if sys.stderr.isatty() else nullcontext():
            tour.require_torch()
    except (tour.UnknownStepError, tour.TorchMissingError) as error:
        raise misused("tour", str(error)) from None
    if html is not None:
        results = _run_as_page(selected, html)
    else:
        results = _run_as_json(selected) if as_json else _run_as_text(selected, as_text)
    if any(result.status == "failed" for result in results):
        raise typer.Exit(1)


def _check(**given: bool) -> None:
    """Exit if two options ask for different things."""
    first, *others = [f"--{name}" for name, is_given in given.items() if is_given] or [""]
    if others and (first, *others) != ("--json", "--list"):
        raise misused("tour", f"{first} and {others[0]} exclude each other")


def _list(selected: tuple[Step, ...], as_json: bool) -> None:
    if as_json:
        rows = [{"name": step.name, "title": step.title, "part": step.part} for step in selected]
        print(json.dumps(rows, indent=2))
    else:
        width = max(len(step.name) for step in selected)
        print("\n".join(f"{step.name:<{width}}  {step.title}" for step in selected))


def _run_as_json(selected: tuple[Step, ...]) -> list[Result]:
    results = [tour.run_step(step) for step in selected]
    print(json.dumps(report(results), indent=2))
    return results


def _run_as_page(selected: tuple[Step, ...], file: Path) -> list[Result]:
    from .webpage import document

    results = [tour.run_step(step) for step in selected]
    try:
        file.write_text(document(results, _numbers(selected)), encoding="utf-8")
    except OSError as error:
        raise misused("tour", f"{file} can't be written: {error.strerror}") from None
    print(f"{plain.counts(results)}\nWritten to {file}.")
    return results


def _numbers(selected: tuple[Step, ...]) -> list[int]:
    return [tour.steps.index(step) + 1 for step in selected]


def _run_as_text(selected: tuple[Step, ...], as_text: bool) -> list[Result]:
    """Show each step as soon as it has run."""
    console = Console(highlight=False)
    console.width = min(console.width, WIDTH)
    boxes = console.is_terminal and not console.is_dumb_terminal and console.encoding.startswith("utf")
    page: Any = terminal if boxes and not as_text else plain
    show: Callable[[Any], None] = console.print if page is terminal else print
    numbers = _numbers(selected)
    results: list[Result] = []
    show(page.header(environment()))
    for number, step in zip(numbers, selected, strict=True):
        if not results or results[-1].step.part != step.part:
            show(page.part(step.part))
        results.append(tour.run_step(step))
        show(page.step(results[-1], number))
    show(page.summary(results, numbers))
    return results
