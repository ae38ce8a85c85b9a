"""`--json FILE`, which is the same option in every command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from numpy_bridge.document import HELP

JsonFile = Annotated[Path | None, typer.Option("--json", metavar="FILE", help=HELP)]
"""The type of a command's parameter for this option."""
