"""`numpy-bridge matrix`: the matrix on the command line."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from numpy_bridge import matrix
from numpy_bridge.cli_errors import misused, require_place_for_file
from numpy_bridge.document import STDOUT, write
from numpy_bridge.json_option import JsonFile

from . import processes, terminal
from .consumers import CONSUMERS
from .document import document
from .libraries import BY_NAME
from .model import Cell, Consumer, Matrix, Producer
from .producers import PRODUCERS
from .selection import known_as


def _complete(incomplete: str) -> list[str]:
    names = (library.name for library in matrix.LIBRARIES)
    transports = dict.fromkeys(transport.library for transport in processes.TRANSPORTS)
    return [name for name in (*names, *transports) if name.startswith(incomplete)]


def _libraries(name: str, text: str) -> typer.models.OptionInfo:
    return typer.Option(name, metavar="LIBRARY", help=text, autocompletion=_complete)  # type: ignore[no-any-return]


def command(
    only: Annotated[
        list[str] | None, _libraries("--only", "Objects and calls of this library; may be repeated.")
    ] = None,
    sources: Annotated[list[str] | None, _libraries("--from", "Only objects of this library.")] = None,
    targets: Annotated[
        list[str] | None, _libraries("--to", "Only calls of this library, or this transport.")
    ] = None,
    between_processes: Annotated[
        bool, typer.Option("--processes", help="Send the objects to other processes instead.")
    ] = False,
    clusters: Annotated[
        bool, typer.Option("--clusters", help="With --processes: start Ray and Dask on this machine, too.")
    ] = False,
    why: Annotated[bool, typer.Option("--why", help="Show the reasons as well.")] = False,
    as_json: JsonFile = None,
    as_html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page with everything.")
    ] = None,
    as_markdown: Annotated[
        Path | None, typer.Option("--markdown", metavar="FILE", help="Write tables for a document.")
    ] = None,
    limit: Annotated[
        float | None,
        typer.Option(
            "--time-limit",
            metavar="SECONDS",
            min=1,
            help=f"Seconds for one pair: {matrix.LIMIT:g}, or {processes.LIMIT:g} with --processes.",
        ),
    ] = None,
    only_list: Annotated[
        bool, typer.Option("--list", help="List the libraries and transports, run nothing.")
    ] = False,
) -> None:
    """Try every installed array library with every other's memory.

    Each library's objects are passed to each library's own calls and to ours, each pair in a process of its
    own. Writing through each side and reading through the other proves which calls share memory.

    With --processes, arrays and tensors are sent to another process by pickle, queues, executors and shared
    memory, by each library's own way and by ours. The table shows what is shared, the memory and the time.

    Exit status: 0, or 1 if a call of ours did anything but share or refuse, or copy where it has to; 2 for
    wrong usage, 130 if interrupted.
    """
    if only_list:
        print(_listed())
        return
    if between_processes and only:
        raise misused("matrix", "--only selects both sides: use --from and --to with --processes")
    if clusters and not between_processes:
        raise misused("matrix", "--clusters goes with --processes")
    only, sources, targets = map(_libraries_of, (only, sources, targets))
    room = processes if between_processes else matrix
    last = {"clusters": clusters} if between_processes else {"only": only or ()}
    try:
        producers, consumers = room.select(sources=sources or (), targets=targets or (), **last)
    except matrix.UnknownLibraryError as error:
        raise misused("matrix", str(error)) from None
    if not producers or not consumers:
        raise misused("matrix", _why_empty(only or (), (*(sources or ()), *(targets or ()))))
    for path in (as_json, as_html, as_markdown):
        require_place_for_file("matrix", path)
    try:
        cells = _run(room.run, producers, consumers, limit or room.LIMIT)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except NotImplementedError as error:
        raise misused("matrix", str(error)) from None
    result = processes.result(cells) if between_processes else Matrix.of(cells)
    write(document(result), as_json)
    _write(result, as_html, as_markdown)
    if as_json != STDOUT:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # reasons may have any characters
        terminal.show(result, Console(highlight=False), why=why)
    if result.our_faults:
        raise typer.Exit(1)


def _listed() -> str:
    """Return a line for each library, and one with all transports."""
    objects = Counter(producer.library for producer in PRODUCERS)
    calls = Counter(consumer.library for consumer in CONSUMERS)
    names = sorted(objects | calls)
    width = max(map(len, names))
    lines = [
        f"{name:<{width}}  objects {objects[name]:2}, calls {calls[name]}"
        f"{'' if BY_NAME[name].installed else ', not installed'}"
        for name in names
    ]
    transports = dict.fromkeys(transport.library for transport in processes.TRANSPORTS)
    return "\n".join((*lines, "", f"Transports of --processes: {', '.join(transports)}"))


def _libraries_of(names: list[str] | None) -> list[str] | None:
    """Return names of libraries as reports have them: PIL is pillow, NumPy is numpy."""
    return names and [known_as(name) for name in names]


def _why_empty(only: Collection[str], others: Collection[str]) -> str:
    absent = [name for name in (*only, *others) if name in BY_NAME and not BY_NAME[name].installed]
    if absent:
        return f"not installed: {', '.join(absent)}"
    excluded = [name for name in others if only and name not in only]
    if excluded:
        return f"--only {' --only '.join(only)} excludes {', '.join(excluded)}"
    return "nothing is left: no library of this selection hands out or takes memory"


def _run(
    run: Callable[..., tuple[Cell, ...]],
    producers: Sequence[Producer],
    consumers: Sequence[Consumer],
    limit: float,
) -> tuple[Cell, ...]:
    """Run with a bar on the terminal, if standard error is one."""
    columns = (TextColumn("{task.description:45}"), BarColumn(), MofNCompleteColumn())
    error = Console(stderr=True)
    with Progress(*columns, console=error, transient=True, disable=not error.is_terminal) as progress:
        bar = progress.add_task("importing", total=len(producers) * len(consumers))

        def report(cell: Cell) -> None:
            progress.update(bar, advance=1, description=f"{cell.producer.name} to {cell.consumer.name}")

        return run(producers, consumers, limit=limit, report=report)


def _write(result: Matrix, as_html: Path | None, as_markdown: Path | None) -> None:
    if as_html:
        from .page import page

        as_html.write_text(page(result), encoding="utf-8")
    if as_markdown:
        from .markdown import markdown

        as_markdown.write_text(markdown(result), encoding="utf-8")
