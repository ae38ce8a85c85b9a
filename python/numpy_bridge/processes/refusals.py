"""Why shared memory cannot be had, or attached."""

from __future__ import annotations

import errno
import os
import sys
from functools import cache
from importlib.util import find_spec

from numpy_bridge.errors import SharingError

KEEP = "keep the block where it was made until it has been attached"
_MORE_FILES = "let go of blocks, or raise the limit: resource.setrlimit(resource.RLIMIT_NOFILE, (n, n))"


def refusal(field: str, expected: str, got: str, hint: str = "") -> SharingError:
    return SharingError("shared memory", field, expected, got, hint)


@cache
def has_shared_memory() -> bool:
    """Whether this platform has what blocks need: locks of files, and files mapped by descriptor."""
    return find_spec("fcntl") is not None


def require_shared_memory() -> None:
    """Raise SharingError where memory cannot be shared with other processes."""
    if not has_shared_memory():
        hint = "send copies: bridge.dumps, or use multiprocessing.shared_memory"
        raise refusal("platform", "one with fcntl and mmap, such as Linux or macOS", sys.platform, hint)


def other_user(expected: str, got: str) -> SharingError:
    return refusal("user", expected, got, "run both processes as the same user")


def no_file(error: OSError) -> SharingError:
    got = os.strerror(error.errno or 0)
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return refusal("descriptors", "one more open file", got, _MORE_FILES)
    return refusal("file", "a file for shared memory", got)
