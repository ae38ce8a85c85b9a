"""The files that hold shared memory: without a name where the system can, with one elsewhere."""

from __future__ import annotations

import os
from functools import cache
from typing import Protocol


class SharedFiles(Protocol):
    """What one kind of file offers; `nameless` and `named` have it.

    A file is of a kind ("block", "ledger") and has an identity. Another process finds it by these, and by a
    process that has it, and the descriptor there. All raise SharingError for what cannot be had.
    """

    def create(self, kind: str, identity: bytes, size: int, data: memoryview | None = None) -> int:
        """Make a file and return its descriptor. All of its memory is there: writing to it cannot fail.

        It ends with the bytes of `data`, and is zero before them.
        """

    def fix_size(self, descriptor: int, *, sole_writer: bool) -> None:
        """Let nobody change the size any more, and, with `sole_writer`, let no new mapping write."""

    def has_fixed_size(self, descriptor: int) -> bool:
        """Whether nobody can change the size."""

    def open_of(self, process: int, descriptor: int, kind: str, identity: bytes, flags: int) -> int:
        """Open the file of another process anew.

        Raises SharingError if that process has ended, has let go of the file, or belongs to somebody else.
        """

    def keep(self, process: int, kind: str, identity: bytes) -> None:
        """Let others find the file through this process, too."""

    def forget(self, kind: str, identity: bytes) -> None:
        """Let nobody find the file through this process any more."""

    def host(self) -> str:
        """What is the same for all processes that can open each other's files."""


@cache
def files() -> SharedFiles:
    """Those of this system. NUMPY_BRIDGE_MEMFD=0 asks for files with a name; so must all who attach them."""
    from . import nameless

    if os.environ.get("NUMPY_BRIDGE_MEMFD", "1") != "0" and nameless.is_supported():
        return nameless
    from . import named

    return named
