"""Copy-on-write aliases of memory that is mapped from a file: written here, and nowhere else."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
import sys
from collections.abc import Iterator
from typing import Any, Final
from weakref import WeakValueDictionary

from numpy_bridge import _core
from numpy_bridge.errors import SharingError
from numpy_bridge.memory.mapping import Mapping, mapping_of

from .layout import bounds

_NO_MORE: Final = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # open files, or memory for them
MAP_FIXED: Final = 0x10  # which the module mmap lacks
MAP_NORESERVE: Final[int] = getattr(mmap, "MAP_NORESERVE", 0x4000 if sys.platform == "linux" else 0)

if os.name == "posix":
    _mmap: Any = ctypes.CDLL(None, use_errno=True).mmap
    _mmap.restype = ctypes.c_void_p
    _mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, *(ctypes.c_int,) * 3, ctypes.c_long)


class _Descriptor:
    """A file that was opened to map parts of it; closed when the last mapping has gone."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        os.close(self.number)


_open: WeakValueDictionary[tuple[str, int], _Descriptor] = WeakValueDictionary()
_not_found: set[tuple[str, int]] = set()  # device and inode of files that took a search of all processes


def private(x: Any) -> _core.View:
    """Return a writable View of the same bytes, whose writes stay in this process.

    The kernel copies each page when it is first written. Pages that are not written use no memory. Until
    then they show what others write to the file, so use it for memory that nobody changes: a message, an
    object store.

    Parameters
    ----------
    x : object
        Read-only memory in a shared mapping of a file, such as that of `mmap`, `numpy.memmap`, POSIX shared
        memory or an object store.

    Raises
    ------
    SharingError
        If the memory is not mapped from one file, if that file cannot be opened, or if there is no ``/proc``.

    Examples
    --------
    >>> written = private(np.memmap("weights.bin", mode="r"))
    >>> written.readonly
    False
    """
    view = _core.view(x)
    below, above = bounds(view.shape, view.strides, view.itemsize)
    first, last = view.ptr + below, view.ptr + above
    mapping = _mapping_of(first, last)
    descriptor = _descriptor_of(mapping)
    start = first // mmap.ALLOCATIONGRANULARITY * mmap.ALLOCATIONGRANULARITY
    try:
        pages = map_private(descriptor.number, mapping.offset + start - mapping.low, last - start)
    except (OSError, ValueError) as error:
        raise _cannot("memory that can be mapped again", str(error)) from None
    address = _core.view(pages).ptr + view.ptr - start
    keep = (pages, descriptor, view)  # an object store uses memory again that nobody holds
    return _core.from_pointer(address, view.shape, view.dtype, view.strides, "cpu", keep, False)


def _cannot(expected: str, got: str) -> SharingError:
    return SharingError("copy on write", "mapping", expected, got, "copy it: readonly='copy'")


def _mapping_of(first: int, last: int) -> Mapping:
    try:
        found = mapping_of(first)
    except OSError as error:
        raise _cannot("a list of mappings in /proc/self/maps", str(error)) from None
    if found is None:
        raise _cannot("memory mapped from one file", "anonymous memory")
    if last > found.high:
        raise _cannot("memory mapped from one file", "several mappings")
    if not found.is_shared:  # its pages may differ from those of the file
        raise _cannot("a shared mapping", "a private one")
    return found


def _descriptor_of(mapping: Mapping) -> _Descriptor:
    """Open the file behind a mapping: by its path, or as a process has it that gave it no path."""
    key = (mapping.device, mapping.inode)
    known = _open.get(key)
    if known is not None:
        return known
    try:
        for path in () if key in _not_found else _paths_of(mapping):
            descriptor = _opened(path)
            if descriptor is not None and _is_file(os.fstat(descriptor.number), mapping):
                _open[key] = descriptor
                return descriptor
    except OSError as error:  # not remembered: the next search may succeed
        raise _cannot("a search of /proc for the file", str(error)) from None
    _not_found.add(key)
    raise _cannot("a file that this process can open", mapping.path)


def _opened(path: str) -> _Descriptor | None:
    """Open a file, which may be another one than before; None if it has gone or may not be read.

    Raises
    ------
    OSError
        If this process can open no file at all now.
    """
    try:
        return _Descriptor(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY))
    except OSError as error:
        if error.errno in _NO_MORE:
            raise
        return None


def _paths_of(mapping: Mapping) -> Iterator[str]:
    if mapping.path.startswith("/") and not mapping.path.endswith(" (deleted)"):
        yield mapping.path
    yield f"/proc/self/map_files/{mapping.low:x}-{mapping.high:x}"
    for process in (os.getpid(), os.getppid(), *_other_processes()):
        folder = f"/proc/{process}/fd"
        for name in _names_in(folder):
            path = f"{folder}/{name}"
            with contextlib.suppress(OSError):
                if _is_file(os.stat(path), mapping):  # noqa: PTH116 (follows to a file without a name)
                    yield path


def _names_in(folder: str) -> list[str]:
    """Return the names in a folder, none if it has gone or may not be read; errors as `_opened`."""
    try:
        return os.listdir(folder)  # noqa: PTH208 (names, quickly)
    except OSError as error:
        if error.errno in _NO_MORE:
            raise
        return []


def _other_processes() -> Iterator[int]:
    """Yield the processes of this user, which include the server of an object store."""
    user = os.getuid()
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit():
            with contextlib.suppress(OSError):
                if os.stat(f"/proc/{name}").st_uid == user:  # noqa: PTH116
                    yield int(name)


def _is_file(status: os.stat_result, mapping: Mapping) -> bool:
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
    return (device, status.st_ino) == (mapping.device, mapping.inode)


def map_private(descriptor: int, offset: int, size: int) -> mmap.mmap:
    """Map a part of a file, copy on write.

    The pages take the place of those of an anonymous `mmap`, which unmaps them. One of the file keeps a
    descriptor open, before Python 3.13. No memory is reserved for pages that may never be written, so the
    file may be larger than the memory.

    Raises
    ------
    OSError
        If the kernel cannot map it.
    """
    if os.fstat(descriptor).st_size < offset + size:
        raise OSError("the file is shorter than the memory")
    if not hasattr(mmap, "MAP_PRIVATE"):  # Windows
        return mmap.mmap(descriptor, size, access=mmap.ACCESS_COPY, offset=offset)
    protection = mmap.PROT_READ | mmap.PROT_WRITE
    pages = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE, protection)
    address = _core.view(pages).ptr
    flags = mmap.MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE
    if _mmap(address, size, protection, flags, descriptor, offset) != address:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return pages
