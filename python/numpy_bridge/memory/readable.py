"""Whether the process can read memory, without a signal if it cannot."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable

from . import Memory

_PAGE_BITS = 12  # of the smallest pages that exist
_FEW_PAGES = 16


def is_readable(memory: Memory) -> bool:
    """Return whether every element can be read by the host. For memory of a few thousand elements at most.

    The kernel is asked to write a byte of each page into a pipe, and refuses where it cannot read. Files that
    were truncated while they were mapped, freed blocks and made-up addresses are found so.
    """
    if not memory.size:
        return True
    reader, writer = os.pipe()
    try:
        for page in _pages(memory):
            os.write(writer, ctypes.c_char.from_address(page << _PAGE_BITS))
    except (OSError, OverflowError, ValueError):
        return False
    finally:
        os.close(reader)
        os.close(writer)
    return True


def _pages(memory: Memory) -> Iterable[int]:
    first, last = memory.low >> _PAGE_BITS, (memory.high - 1) >> _PAGE_BITS
    if last - first < _FEW_PAGES:
        return range(first, last + 1)
    starts = {memory.ptr}
    for extent, stride in zip(memory.shape, memory.strides, strict=True):
        starts = {start + index * stride for start in starts for index in range(extent)}
    return {(start + byte) >> _PAGE_BITS for start in starts for byte in (0, memory.itemsize - 1)}
