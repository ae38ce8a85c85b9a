"""A file as memory: read-only, copy on write, or shared with the file."""

from __future__ import annotations

import contextlib
import mmap
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NoReturn

import numpy as np

from numpy_bridge import _core
from numpy_bridge.errors import SharingError
from numpy_bridge.processes.layout import bounds
from numpy_bridge.processes.private import map_private

if TYPE_CHECKING:
    from . import AnyPath, Mode

_IN_WORDS: Final = {"r": "read-only", "c": "copy on write", "r+": "shared with the file"}
# Those that the platform has. With O_NONBLOCK a pipe is refused, not waited for.
_FLAGS: Final = sum(
    getattr(os, name, 0) for name in ("O_CLOEXEC", "O_NONBLOCK", "O_NOCTTY", "O_BINARY", "O_NOINHERIT")
)


class MappedFile:
    """All bytes of a file as memory.

    They stay mapped until the last View over them has gone.

    Parameters
    ----------
    file : binary file
        A regular file, open for writing too if the mode is "r+". It may be closed afterwards.
    mode : {"r", "c", "r+"}
        "r": the kernel refuses writes. "c": a written page is copied. "r+": writes reach the file.
    verify : bool
        Whether each View that is made calls `verify` first.
    protocol : str
        The name of the format in errors.

    Raises
    ------
    SharingError
        If the file is empty, or the kernel cannot map it.
    """

    __slots__ = (
        *("_address", "_identity", "_pages", "_readonly", "_verifies"),
        *("mode", "path", "protocol", "size"),
    )

    def __init__(self, file: BinaryIO, mode: Mode, verify: bool, protocol: str) -> None:
        status = os.fstat(file.fileno())
        self.path = os.path.abspath(os.fsdecode(file.name))  # noqa: PTH100 (twice as fast)
        self.mode = mode
        self.protocol = protocol
        self.size = status.st_size
        self._identity = _identity(status)
        self._verifies = verify
        self._readonly = mode == "r"
        if not self.size:
            raise self.refusal("size", "a file with content", "0 bytes")
        self._pages: Any
        try:
            if mode == "c":
                self._pages = map_private(file.fileno(), 0, self.size)
                self._address = _core.view(self._pages).ptr
            elif hasattr(mmap, "MAP_SHARED"):
                self._pages = _core.Mapping(file.fileno(), self.size, mode == "r+", False, False)
                self._address = self._pages.address
            else:  # Windows
                access = mmap.ACCESS_WRITE if mode == "r+" else mmap.ACCESS_READ
                self._pages = mmap.mmap(file.fileno(), self.size, access=access)
                self._address = _core.view(self._pages).ptr
        except OSError as error:
            raise self.refusal("size", "a file that can be mapped", error.strerror or str(error)) from None

    def __repr__(self) -> str:
        return f"<numpy_bridge file {Path(self.path).name}, {_IN_WORDS[self.mode]}>"

    def view(
        self, start: int, shape: Sequence[int], dtype: str, strides: Sequence[int] | None = None
    ) -> _core.View:
        """Return the array whose first element is `start` bytes after the beginning of the file.

        Raises
        ------
        SharingError
            If it is not an array within the file, or if the file has changed and is to be verified.
        """
        if self._verifies:
            self.verify()
        try:
            address = self._address + (start if 0 <= start <= self.size else 0)
            view = _core.from_pointer(address, shape, dtype, strides, "cpu", self, self._readonly)
            low, high = bounds(shape, strides, view.itemsize) if strides else (0, view.nbytes)
        except SharingError as refused:
            raise self.refusal(*refused.args[1:]) from None
        except TypeError:
            raise self.refusal("shape", "extents of 64 bits", f"{shape!r:.80}") from None
        if start + low < 0 or start + high > self.size:
            inside = f"elements within the {self.size:,} bytes"
            raise self.refusal("size", inside, f"bytes {start + low:,} to {start + high:,}")
        return view

    def start_of(self, view: _core.View) -> int | None:
        """Return how many bytes after the beginning of the file memory is; None if it is elsewhere."""
        start = view.ptr - self._address
        return start if 0 <= start <= self.size - view.nbytes else None

    def verify(self) -> None:
        """Refuse a file that has been replaced, resized or written since it was opened.

        The path must lead to the same file, of the same size, and, unless the mode is "r+", with the same
        time of modification.

        Raises
        ------
        SharingError
            If it does not.
        """
        try:
            found = _identity(os.stat(self.path))  # noqa: PTH116 (twice as fast)
        except OSError as error:
            raise self._changed(error.strerror or str(error)) from None
        device, inode, size, time = self._identity
        if found[:2] != (device, inode):
            raise self._changed("another one")
        if found[2] != size:
            raise self._changed(f"{found[2]:,} bytes instead of {size:,}")
        if self.mode != "r+" and found[3] != time:
            raise self._changed("one that was written since")

    def refusal(self, field: str, expected: str, got: str, hint: str = "") -> SharingError:
        return refusal(self.protocol, self.path, field, expected, got, hint)

    def _changed(self, got: str) -> SharingError:
        return self.refusal("identity", "the file that was opened", got, "open it again")


class Arrays(Mapping[str, _core.View]):
    """The arrays of a file by name, each made into a View when it is asked for.

    Attributes
    ----------
    metadata : mapping
        What the file says beside its arrays.
    files : tuple of MappedFile
        The files, with their ``path``, ``mode`` and ``size``.
    makers : mapping
        The functions that make the Views, or raise the reason why there is none.
    """

    __slots__ = ("files", "makers", "metadata")

    def __init__(
        self,
        makers: Mapping[str, Callable[[], _core.View]],
        files: Sequence[MappedFile],
        metadata: Mapping[str, Any],
    ) -> None:
        self.makers = makers
        self.files = tuple(files)
        self.metadata = metadata

    def __getitem__(self, name: str) -> _core.View:
        return self.makers[name]()

    def __contains__(self, name: object) -> bool:
        return name in self.makers

    def __iter__(self) -> Iterator[str]:
        return iter(self.makers)

    def __len__(self) -> int:
        return len(self.makers)

    def __repr__(self) -> str:
        where = f"{len(self.files)} files" if len(self.files) > 1 else repr(self.files[0])
        return f"<numpy_bridge arrays: {len(self)} in {where}>"

    def verify(self) -> None:
        """Refuse files that have been replaced, resized or written since they were opened."""
        for file in self.files:
            file.verify()


@contextlib.contextmanager
def opened(path: AnyPath, mode: Mode, verify: bool, protocol: str) -> Iterator[tuple[BinaryIO, MappedFile]]:
    """Open a file and map it. At the end it must still be the one that was opened.

    Raises
    ------
    SharingError
        If it is no regular file, cannot be mapped, or is changed meanwhile.
    OSError
        If it cannot be opened.
    ValueError
        If there is no such mode.
    """
    require_mode(mode)
    path = os.fspath(path)

    def regular(path: str, flags: int) -> int:
        with contextlib.suppress(IsADirectoryError):  # if it is opened for writing
            descriptor = os.open(path, flags | _FLAGS)
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return descriptor
            os.close(descriptor)
        raise refusal(protocol, path, "file", "a regular file", "another kind of file")

    with open(path, "r+b" if mode == "r+" else "rb", opener=regular) as file:
        mapped = MappedFile(file, mode, verify, protocol)
        yield file, mapped
        mapped.verify()


def require_mode(mode: Mode) -> None:
    """Raise ValueError if there is no such mode."""
    if mode not in _IN_WORDS:
        raise ValueError(f"mode: expected 'r', 'c' or 'r+', got {mode!r}")


def dtype_of(described: Any, protocol: str, path: AnyPath) -> str:
    """Return our name of a dtype of NumPy.

    Raises
    ------
    SharingError
        If arrays of it cannot be shared.
    """
    if described.names == ():
        raise refusal(protocol, path, "dtype", "a supported number dtype", "a structure without fields")
    try:
        like: _core.View = _core.values_of(np.empty(0, described))  # refuses what only NumPy has
    except SharingError as refused:
        raise refusal(protocol, path, *refused.args[1:]) from None
    if like.itemsize != described.itemsize:  # NumPy makes axes of its own out of it
        raise refusal(protocol, path, "dtype", "a supported number dtype", str(described))
    return like.dtype


def _identity(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def refusal(
    protocol: str, path: AnyPath, field: str, expected: str, got: str, hint: str = ""
) -> SharingError:
    """Return the error that says what is wrong with a file."""
    return SharingError(protocol, field, expected, f"{got} in {os.fsdecode(path)}", hint)


def refuse(*args: str) -> NoReturn:
    """Raise the SharingError with these fields: what stands for an array that cannot be shared."""
    raise SharingError(*args)
