"""Hidden copies that an earlier run had already, by its JSON document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from ..model import Conversion
from ..place import shown_path


class Known(NamedTuple):
    """A hidden copy as it is found again: lines may move, and folders differ between machines."""

    file: str
    text: str
    function: str
    through: str
    call: str
    source: str
    result: str


def read(file: Path) -> frozenset[Known]:
    """Return the hidden copies of a document that ``numpy-bridge audit --json`` wrote.

    Raises
    ------
    ValueError
        If the file cannot be read or holds something else.
    """
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        if not document["schema"].startswith("numpy-bridge/audit/"):
            raise ValueError("another schema")
        return frozenset(
            _known_row(line, c, Path(document["folder"]))
            for line in document["lines"]
            for c in line["conversions"]
            if c["hidden"]
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{file} is no document of numpy-bridge audit --json") from error


def known_as(c: Conversion, folder: Path) -> Known:
    """Return how a conversion is found again. `folder` is where the program was started."""
    place = c.place
    file = shown_path(place.file, folder)
    return Known(file, place.text, place.function, place.through, c.call, c.source, c.result)


def _known_row(line: dict[str, Any], c: dict[str, Any], folder: Path) -> Known:
    same = (c[name] for name in ("function", "through", "call", "source", "result"))
    return Known(shown_path(line["file"], folder), line["text"], *same)
