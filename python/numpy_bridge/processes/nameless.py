"""Files without a name: made, and opened by another process through the descriptor of the one that has it."""

from __future__ import annotations

import ctypes
import fcntl
import os
import sys
from collections.abc import Callable, Iterator
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
_STEP = 16 << 20  # bytes that are asked for at a time
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


def create(kind: str, size: int, data: memoryview | None = None) -> int:
    """A descriptor of new memory, all of which is there: writing to it later cannot fail.

    It ends with the bytes of `data`, and is zero before them. The kernel copies them while it makes the
    pages. Both one after the other take half as long again.

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
        raise _too_many_files(error) from None
    try:
        start = size if data is None else size - data.nbytes
        reserve(descriptor, 0, start)
        if data is not None:
            _write(descriptor, start, data)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def reserve(descriptor: int, start: int, size: int) -> None:
    """Have the memory of these bytes, in steps: a signal that is handled in between need not wait for all.

    Raises
    ------
    SharingError
        If the memory cannot be had.
    """
    try:
        for at in range(start, start + size, _STEP):
            os.posix_fallocate(descriptor, at, min(_STEP, start + size - at))
    except OverflowError:
        raise refusal("size", f"{size:,} free bytes", "more than a file can have", _LESS) from None
    except OSError as error:
        raise _no_memory(size, error) from None


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
    facts = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    free = sum(int(facts[name].split()[0]) << 10 for name in ("MemAvailable", "SwapFree"))
    free = min(free, *_free_in_groups())
    if size > free:
        raise refusal("size", f"{size:,} free bytes of memory", f"{free:,}", _LESS)


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
    try:
        found = os.open(f"/proc/{process}/fd/{descriptor}", os.O_PATH | os.O_CLOEXEC)  # and not its content
    except PermissionError:
        raise _other_user("a process of the same user", f"process {process} of another") from None
    except FileNotFoundError:
        got, hint = "which has let go of it", KEEP
        if not _runs(process):
            got, hint = "which has ended", "take it from the queue first, then join the process"
        raise refusal("handle", f"a process that has the {kind}", f"process {process}, {got}", hint) from None
    except OSError as error:
        raise _too_many_files(error) from None
    try:
        return _open_again(found, process, kind, flags)
    finally:
        os.close(found)


def _open_again(found: int, process: int, kind: str, flags: int) -> int:
    """Open the file behind a descriptor of this process, if it is ours.

    The other process may use its descriptor for another file at any time; this one stays.
    """
    path = Path(f"/proc/self/fd/{found}")
    try:
        target = path.readlink()
        if str(target) != f"/memfd:{_PREFIX} {kind} (deleted)":
            raise refusal("handle", f"a {kind} of process {process}", f"{target}", KEEP)
        if os.fstat(found).st_uid != os.geteuid():
            raise _other_user(f"a {kind} of the same user", "one of another user")
        return os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except PermissionError:
        raise _other_user(f"a {kind} of the same user", "one of another user") from None
    except OSError as error:
        raise _too_many_files(error) from None


def _other_user(expected: str, got: str) -> SharingError:
    return refusal("user", expected, got, "run both processes as the same user")


def _too_many_files(error: OSError) -> SharingError:
    return refusal("descriptors", "one more open file", os.strerror(error.errno or 0), _MORE_FILES)


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
