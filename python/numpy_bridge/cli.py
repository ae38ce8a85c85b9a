"""The `numpy-bridge` command: a table of contents over the commands of each feature.

Exit status: 0 for success, 1 if something checked does not hold, 2 for wrong usage or something missing.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy_bridge

if TYPE_CHECKING:
    import typer

_EXTRA = ("typer", "rich", "click", "pygments")  # what numpy-bridge[cli] brings, directly or not


def main() -> None:
    """Run the command line."""
    try:
        app = build()
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        if package not in _EXTRA:
            raise
        print(f"numpy-bridge: {package} is missing: pip install 'numpy-bridge[cli]'", file=sys.stderr)
        raise SystemExit(2) from None
    app(prog_name="numpy-bridge")


def build() -> typer.Typer:
    """Put the commands together."""
    import typer

    from numpy_bridge.tour.command import command as tour

    app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)

    def show_version(wanted: bool) -> None:
        if wanted:
            print(f"numpy-bridge {numpy_bridge.__version__}")
            raise typer.Exit

    @app.callback()
    def options(
        version: bool = typer.Option(
            False, "--version", help="Show the version.", callback=show_version, is_eager=True
        ),
    ) -> None:
        """One block of memory, every array library: shared, proven shared, or a clear reason why not."""

    app.command("tour")(tour)
    return app
