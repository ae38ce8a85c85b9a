"""Whether the process can read memory, without a signal if it cannot."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterable
from typing import Any, ClassVar

from . import Memory

_PAGE_BITS = 12  # of the smallest pages that exist
_FEW_PAGES = 16


def is_readable(memory: Memory) -> bool:
    """Return whether every element can be read by the host. For memory of a few thousand elements at most.

    The kernel is asked to copy a byte of each page, and refuses where it cannot read. Files that were
    truncated while they were mapped, freed blocks and made-up addresses are found so.
    """
    if not memory.size:
        return True
    can_copy = _copied_by_kernel if hasattr(_libc, "process_vm_readv") else _written_to_pipe
    return all(can_copy(page << _PAGE_BITS) for page in _pages(memory))


class _Vector(ctypes.Structure):
    """A `struct iovec`."""

    _fields_: ClassVar = [("address", ctypes.c_void_p), ("length", ctypes.c_size_t)]


_libc: Any = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None


def _copied_by_kernel(address: int) -> bool:
    """Copy a byte as debuggers do, from this process to itself. Some sandboxes forbid it."""
    byte = ctypes.create_string_buffer(1)
    to, of = _Vector(ctypes.addressof(byte), 1), _Vector(address, 1)
    copied = _libc.process_vm_readv(os.getpid(), ctypes.byref(to), 1, ctypes.byref(of), 1, 0)
    if copied < 0 and ctypes.get_errno() in (errno.ENOSYS, errno.EPERM):
        return _written_to_pipe(address)
    return bool(copied == 1)


def _written_to_pipe(address: int) -> bool:
    reader, writer = os.pipe()
    try:
        return os.write(writer, ctypes.c_char.from_address(address)) == 1
    except (OSError, OverflowError, ValueError):
        return False
    finally:
        os.close(reader)
        os.close(writer)


def _pages(memory: Memory) -> Iterable[int]:
    first, last = memory.low >> _PAGE_BITS, (memory.high - 1) >> _PAGE_BITS
    if last - first < _FEW_PAGES:
        return range(first, last + 1)
    starts = {memory.ptr}
    for extent, stride in zip(memory.shape, memory.strides, strict=True):
        starts = {start + index * stride for start in starts for index in range(extent)}
    return {(start + byte) >> _PAGE_BITS for start in starts for byte in (0, memory.itemsize - 1)}
