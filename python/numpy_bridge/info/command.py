"""`numpy-bridge info`: what to look at, and to send along, when something does not work."""

from __future__ import annotations

from rich.console import Console

from numpy_bridge.cli_errors import require_place_for_file
from numpy_bridge.document import STDOUT, JsonFile, write

from . import describe
from .terminal import show


def command(as_json: JsonFile = None) -> None:
    """Show what was built and what this machine has.

    Versions, the CUDA kernels and what can run them here, or why nothing can, and the array libraries
    installed.
    """
    require_place_for_file("info", as_json)
    found = describe()
    write(found, as_json)
    if as_json != STDOUT:
        show(found, Console(highlight=False))
