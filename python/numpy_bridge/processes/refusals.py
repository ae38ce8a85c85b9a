"""Why shared memory cannot be had, or attached."""

from __future__ import annotations

import errno
import os

from numpy_bridge.errors import SharingError

KEEP = "keep the block where it was made until it has been attached"
_MORE_FILES = "let go of blocks, or raise the limit: resource.setrlimit(resource.RLIMIT_NOFILE, (n, n))"


def refusal(field: str, expected: str, got: str, hint: str = "") -> SharingError:
    return SharingError("shared memory", field, expected, got, hint)


def other_user(expected: str, got: str) -> SharingError:
    return refusal("user", expected, got, "run both processes as the same user")


def no_file(error: OSError) -> SharingError:
    got = os.strerror(error.errno or 0)
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return refusal("descriptors", "one more open file", got, _MORE_FILES)
    return refusal("file", "a file for shared memory", got)
