"""The memory of a file: all of it is had, or refused, before anybody writes to it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from numpy_bridge.errors import SharingError

from .refusals import refusal

_LESS = "let go of blocks, or make a smaller one"
_STEP = 16 << 20  # bytes that are asked for at a time
_WORTH_ASKING = 16 << 20  # bytes; below, asking how much memory is free costs more than it spares


def fill(descriptor: int, size: int, data: memoryview | None) -> None:
    """Have `size` bytes. They end with the bytes of `data`, and are zero before them.

    The kernel copies them while it makes the pages. Both one after the other take half as long again.

    Raises
    ------
    SharingError
        If the memory cannot be had.
    """
    if size > _WORTH_ASKING:
        _require_free(size)
    start = size if data is None else size - data.nbytes
    reserve(descriptor, 0, start)
    if data is not None:
        _write(descriptor, start, data)


def reserve(descriptor: int, start: int, size: int) -> None:
    """Have the memory of these bytes, in steps: a signal that is handled in between need not wait for all.

    Raises
    ------
    SharingError
        If the memory cannot be had.
    """
    have = getattr(os, "posix_fallocate", _write_zeroes)  # not on every system
    try:
        for at in range(start, start + size, _STEP):
            have(descriptor, at, min(_STEP, start + size - at))
    except OverflowError:
        raise refusal("size", f"{size:,} free bytes", "more than a file can have", _LESS) from None
    except OSError as error:
        raise _no_memory(size, error) from None


def _write_zeroes(descriptor: int, start: int, size: int) -> None:
    _write(descriptor, start, memoryview(bytes(size)))


def _write(descriptor: int, start: int, data: memoryview) -> None:
    done = 0
    while done < data.nbytes:
        try:
            done += os.pwrite(descriptor, data[done : done + _STEP], start + done)
        except OSError as error:
            raise _no_memory(data.nbytes, error) from None


def _no_memory(size: int, error: OSError) -> SharingError:
    return refusal("size", f"{size:,} free bytes", os.strerror(error.errno or 0), _LESS)


def _require_free(size: int) -> None:
    """Refuse memory that is not there. The kernel would start to end processes instead."""
    free = min(_free_on_machine(), *_free_in_groups())
    if size > free:
        raise refusal("size", f"{size:,} free bytes of memory", f"{free:,}", _LESS)


def _free_on_machine() -> int:
    with suppress(OSError):  # other systems have no such file
        facts = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        return sum(int(facts[name].split()[0]) << 10 for name in ("MemAvailable", "SwapFree"))
    return sys.maxsize


def _free_in_groups(
    root: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")
) -> Iterator[int]:
    """Yield what each control group (version 2) of this process may still use; infinite at the end.

    A container may see the groups as `root` without the path that `membership` names. Files that are
    missing, and "max", set no limit. Pages of files count as free: the kernel takes them back.
    """
    name = ""
    with suppress(OSError):
        lines = membership.read_text().splitlines()
        name = next((line[len("0::/") :] for line in lines if line.startswith("0::/")), "")
    group = root / name
    for folder in (group, *group.parents):
        if not folder.is_relative_to(root):
            break
        with suppress(OSError, ValueError):
            limit, used = (int((folder / f"memory.{fact}").read_text()) for fact in ("max", "current"))
            yield max(limit - used + _of_files(folder), 0)
    yield sys.maxsize


def _of_files(group: Path) -> int:
    """Return the bytes of a group that the kernel can take back."""
    with suppress(OSError, ValueError):
        facts = dict(line.split(" ", 1) for line in (group / "memory.stat").read_text().splitlines())
        return sum(int(facts.get(f"{state}_file", 0)) for state in ("active", "inactive"))
    return 0
