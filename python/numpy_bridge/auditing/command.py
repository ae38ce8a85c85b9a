"""`numpy-bridge audit`: any program under the audit."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import rich  # noqa: F401 - if it is missing, that is said before the program runs
import typer

from numpy_bridge.cli_errors import misused, require_place_for_file
from numpy_bridge.document import STDOUT, JsonFile, write

from .run import Run, run

if TYPE_CHECKING:
    from .pictures import Pictures

SETTINGS = {"allow_interspersed_args": False, "ignore_unknown_options": False}
"""The words after the program's name belong to the program."""


def command(
    script: Annotated[str, typer.Argument(metavar="SCRIPT", help="The program.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="ARGUMENTS", help="The program's own arguments.")
    ] = None,
    as_module: Annotated[
        bool, typer.Option("-m", help="SCRIPT is the name of a module, as for python -m.")
    ] = False,
    as_json: JsonFile = None,
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
    that would share. With --json -, the program's own output goes to standard error.

    Exit status: the program's own, or 1 for a hidden copy with --fail-on-copy, or 2 for wrong usage.
    """
    program = [script, *(arguments or ())]
    if not as_module and not Path(script).exists():
        raise misused("audit", f"there is no file {script}")
    json_alone, as_json, as_html = as_json == STDOUT, _absolute(as_json), _absolute(as_html)
    process, stdout = os.getpid(), _take_stdout() if json_alone else sys.stdout
    pictures = _pictures() if as_html else None
    done = run(program, as_module=as_module, show_progress=sys.stderr.isatty(), listener=pictures, last=True)
    if os.getpid() != process:  # forked by the program, which the parent reports
        raise typer.Exit(done.status)
    from .document import document  # reports are imported after the program, which starts sooner

    words = ["-m", *program] if as_module else program
    write(document(done, words), as_json, stdout)
    if as_html is not None and pictures is not None:
        from .page import html

        as_html.write_text(html(done, words, pictures), encoding="utf-8")
    if json_alone:
        stdout.flush()
    else:
        _show(done, as_html, stdout)
    if done.status == 0 and fail_on_copy and done.log.hidden:
        from .terminal import hidden_copies

        _say(f"exit status 1 by --fail-on-copy: {hidden_copies(done.log)}")
        raise typer.Exit(1)
    raise typer.Exit(done.status)


def _pictures() -> Pictures:
    from .pictures import Pictures

    return Pictures()


def _absolute(path: Path | None) -> Path | None:
    """Return a path that stays valid when the program changes the folder."""
    if path is None or path == STDOUT:
        return path
    path = path.absolute()
    require_place_for_file("audit", path)
    return path


def _take_stdout() -> TextIO:
    """Return standard output, and send everything that the process prints to standard error instead."""
    stdout = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return stdout


def _show(done: Run, page: Path | None, stdout: TextIO) -> None:
    """Print the table, if the program has not closed standard output."""
    if stdout.closed:
        _say("the program closed stdout, so the table cannot be shown")
        return
    if isinstance(stdout, TextIOWrapper):
        stdout.reconfigure(errors="replace")  # a line may have any characters
    from rich.console import Console

    from .terminal import table

    if page is not None:
        print(f"Written to {page}.", file=stdout)
    Console(file=stdout, highlight=False).print(table(done))


def _say(text: str) -> None:
    print(f"numpy-bridge audit: {text}", file=sys.stderr)
