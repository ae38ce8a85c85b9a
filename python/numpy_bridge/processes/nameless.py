"""Files without a name: made, and opened by another process through the descriptor of the one that has it."""

from __future__ import annotations

import ctypes
import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from numpy_bridge.errors import SharingError

# Not in every build of Python: those for old C libraries are without them.
_CLOEXEC, _ALLOW_SEALING = 1, 2
_ADD_SEALS, _GET_SEALS = 1033, 1034
_SEAL, _SHRINK, _GROW, _FUTURE_WRITE = 1, 2, 4, 16
_FIXED = _SEAL | _SHRINK | _GROW
_PREFIX = "numpy_bridge"
KEEP = "keep the block where it was made until it has been attached"
_LESS = "let go of blocks, or make a smaller one"
_MORE_FILES = "let go of blocks, or raise the limit: resource.setrlimit(resource.RLIMIT_NOFILE, (n, n))"
_WORTH_ASKING = 16 << 20  # bytes; below, asking how much memory is free costs more than it spares


def refusal(field: str, expected: str, got: str, hint: str = "") -> SharingError:
    return SharingError("shared memory", field, expected, got, hint)


@cache
def _memfd_create() -> Callable[[str, int], int]:
    made: Callable[[str, int], int] | None = getattr(os, "memfd_create", None)
    if made is not None:
        return made
    try:
        function = ctypes.CDLL(None, use_errno=True).memfd_create
    except AttributeError:
        raise refusal("memfd_create", "files without a name", "a system that has none", "") from None

    def create(name: str, flags: int) -> int:
        descriptor: int = function(name.encode(), flags)
        if descriptor < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return descriptor

    return create


def create(kind: str, size: int) -> int:
    """A descriptor of new zeroed memory, all of which is there: writing to it later cannot fail.

    Raises
    ------
    SharingError
        If the memory or the descriptor cannot be had.
    """
    if size > _WORTH_ASKING:
        _require_free(size)
    try:
        descriptor = _memfd_create()(f"{_PREFIX} {kind}", _CLOEXEC | _ALLOW_SEALING)
    except OSError as error:
        got = os.strerror(error.errno or 0)
        raise refusal("descriptors", "one more open file", got, _MORE_FILES) from None
    try:
        os.posix_fallocate(descriptor, 0, size)
    except BaseException as error:
        os.close(descriptor)
        if not isinstance(error, OSError | OverflowError):
            raise
        got = os.strerror(error.errno or 0) if isinstance(error, OSError) else "more than a file can have"
        raise refusal("size", f"{size:,} free bytes", got, _LESS) from None
    return descriptor


def _require_free(size: int) -> None:
    """Refuse memory that is not there. The kernel would start to end processes instead."""
    facts = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    free = sum(int(facts[name].split()[0]) << 10 for name in ("MemAvailable", "SwapFree"))
    with suppress(OSError, ValueError):  # no such group, or "max"
        free = min(free, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    if size > free:
        raise refusal("size", f"{size:,} free bytes of memory", f"{free:,}", _LESS)


def fix_size(descriptor: int, *, sole_writer: bool) -> None:
    """Let nobody change the size any more, and, with `sole_writer`, let no new mapping write."""
    try:
        fcntl.fcntl(descriptor, _ADD_SEALS, _FIXED | (_FUTURE_WRITE if sole_writer else 0))
    except OSError:
        raise refusal("seals", "Linux 5.1 or later, for a sole writer", "an older one") from None


def has_fixed_size(descriptor: int) -> bool:
    try:
        return fcntl.fcntl(descriptor, _GET_SEALS) & _FIXED == _FIXED
    except OSError:  # not a file in memory
        return False


def open_of(process: int, descriptor: int, kind: str, flags: int) -> int:
    """Open the file behind a descriptor of another process of the same user, anew.

    Raises
    ------
    SharingError
        If that process has ended, has closed the descriptor or uses it for something else, or belongs to
        somebody else.
    """
    path = f"/proc/{process}/fd/{descriptor}"
    try:
        target = Path(path).readlink()
        if str(target) != f"/memfd:{_PREFIX} {kind} (deleted)":
            raise refusal("handle", f"a {kind} of process {process}", f"{target}", KEEP)
        opened = os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except PermissionError:
        hint = "run both processes as the same user"
        raise refusal("user", "a process of the same user", f"process {process} of another", hint) from None
    except FileNotFoundError:
        got, hint = "which has let go of it", KEEP
        if not _runs(process):
            got, hint = "which has ended", "take it from the queue first, then join the process"
        raise refusal("handle", f"a process that has the {kind}", f"process {process}, {got}", hint) from None
    except OSError as error:
        got = os.strerror(error.errno or 0)
        raise refusal("descriptors", "one more open file", got, _MORE_FILES) from None
    if os.fstat(opened).st_uid != os.geteuid():
        os.close(opened)
        hint = "run both processes as the same user"
        raise refusal("user", f"a {kind} of the same user", "one of another user", hint)
    return opened


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
