"""`numpy-bridge info`: facts for finding and reporting problems."""

from __future__ import annotations

from rich.console import Console

from numpy_bridge.cli_errors import require_place_for_file
from numpy_bridge.document import STDOUT, write
from numpy_bridge.json_option import JsonFile

from .document import describe_with_torch
from .terminal import show


def command(as_json: JsonFile = None) -> None:
    """Show the build, this machine and its array libraries.

    Versions, the CUDA kernels and the devices that can run them, or why none can, and the installed array
    libraries.
    """
    require_place_for_file("info", as_json)
    found = describe_with_torch()
    write(found, as_json)
    if as_json != STDOUT:
        show(found, Console(highlight=False))
