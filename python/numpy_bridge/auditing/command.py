"""`numpy-bridge audit`: any program under the audit."""

from __future__ import annotations

import json
import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from numpy_bridge.cli_errors import misused, require_place_for_file

from . import report
from .pictures import Pictures
from .program import run

SETTINGS = {"allow_interspersed_args": False, "ignore_unknown_options": False}
"""What follows the program's name belongs to the program."""


def command(
    script: Annotated[str, typer.Argument(metavar="SCRIPT", help="The program.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="ARGUMENTS", help="The program's own arguments.")
    ] = None,
    as_module: Annotated[
        bool, typer.Option("-m", help="SCRIPT is the name of a module, as for python -m.")
    ] = False,
    as_json: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write JSON; - for stdout, instead of the table."),
    ] = None,
    as_html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write one self-contained page.")
    ] = None,
    fail_on_copy: Annotated[
        bool, typer.Option("--fail-on-copy", help="Exit with status 1 if there was a hidden copy.")
    ] = False,
) -> None:
    """Run a program and show where memory passes between array libraries, shared or copied.

    The program runs as it does under python. When it ends, by itself, by an exception or by Ctrl-C, a table
    shows every line that converts arrays, most bytes copied first, with the reason for each copy and the call
    that would share.

    Exit status: the program's own, or 1 for a hidden copy with --fail-on-copy, or 2 for wrong usage.
    """
    program = [script, *(arguments or ())]
    if not as_module and not Path(script).exists():
        raise misused("audit", f"there is no file {script}")
    on_stdout, as_json, as_html = as_json == Path("-"), _absolute(as_json), _absolute(as_html)
    pictures = Pictures() if as_html else None
    process, stdout = os.getpid(), sys.stdout
    done = run(program, as_module=as_module, show_progress=sys.stderr.isatty(), listener=pictures, last=True)
    if os.getpid() != process:  # forked by the program, which is reported by the other one
        raise typer.Exit(done.status)
    words = ["-m", *program] if as_module else program
    text = json.dumps(report.document(done, words), indent=2)
    if as_json is not None and not on_stdout:
        as_json.write_text(text + "\n", encoding="utf-8")
    if as_html is not None and pictures is not None:
        as_html.write_text(report.html(done, words, pictures), encoding="utf-8")
    if stdout.closed:
        print("numpy-bridge audit: the program has closed stdout, which shows no table then", file=sys.stderr)
    elif on_stdout:
        print(text, file=stdout)
    else:
        if isinstance(stdout, TextIOWrapper):
            stdout.reconfigure(errors="replace")  # a line may have any characters
        Console(file=stdout, highlight=False).print(report.table(done))
    hidden = fail_on_copy and bool(done.log.hidden)
    raise typer.Exit(done.status or int(hidden))


def _absolute(path: Path | None) -> Path | None:
    """The same file wherever the program goes."""
    if path is None:
        return None
    path = path.absolute()
    require_place_for_file("audit", path)
    return path
