"""How the commands say that they cannot do what they are asked to."""

from __future__ import annotations

import sys
from pathlib import Path

import typer


def misused(command: str, text: str) -> typer.Exit:
    """Say what is wrong; raise the result."""
    print(f"numpy-bridge {command}: {text}", file=sys.stderr)
    return typer.Exit(2)


def require_place_for_file(command: str, path: Path) -> None:
    """Exit unless a file can be at `path`, so that the work was not for nothing."""
    if path.is_dir():
        raise misused(command, f"{path} is a folder")
    if not path.parent.is_dir():
        raise misused(command, f"there is no folder {path.parent}")
