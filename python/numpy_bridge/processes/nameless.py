"""Files without a name: made, and opened by another process through the descriptor of the one that has it."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

from . import reserving
from .refusals import KEEP, no_file, other_user, refusal

_PREFIX = "numpy_bridge"

# Not in every build of Python: those for old C libraries are without them.
_CLOEXEC, _ALLOW_SEALING = 1, 2
_ADD_SEALS, _GET_SEALS = 1033, 1034
_SEAL, _SHRINK, _GROW, _FUTURE_WRITE = 1, 2, 4, 16
_FIXED = _SEAL | _SHRINK | _GROW


@cache
def _memfd_create() -> Callable[[str, int], int]:
    made: Callable[[str, int], int] | None = getattr(os, "memfd_create", None)
    if made is not None:
        return made
    function = ctypes.CDLL(None, use_errno=True).memfd_create

    def create(name: str, flags: int) -> int:
        descriptor: int = function(name.encode(), flags)
        if descriptor < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return descriptor

    return create


def is_supported() -> bool:
    """Whether this system makes such files, and shows the descriptors of other processes."""
    try:
        descriptor = _memfd_create()(_PREFIX, _CLOEXEC | _ALLOW_SEALING)
    except AttributeError:
        return False
    except OSError as error:
        return error.errno not in (errno.ENOSYS, errno.EPERM)
    try:
        return Path(f"/proc/self/fd/{descriptor}").is_symlink()
    finally:
        os.close(descriptor)


def create(kind: str, identity: bytes, size: int, data: memoryview | None = None) -> int:
    """Make a file of zeroes, or one that ends with `data`; return its descriptor. See `SharedFiles`."""
    try:
        descriptor = _memfd_create()(f"{_PREFIX} {kind}", _CLOEXEC | _ALLOW_SEALING)
    except OSError as error:
        raise no_file(error) from None
    try:
        reserving.fill(descriptor, size, data)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


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


def open_of(process: int, descriptor: int, kind: str, identity: bytes, flags: int) -> int:
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
        raise other_user("a process of the same user", f"process {process} of another") from None
    except FileNotFoundError:
        got, hint = "which has let go of it", KEEP
        if not _runs(process):
            got, hint = "which has ended", "take it from the queue first, then join the process"
        raise refusal("handle", f"a process that has the {kind}", f"process {process}, {got}", hint) from None
    except OSError as error:
        raise no_file(error) from None
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
            raise other_user(f"a {kind} of the same user", "one of another user")
        return os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except PermissionError:
        raise other_user(f"a {kind} of the same user", "one of another user") from None
    except OSError as error:
        raise no_file(error) from None


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def keep(process: int, kind: str, identity: bytes) -> None:
    """Nothing is needed: a process that has a descriptor can be asked for it."""


def forget(kind: str, identity: bytes) -> None:
    """Nothing is needed: the kernel frees the file with its last descriptor and mapping."""


def host() -> str:
    """The machine, and its numbers of processes."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
