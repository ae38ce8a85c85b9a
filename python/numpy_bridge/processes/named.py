"""Files with a name, where the system has none without, or does not show those of other processes.

Each process has a folder, with a lock that goes with the process. A file is in the folders of all processes
that can hand it on: it has a name in each. The folders of processes that were killed are removed when the
next process makes its own.
"""

from __future__ import annotations

import fcntl
import os
import platform
import re
import shutil
import stat
import tempfile
import threading
from collections import Counter
from contextlib import suppress
from functools import cache
from multiprocessing import util
from pathlib import Path

from numpy_bridge.errors import SharingError

from . import reserving
from .refusals import KEEP, no_file, other_user, refusal

_PREFIX = "numpy_bridge"
_LOCK = "lock"
_SOLE_WRITER = 0o400  # the mode of a file that others may only read

_making = threading.RLock()  # a finalizer may let go of a file while it is held
_own: tuple[Path, int] | None = None  # the folder of this process, and the descriptor of its lock
_names: Counter[str] = Counter()  # in our folder: how many segments need each


@cache
def _root() -> Path:
    """The folder of all folders: in memory, if the system has one there."""
    memory = Path("/dev/shm")
    return memory if os.access(memory, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())


@cache
def _numbering() -> int:
    """Containers that see the same folders may number their processes anew."""
    try:
        return Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return 0


def _folder_of(process: int, state: str = "") -> Path:
    return _root() / f"{_PREFIX}{state}-{os.geteuid()}-{_numbering()}-{process}"


def _name(kind: str, identity: bytes) -> str:
    return f"{kind}-{identity.hex()}"


def _own_folder() -> Path:
    """The folder of this process, which is made at first, and anew in a child by fork."""
    global _own
    with _making:
        if _own is None:
            _remove_abandoned()
            folder = _folder_of(os.getpid())
            lock = _make(_folder_of(os.getpid(), ".new"), folder)
            while lock is None:  # another process took the new folder for abandoned
                lock = _make(_folder_of(os.getpid(), ".new"), folder)
            _own = folder, lock
            util.Finalize(None, _remove_own, exitpriority=-20)  # after what was sent has arrived
        return _own[0]


def _make(unlocked: Path, folder: Path) -> int | None:
    """Make a folder that is locked when it gets its name. Return the lock; None if the folder was removed."""
    lock = None
    try:
        unlocked.mkdir(mode=0o700)
        lock = os.open(unlocked / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        unlocked.rename(folder)
    except OSError as error:
        if lock is not None:
            os.close(lock)
        shutil.rmtree(unlocked, ignore_errors=True)
        if isinstance(error, FileNotFoundError) and _root().exists():
            return None
        raise no_file(error) from None
    return lock


def _remove_own() -> None:
    global _own
    with _making:
        if _own is not None:
            folder, lock = _own
            _own = None
            _names.clear()
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _after_fork() -> None:
    """The child has no folder yet. The lock of its parent's goes with the parent."""
    global _own, _making
    if _own is not None:
        os.close(_own[1])
    _own, _making = None, threading.RLock()
    _names.clear()


os.register_at_fork(after_in_child=_after_fork)


def _remove_abandoned() -> None:
    """Remove the folders of this user whose processes have ended."""
    pattern = re.compile(rf"{_PREFIX}(\.new)?-{os.geteuid()}-\d+-\d+")
    for folder in _root().iterdir():
        if pattern.fullmatch(folder.name) and _is_own(folder):
            with suppress(OSError):
                lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
                finally:
                    os.close(lock)


def _is_own(folder: Path) -> bool:
    """Whether it is a folder of this user. Others can make folders with any name."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()


def create(kind: str, identity: bytes, size: int, data: memoryview | None = None) -> int:
    name = _name(kind, identity)
    path = _own_folder() / name
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise no_file(error) from None
    try:
        reserving.fill(descriptor, size, data)
    except BaseException:
        os.close(descriptor)
        path.unlink()
        raise
    _names[name] = 1
    return descriptor


def fix_size(descriptor: int, *, sole_writer: bool) -> None:
    """Let nobody else write, with `sole_writer`. Nothing can be done about the size."""
    if sole_writer:
        os.fchmod(descriptor, _SOLE_WRITER)


def has_fixed_size(descriptor: int) -> bool:
    """Yes, as far as this can be known: only programs of the same user could change it."""
    return True


def open_of(process: int, descriptor: int, kind: str, identity: bytes, flags: int) -> int:
    """Open a file that is in the folder of another process. The identity is in its name."""
    folder = _folder_of(process)
    if folder.exists() and not _is_own(folder):
        raise other_user(f"a {kind} of the same user", "a folder of another user")
    try:
        opened = os.open(folder / _name(kind, identity), flags | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except FileNotFoundError:
        got = f"process {process}, which has let go of it or has ended"
        raise refusal("handle", f"a process that has the {kind}", got, KEEP) from None
    except PermissionError:
        raise _sole_writer() from None
    except OSError as error:
        raise no_file(error) from None
    status = os.fstat(opened)
    if status.st_uid == os.geteuid() and (status.st_mode & 0o200 or flags & os.O_ACCMODE == os.O_RDONLY):
        return opened
    os.close(opened)
    if status.st_uid == os.geteuid():
        raise _sole_writer()  # who may do everything could open it all the same
    raise other_user(f"a {kind} of the same user", "one of another user")


def _sole_writer() -> SharingError:
    hint = "the handle is damaged or forged"
    return refusal("writable", "a block that others may write", "one that only its maker may write", hint)


def keep(process: int, kind: str, identity: bytes) -> None:
    """Give the file of another process, or of the one that forked this, a name in our own folder."""
    name, own = _name(kind, identity), _own_folder()
    with _making:
        if _names[name] == 0:
            try:
                os.link(_folder_of(process) / name, own / name)
            except OSError as error:
                got = f"process {process}, which has let go of it: {os.strerror(error.errno or 0)}"
                raise refusal("handle", f"a process that has the {kind}", got, KEEP) from None
        _names[name] += 1


def forget(kind: str, identity: bytes) -> None:
    """Remove the name in our own folder, unless something else needs it. Who has the memory keeps it."""
    name = _name(kind, identity)
    with _making:
        if _own is None or name not in _names:
            return
        _names[name] -= 1
        if _names[name] == 0:
            del _names[name]
            (_own[0] / name).unlink(missing_ok=True)


def host() -> str:
    """The folder, which all that can attach each other's files see."""
    status = _root().stat()
    return f"{platform.node()} {status.st_dev} {status.st_ino}"
