"""Hidden copies as annotations of GitHub; as SARIF, which code scanning reads, with transfers.

The forms are those of "Workflow commands for GitHub Actions" and of OASIS SARIF 2.1.0.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy_bridge

from ..model import Conversion
from ..place import shown_path

_ROOT = "PROGRAM"
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_RULE = {
    "id": "hidden-copy",
    "name": "HiddenCopy",
    "shortDescription": {"text": "Array memory is copied by a call that does not announce it."},
    "defaultConfiguration": {"level": "warning"},
}

_TRANSFER = {
    "id": "transfer",
    "name": "Transfer",
    "shortDescription": {"text": "Array memory moves to or from a device."},
    "defaultConfiguration": {"level": "note"},
}


def github(hidden: Iterable[Conversion], folder: Path) -> str:
    """Return a workflow command a line, each of which marks a line of the program."""
    return "".join(
        f"::warning file={_property(shown_path(c.place.file, folder))},line={c.place.line},"
        f"title=hidden copy::{_data(c.message)}\n"
        for c in hidden
    )


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def sarif(found: Iterable[Conversion], folder: Path) -> dict[str, Any]:
    """Return a SARIF log with one result for each hidden copy and each transfer."""
    driver = {"name": "numpy-bridge", "version": numpy_bridge.__version__, "rules": [_RULE, _TRANSFER]}
    results = [
        {
            "ruleId": _TRANSFER["id"] if c.transfer else _RULE["id"],
            "level": "note" if c.transfer else "warning",
            "message": {"text": c.message},
            "locations": [_location(c.place.file, c.place.line, folder)],
            "relatedLocations": [_location(c.place.through_file, c.place.through_line, folder)]
            if c.place.in_library
            else [],
        }
        for c in found
    ]
    root = {_ROOT: {"uri": f"{folder.as_uri()}/"}}
    run = {"tool": {"driver": driver}, "originalUriBaseIds": root, "results": results}
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _location(file: str, line: int, folder: Path) -> dict[str, Any]:
    artifact = {"uri": quote(shown_path(file, folder))}
    if Path(file).is_relative_to(folder):
        artifact["uriBaseId"] = _ROOT
    return {"physicalLocation": {"artifactLocation": artifact, "region": {"startLine": max(line, 1)}}}
