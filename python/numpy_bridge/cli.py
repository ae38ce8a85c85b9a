"""The `numpy-bridge` command, whose subcommands each have a module of their own.

Exit status: 0 for success, 1 if something checked does not hold, 2 for wrong usage or something missing.
"""

from __future__ import annotations

import importlib
import shlex
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy_bridge
from numpy_bridge.paths import get_cmake_dir, get_include, get_pkgconfig_dir, get_sources

if TYPE_CHECKING:
    import typer


class Answer(NamedTuple):
    """The text that one option prints."""

    text: Callable[[], str]
    help: str


ANSWERS = {
    "--version": Answer(lambda: f"numpy-bridge {numpy_bridge.__version__}", "Show the version."),
    "--includes": Answer(lambda: shlex.quote(f"-I{get_include()}"), "Show the headers' compiler flag."),
    "--sources": Answer(lambda: "\n".join(get_sources()), "Show the C++ files that can be compiled once."),
    "--cmakedir": Answer(get_cmake_dir, "Show the folder of the CMake package."),
    "--pkgconfigdir": Answer(get_pkgconfig_dir, "Show the folder of the pkg-config file."),
}

MODULES = {
    "info": "numpy_bridge.info.command",
    "explain": "numpy_bridge.explanation.command",
    "matrix": "numpy_bridge.matrix.command",
    "tour": "numpy_bridge.tour.command",
}
"""The module of each command that typer runs: all but audit."""

COMMANDS = {
    "info": "Show the build, this machine and its array libraries.",
    "explain": "Explain the memory of an object, or how two objects overlap.",
    "audit": "Run a program and show its hidden copies.",
    "matrix": "Try every installed array library with every other's memory.",
    "tour": "Run an article on PyTorch and NumPy live, and check it.",
}
"""The first line of each command's help."""

EXTRA = "pip install typer rich"

HELP = ["--help", "-h"]


def main() -> None:
    """Run the command line. Answers, `info` and `--help` need only the wheel."""
    arguments = sys.argv[1:]
    if arguments and set(arguments) <= set(ANSWERS):
        for name in arguments:
            print(ANSWERS[name].text())
        return
    try:
        if arguments[:1] == ["audit"]:  # typer would count as the program's
            from numpy_bridge.auditing.command import main as audit

            raise SystemExit(audit(arguments[1:]))
        build()(prog_name="numpy-bridge")
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        if package in ("numpy_bridge", "numpy"):  # all others are installed by the extra
            raise
        if not _without_extra(arguments):
            print(f"numpy-bridge: {package} is missing: {EXTRA}", file=sys.stderr)
            raise SystemExit(2) from None


def _without_extra(arguments: list[str]) -> bool:
    """Do what needs neither typer nor rich. Return whether that was asked for."""
    if arguments == ["info"]:
        from numpy_bridge.info import terminal

        print(terminal.plain(), end="")
        return True
    if not arguments or arguments[0] in HELP:
        width = max(map(len, (*COMMANDS, *ANSWERS)))
        print("Usage: numpy-bridge [OPTIONS] COMMAND\n\nCommands:")
        print("\n".join(f"  {name:<{width}}  {text}" for name, text in COMMANDS.items()))
        print("\nOptions:")
        print("\n".join(f"  {name:<{width}}  {answer.help}" for name, answer in ANSWERS.items()))
        print(f"\ninfo needs NumPy only. For the other commands: {EXTRA}")
        return True
    return False


def build() -> typer.Typer:
    """Put the commands together."""
    import typer

    app = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": HELP},
    )

    def answer(name: str) -> Any:
        def show(wanted: bool) -> None:
            if wanted:
                print(ANSWERS[name].text())
                raise typer.Exit

        return typer.Option(False, name, help=ANSWERS[name].help, callback=show, is_eager=True)

    @app.callback()
    def options(
        version: bool = answer("--version"),
        includes: bool = answer("--includes"),
        sources: bool = answer("--sources"),
        cmakedir: bool = answer("--cmakedir"),
        pkgconfigdir: bool = answer("--pkgconfigdir"),
    ) -> None:
        """One block of memory, every array library: shared, proven shared, or a clear reason why not."""

    wanted = sys.argv[1:2]
    for name in COMMANDS:
        if name not in MODULES:
            app.command(name, help=COMMANDS[name])(lambda: None)  # for the list of commands
        elif name in wanted or not MODULES.keys() & set(wanted):  # the others take long to import
            found = importlib.import_module(MODULES[name])
            app.command(name, context_settings=getattr(found, "SETTINGS", None))(found.command)
    return app
