"""`numpy-bridge tour`: the tour on the command line."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from numpy_bridge import tour
from numpy_bridge.cli_errors import misused, require_place_for_file
from numpy_bridge.document import STDOUT, write
from numpy_bridge.json_option import JsonFile

from .document import list_of, report
from .model import Result, Step
from .page import page
from .summary import counts, environment
from .terminal import Screen


def _complete(incomplete: str) -> list[str]:
    return [step.name for step in tour.steps if step.name.startswith(incomplete)]


def command(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="STEP", help="Run only these: names or numbers.", autocompletion=_complete),
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Plain text: no colours, no boxes.")] = False,
    as_json: JsonFile = None,
    as_html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write one page with memory maps.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Run every step, not only five.")] = False,
    only_list: Annotated[bool, typer.Option("--list", help="List the steps, run nothing.")] = False,
) -> None:
    """Run an article on PyTorch and NumPy live, and check it.

    Each of its listings shows the real output and which objects share memory, proved by writing. A verdict on
    each statement of the article follows.

    Exit status: 0 if everything checked holds (or was skipped, with a reason), 1 if a check failed, 2 for an
    unknown step, missing PyTorch or a file that can't be written.
    """
    _check(all=everything, STEP=bool(names))
    _check(plain=plain, html=as_html is not None, list=only_list)
    for path in (as_json, as_html):
        require_place_for_file("tour", path)
    try:
        selected = tour.select(names or (None if everything or only_list else tour.HIGHLIGHTS))
        if only_list:
            _list(selected, as_json)
            return
        with Console(stderr=True).status("importing PyTorch") if sys.stderr.isatty() else nullcontext():
            tour.require_torch()
    except (tour.UnknownStepError, tour.TorchMissingError) as error:
        raise misused("tour", str(error)) from None
    numbers = [tour.steps.index(step) + 1 for step in selected]
    screen = Screen(plain=plain) if as_json != STDOUT and as_html is None else None
    results = _run(selected, numbers, screen)
    write(report(results), as_json)
    if as_html:
        as_html.write_text(page(results, numbers), encoding="utf-8")
        if as_json != STDOUT:
            print(f"{counts(results)}\nWritten to {as_html}.")
    if any(result.status == "failed" for result in results):
        raise typer.Exit(1)


def _check(**given: bool) -> None:
    """Exit if two options ask for different things."""
    first, *others = [
        name if name == "STEP" else f"--{name}" for name, is_given in given.items() if is_given
    ] or [""]
    if others:
        raise misused("tour", f"{first} and {others[0]} exclude each other")


def _list(selected: tuple[Step, ...], as_json: Path | None) -> None:
    write(list_of(selected), as_json)
    if as_json != STDOUT:
        width = max(len(step.name) for step in selected)
        numbers = (tour.steps.index(step) + 1 for step in selected)
        rows = zip(numbers, selected, strict=True)
        print("\n".join(f"{number:2}  {step.name:<{width}}  {step.title}" for number, step in rows))


def _run(selected: tuple[Step, ...], numbers: list[int], screen: Screen | None) -> list[Result]:
    """Run the steps, each shown as soon as it has run."""
    if screen is None:
        return [tour.run_step(step) for step in selected]
    results: list[Result] = []
    screen.show(screen.header(environment()))
    for number, step in zip(numbers, selected, strict=True):
        if not results or results[-1].step.part != step.part:
            screen.show(screen.part(step.part))
        results.append(tour.run_step(step))
        screen.show(screen.step(results[-1], number))
    screen.show(screen.summary(results, numbers))
    return results
