"""Documents that commands write with `--json FILE`. Each one names its form in `schema`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, TextIO

STDOUT = Path("-")
"""The FILE that stands for standard output. Nothing but the document is printed then."""

HELP = "Write a JSON document; - for standard output, alone."


def write(document: dict[str, Any], where: Path | None, stdout: TextIO | None = None) -> None:
    """Write a document to a file, or to `stdout` if `where` is "-". Does nothing if `where` is None."""
    if where is None:
        return
    text = json.dumps(document, indent=2) + "\n"
    if where == STDOUT:
        (stdout or sys.stdout).write(text)
    else:
        where.write_text(text, encoding="utf-8")
