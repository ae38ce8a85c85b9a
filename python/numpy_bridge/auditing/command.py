"""`numpy-bridge audit`: any program under the audit."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, TextIO

import rich  # noqa: F401 - if it is missing, that is said before the program runs
import typer

from numpy_bridge.cli_errors import misused, require_place_for_file
from numpy_bridge.document import STDOUT, JsonFile, write

from .ci.annotations import github as github_annotations
from .ci.annotations import sarif
from .ci.baseline import Known, read
from .ci.limits import Limits
from .dispatch import Listener
from .document import document
from .model import Conversion
from .pictures import Pictures
from .run import Run, run
from .scope import Scope
from .verification import Verification

SETTINGS = {"allow_interspersed_args": False, "ignore_unknown_options": False}
"""The words after the program's name belong to the program."""

_RANKS = ("RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID")
"""Where torchrun, Open MPI, MPICH and Slurm tell a process its rank."""

_FAILS = "Exit with status 1 "

SarifFile = Annotated[
    Path | None,
    typer.Option("--sarif", metavar="FILE", help="Write hidden copies and transfers as SARIF."),
]
Github = Annotated[
    bool | None,
    typer.Option(help="Mark lines with hidden copies on GitHub. The default under GITHUB_ACTIONS."),
]
FailOnCopy = Annotated[bool, typer.Option("--fail-on-copy", help=f"{_FAILS}if there was a hidden copy.")]
Baseline = Annotated[
    Path | None,
    typer.Option(
        "--baseline",
        metavar="FILE",
        help=f"{_FAILS}if there is a hidden copy that this earlier --json FILE does not have.",
    ),
]
MaxBytes = Annotated[
    int | None,
    typer.Option("--max-bytes", metavar="N", min=0, help=f"{_FAILS}if hidden copies have more bytes."),
]
MaxTransfers = Annotated[
    int | None,
    typer.Option(
        "--max-transfer-bytes", metavar="N", min=0, help=f"{_FAILS}if more bytes move to or from devices."
    ),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore", metavar="MODULE", help="Leave out what this module or package does; repeatable."
    ),
]
OnlyMine = Annotated[bool, typer.Option("--only-mine", help="Leave out what installed libraries do.")]
ShowAll = Annotated[bool, typer.Option("--all", help="Show what was asked for and shared, too.")]
Verify = Annotated[
    bool, typer.Option("--verify", help="Find out which hidden copies are needed. Keeps their sources.")
]
AllowUnwatched = Annotated[
    bool, typer.Option("--allow-unwatched", help="Accept processes that were not watched.")
]


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
    as_sarif: SarifFile = None,
    github: Github = None,
    fail_on_copy: FailOnCopy = False,
    baseline: Baseline = None,
    max_bytes: MaxBytes = None,
    max_transfers: MaxTransfers = None,
    allow_unwatched: AllowUnwatched = False,
    ignore: Ignore = None,
    only_mine: OnlyMine = False,
    show_all: ShowAll = False,
    verify: Verify = False,
) -> None:
    """Run a program and show its hidden copies.

    A copy of array memory is hidden if the call that makes it does not ask for one.

    The program runs as it does under python. When it ends, by itself, by an exception or by Ctrl-C, a table
    shows its hidden copies, most bytes first, with the reason for each and what to use instead. --all
    shows everything else too. With --json -, the program's own output goes to standard error.

    A line with the comment "# numpy-bridge: allow" may copy.

    Exit status: the program's own, or 1 for hidden copies beyond a limit and for
    processes that were not watched while there is one, or 2 for wrong usage.
    """
    program = [script, *(arguments or ())]
    if not as_module and not Path(script).exists():
        raise misused("audit", f"there is no file {script}")
    limits = Limits(fail_on_copy, max_bytes, _known(baseline), allow_unwatched, max_transfers)
    alone, as_json, as_html, as_sarif = as_json == STDOUT, *map(_absolute, (as_json, as_html, as_sarif))
    process, stdout = os.getpid(), _take_stdout() if alone else sys.stdout
    pictures, verification = Pictures() if as_html else None, Verification() if verify else None
    listener = _listener([each for each in (pictures, verification) if each])
    done = run(program, as_module=as_module, show_progress=sys.stderr.isatty(), listener=listener, last=True)
    if os.getpid() != process:  # forked by the program, which the parent reports
        raise typer.Exit(done.status)
    if verification is not None:
        verification.finish(done.log)
    done = done._replace(log=done.log.within(Scope(only_mine, tuple(ignore or ()))))
    words = ["-m", *program] if as_module else program
    write(document(done, words), as_json, stdout)
    write(sarif([*done.log.hidden, *done.log.transfers], done.folder), as_sarif)
    if as_html is not None and pictures is not None:
        from .page import html

        as_html.write_text(html(done, words, pictures), encoding="utf-8")
    if alone:
        stdout.flush()
    else:
        _show(done, [each for each in (as_json, as_html, as_sarif) if each], stdout, show_all)
    raise typer.Exit(_status(done, limits, _on_github(github)))


def _known(baseline: Path | None) -> frozenset[Known] | None:
    """Return the hidden copies of an earlier run."""
    try:
        return None if baseline is None else read(baseline)
    except ValueError as error:
        raise misused("audit", str(error)) from None


def _listener(listeners: Sequence[Listener]) -> Listener | None:
    """Return one listener for several; None for none."""

    def tell(conversion: Conversion, source: object, result: object) -> None:
        for listener in listeners:
            listener(conversion, source, result)

    return tell if listeners else None


def _on_github(asked: bool | None) -> bool:
    return os.environ.get("GITHUB_ACTIONS") == "true" if asked is None else asked


def _status(done: Run, limits: Limits, annotate: bool) -> int:
    """Return the exit status, after a sentence on standard error if it is not the program's own."""
    if annotate:
        print(github_annotations(limits.new(done.log, done.folder), done.folder), end="", file=sys.stderr)
    exceeded = limits.exceeded(done.log, done.folder, done.others)
    if done.status or not exceeded:
        return done.status
    _say(f"exit status 1 {exceeded}")
    return 1


def _absolute(path: Path | None) -> Path | None:
    """Return a path that stays valid when the program changes the folder, of this process alone."""
    if path is None or path == STDOUT:
        return path
    rank = next((os.environ[name] for name in _RANKS if name in os.environ), "0")
    path = Path(str(path).replace("{pid}", str(os.getpid())).replace("{rank}", rank)).absolute()
    require_place_for_file("audit", path)
    return path


def _take_stdout() -> TextIO:
    """Return standard output, and send everything that the process prints to standard error instead."""
    stdout = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return stdout


def _show(done: Run, written: Sequence[Path], stdout: TextIO, show_all: bool) -> None:
    """Print the table, if the program has not closed standard output."""
    if stdout.closed:
        _say("the program closed stdout, so the table cannot be shown")
        return
    if isinstance(stdout, TextIOWrapper):
        stdout.reconfigure(errors="replace")  # a line may have any characters
    from rich.console import Console  # takes long to import, so after the program

    from .terminal import table

    for file in written:
        print(f"Written to {file}.", file=stdout)
    if done.log.conversions or not done.status:  # nothing is to be said of a program that did not start
        Console(file=stdout, highlight=False).print(table(done, show_all=show_all))


def _say(text: str) -> None:
    print(f"numpy-bridge audit: {text}", file=sys.stderr)
