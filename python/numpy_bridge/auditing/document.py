"""An audit as a JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy_bridge

from .judging.transfers import BETWEEN, TO_DEVICE, TO_HOST
from .model import Conversion, Line
from .run import Run

SCHEMA = "numpy-bridge/audit/1"


def document(run: Run, command: Sequence[str]) -> dict[str, Any]:
    """Return the result of running `command`."""
    return {
        "schema": SCHEMA,
        "version": numpy_bridge.__version__,
        "command": list(command),
        "folder": str(run.folder),
        "status": run.status,
        "conversions": len(run.log),
        "copied_bytes": run.log.copied_bytes,
        "shared_bytes": run.log.shared_bytes,
        "hidden_copies": sum(c.times for c in run.log.hidden),
        "seconds": round(run.log.seconds, 6),
        "program_seconds": round(run.log.elapsed, 6),
        "other_processes": run.others.processes,
        "unwatched": run.others.unwatched,
        "hidden_bytes": run.log.hidden_bytes,
        "moved_bytes": {
            way.replace(" ", "_"): run.log.moved_bytes(way) for way in (TO_DEVICE, TO_HOST, BETWEEN)
        },
        "lines": [_line(line) for line in run.log.lines()],
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "file": line.file,
        "line": line.line,
        "text": line.text,
        "hidden_bytes": line.hidden_bytes,
        "copied_bytes": line.copied_bytes,
        "shared_bytes": line.shared_bytes,
        "times": line.times,
        "seconds": round(line.seconds, 6),
        "conversions": [_conversion(c) for c in line.conversions],
    }


def _conversion(c: Conversion) -> dict[str, Any]:
    place, fields = c.place._asdict(), asdict(c)
    del place["file"], place["line"], fields["place"]
    fields["seconds"] = round(c.seconds, 9)
    fields["transfer"] = c.transfer and c.transfer._asdict()
    return {**place, **fields, "advice": str(c.advice or ""), "hidden": c.hidden, "allowed": c.allowed}
