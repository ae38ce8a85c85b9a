"""Memory that is mapped from a file, as the kernel lists it."""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path
from typing import NamedTuple

from . import Memory

_DELETED = " (deleted)"


class Mapping(NamedTuple):
    """A line of ``/proc/self/maps``."""

    low: int
    high: int
    permissions: str
    offset: int
    device: str
    inode: int
    path: str

    @property
    def is_shared(self) -> bool:
        """True if a write reaches the file; False if the kernel copies the page first."""
        return self.permissions.endswith("s")


def mapping_of(address: int) -> Mapping | None:
    """Return the mapping of a file that an address lies in; None if no file is behind the memory.

    Raises
    ------
    OSError
        If the kernel lists no mappings.
    """
    lines = Path("/proc/self/maps").read_bytes().splitlines()
    line = lines[bisect_right(lines, address, key=_start_of) - 1].decode(errors="replace")
    span, permissions, offset, device, inode, *path = line.split(None, 5)
    low, high = (int(end, 16) for end in span.split("-"))
    if inode == "0" or not low <= address < high:
        return None
    return Mapping(low, high, permissions, int(offset, 16), device, int(inode), "".join(path))


def _start_of(line: bytes) -> int:
    return int(line.partition(b"-")[0], 16)


def where_mapped(memory: Memory) -> str:
    """Return which file or store memory lies in, and what a write would do; empty if none is behind it."""
    try:
        mapping = mapping_of(memory.low) if memory.on_host and memory.size else None
    except OSError:
        return ""
    if mapping is None:
        return ""
    if not mapping.is_shared:
        effect = "copy on write: a write stays in this process"
    elif "w" not in mapping.permissions:
        effect = "read-only: the kernel refuses writes"
    elif memory.readonly:
        effect = "read-only here: a write in spite of that would change it for all processes"
    else:
        effect = "a write changes it for all processes"
    return f"{_name(mapping.path)}, {effect}"


def _name(path: str) -> str:
    file = path.removesuffix(_DELETED)
    if file.startswith("/memfd:numpy_bridge") or ("/numpy_bridge-" in file and "/block-" in file):
        return "a shared block"
    if "/plasma" in file:
        return f"Ray's object store {file}"
    return f"shared memory {file}" if file.startswith(("/dev/shm/", "/memfd:", "/dev/zero")) else file
