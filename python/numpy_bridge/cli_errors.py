"""How commands report wrong usage: one line on standard error, exit status 2."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def misused(command: str, text: str) -> SystemExit:
    """Print what is wrong and return the exception to raise."""
    print(f"numpy-bridge {command}: {text}", file=sys.stderr)
    return SystemExit(2)


def require_place_for_file(command: str, path: Path | None) -> None:
    """Exit if no file can be written at `path`. Called before the work, which would be lost."""
    if path is None or path == Path("-"):
        return
    if path.is_dir():
        raise misused(command, f"{path} is a folder")
    if not path.parent.is_dir():
        raise misused(command, f"there is no folder {path.parent}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise misused(command, f"{path} can't be written")
