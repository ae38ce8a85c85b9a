"""Files of safetensors, made byte by byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from numpy_bridge.memory.mapping import mapping_of


def file_of(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    """A file with this header, which may be JSON, text or bytes, and with this length of it."""
    if isinstance(header, dict):
        header = json.dumps(header)
    text = header.encode() if isinstance(header, str) else header
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def entry(begin: int, end: int, shape: Any, dtype: Any = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def permissions(address: int) -> str:
    """What the kernel allows there: "r--s" is read-only."""
    mapping = mapping_of(address)
    assert mapping is not None
    return mapping.permissions


def resident(address: int) -> int:
    """KiB of the mapping at an address that are in memory."""
    text = Path("/proc/self/smaps").read_text()
    start = text.index(next(line for line in text.splitlines() if _holds(line, address)))
    return int(text[text.index("Rss:", start) :].split()[1])


def _holds(line: str, address: int) -> bool:
    low, dash, high = line.partition(" ")[0].partition("-")
    return bool(dash) and not low.endswith(":") and int(low, 16) <= address < int(high, 16)
