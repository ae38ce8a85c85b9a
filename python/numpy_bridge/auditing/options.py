"""The words of `numpy-bridge audit`.

They are read by argparse, because the program runs in this process: typer imports pydantic, which takes time
and memory.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from numpy_bridge.cli_errors import misused, require_place_for_file
from numpy_bridge.document import HELP, STDOUT

from .ci.baseline import Known, read

_RANKS = ("RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID")
"""Where torchrun, Open MPI, MPICH and Slurm tell a process its rank."""

_FAILS = "Exit with status 1"

_ABOUT = """
Run a program and show its hidden copies.

A copy of array memory is hidden if the call that makes it does not ask for one.

The program runs as it does under python. When it ends, by itself, by an exception or by Ctrl-C, a table shows
its hidden copies, most bytes first, with the reason for each and what to use instead. --all shows everything
else, too. With --json -, the program's own output goes to standard error.

A line with the comment "# numpy-bridge: allow" may copy.

Exit status: the program's own; 1 if it succeeded, but a limit was exceeded, or a process was not watched
while there is a limit; 2 for wrong usage.
"""


class Options(argparse.Namespace):
    """What was asked for."""

    script: str
    arguments: list[str]
    as_module: bool
    as_json: Path | None
    as_html: Path | None
    as_sarif: Path | None
    github: bool | None
    fail_on_copy: bool
    baseline: Path | None
    max_bytes: int | None
    max_transfer_bytes: int | None
    allow_unwatched: bool
    allow: list[str]
    only_mine: bool
    show_all: bool
    verify: bool
    known: frozenset[Known] | None

    @property
    def program(self) -> list[str]:
        """The program, and its own arguments."""
        return [self.script, *self.arguments]


def options_of(words: Sequence[str]) -> Options:
    """Read the words after ``numpy-bridge audit``, and find out whether they can be done.

    Raises
    ------
    SystemExit
        With status 2 if they cannot, after a line that says why; with status 0 after the help.
    """
    options = _parser().parse_args(words, Options())
    if not options.as_module and not Path(options.script).exists():
        raise misused("audit", f"there is no file {options.script}")
    options.known = _known(options.baseline)
    for name in ("as_json", "as_html", "as_sarif"):
        setattr(options, name, _absolute(getattr(options, name)))
    return options


class _Parser(argparse.ArgumentParser):
    """It reports wrong usage as the other commands do."""

    def error(self, message: str) -> NoReturn:
        print(f"{_USAGE}\nTry 'numpy-bridge audit --help' for help.\n\nError: {message}", file=sys.stderr)
        raise SystemExit(2)


def _parser() -> _Parser:
    width = min(shutil.get_terminal_size().columns, 80) - 2  # the other commands' help is as wide
    about = "\n\n".join(textwrap.fill(each, width - 2) for each in _ABOUT.strip().split("\n\n"))
    parser = _Parser(
        prog="numpy-bridge audit",
        usage=argparse.SUPPRESS,  # argparse would begin it with a small letter
        description=f"{_USAGE}\n\n{textwrap.indent(about, '  ')}",
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, width=width),
        add_help=False,
        allow_abbrev=False,
    )
    add = parser.add_argument_group("Arguments").add_argument
    add("script", metavar="SCRIPT", help="The program.")
    rest = add("arguments", nargs=argparse.REMAINDER, metavar="ARGUMENTS", help=_ARGUMENTS)
    rest.required = False  # in what is said if SCRIPT is missing
    group = parser.add_argument_group("Options")
    add = group.add_argument
    add("-m", dest="as_module", action="store_true", help="SCRIPT is the name of a module, as for python -m.")
    _add_documents(group)
    _add_limits(group)
    add("--allow", "--ignore", action="append", default=[], metavar="MODULE", help=_ALLOW)
    add("--only-mine", action="store_true", help="Leave out what installed libraries do.")
    add("--all", dest="show_all", action="store_true", help="Show what was asked for and shared, too.")
    add("--verify", action="store_true", help=_VERIFY)
    add("-h", "--help", action="help", help="Show this message and exit.")
    return parser


_USAGE = "Usage: numpy-bridge audit [OPTIONS] SCRIPT [ARGUMENTS]..."
_ARGUMENTS = "The program's own arguments."
_ALLOW = "Leave out what this module or package does; repeatable."
_VERIFY = "Find out which hidden copies are needed. Keeps their sources."
_GITHUB = "Mark lines with hidden copies on GitHub. The default under GITHUB_ACTIONS."


def _add_documents(group: argparse._ArgumentGroup) -> None:
    for name, help in (
        ("json", HELP),
        ("html", "Write one self-contained page."),
        ("sarif", "Write hidden copies and transfers as SARIF."),
    ):
        group.add_argument(f"--{name}", dest=f"as_{name}", type=Path, metavar="FILE", help=help)
    group.add_argument("--github", action=argparse.BooleanOptionalAction, help=_GITHUB)


def _add_limits(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--fail-on-copy", action="store_true", help=f"{_FAILS} if there was a hidden copy.")
    earlier = f"{_FAILS} if there is a hidden copy that this earlier --json FILE does not have."
    add("--baseline", type=Path, metavar="FILE", help=earlier)
    add("--max-bytes", type=_natural, metavar="N", help=f"{_FAILS} if hidden copies have more bytes.")
    moved = f"{_FAILS} if more bytes move to or from devices."
    add("--max-transfer-bytes", type=_natural, metavar="N", help=moved)
    add("--allow-unwatched", action="store_true", help="Accept processes that were not watched.")


def _natural(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError
    return number


_natural.__name__ = "number of bytes"  # argparse says: invalid number of bytes value: '-1'


def _known(baseline: Path | None) -> frozenset[Known] | None:
    """Return the hidden copies of an earlier run."""
    try:
        return None if baseline is None else read(baseline)
    except ValueError as error:
        raise misused("audit", str(error)) from None


def _absolute(path: Path | None) -> Path | None:
    """Return a path that stays valid when the program changes the folder, of this process alone."""
    if path is None or path == STDOUT:
        return path
    rank = next((os.environ[name] for name in _RANKS if name in os.environ), "0")
    path = Path(str(path).replace("{pid}", str(os.getpid())).replace("{rank}", rank)).absolute()
    require_place_for_file("audit", path)
    return path
