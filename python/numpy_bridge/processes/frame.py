"""A block of bytes in a message, and its memory where it arrives."""

from __future__ import annotations

from contextlib import suppress
from contextvars import ContextVar
from pickle import PickleBuffer
from typing import Any, Final, Literal, get_args

import numpy as np

from numpy_bridge import _core
from numpy_bridge.errors import SharingError

from .layout import bounds, view_within

Readonly = Literal["private", "copy", "refuse"]
_POLICIES: Final = get_args(Readonly)

READ: Final = 0
"""All users of a frame only read it."""
WRITE: Final = 1
"""A user may write it, if the memory that arrives can be written."""
TENSOR: Final = 2
"""A user is a tensor, which can always be written: the receiver's policy decides how."""

LEAST_TO_MAP: Final = 1 << 20
"""Bytes from which a private mapping costs less than a copy."""

_policy: ContextVar[Readonly] = ContextVar("readonly", default="private")


class arriving:  # as contextlib.suppress
    """Choose the policy for tensors over read-only buffers that are rebuilt in this block; see `loads`."""

    __slots__ = ("_before", "_readonly")

    def __init__(self, readonly: Readonly) -> None:
        if readonly not in _POLICIES:
            raise ValueError(f"readonly: expected 'private', 'copy' or 'refuse', got {readonly!r}")
        self._readonly = readonly

    def __enter__(self) -> None:
        self._before = _policy.set(self._readonly)

    def __exit__(self, *error: object) -> None:
        _policy.reset(self._before)


class Frame:
    """A block of bytes that one or several objects of a message lie in.

    Objects that share memory lie in one frame. Picklers write an object once, so it is one buffer too.

    Parameters
    ----------
    data : object
        The bytes: a View where they are sent from, any buffer where they arrive.
    use : int
        READ, WRITE or TENSOR: the most that a user does.
    alignment, phase : int
        Elements of tensors are aligned if the address is `phase` modulo `alignment`.
    """

    __slots__ = ("__weakref__", "_memory", "alignment", "data", "phase", "tensor", "use")

    def __init__(self, data: Any, use: int, alignment: int, phase: int) -> None:
        self.data = data
        self.use = use
        self.alignment = alignment
        self.phase = phase
        self.tensor: Any = None  # one over the memory, whose storage others use
        self._memory: _core.View | None = None

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        if protocol >= 5:
            data: Any = PickleBuffer(self.data)
        else:
            data = bytes(self.data) if self.use == READ else bytearray(self.data)
        return Frame, (data, self.use, self.alignment, self.phase)

    @property
    def memory(self) -> _core.View:
        """The bytes for all users of the frame: what arrived, or writable memory in its place."""
        if self._memory is None:
            self._check()
            arrived = _bytes_of(self.data)
            self._memory = self._for_tensors(arrived) if self.use == TENSOR else arrived
        return self._memory

    def view(self, offset: Any, dtype: Any, shape: Any, strides: Any, readonly: bool = False) -> _core.View:
        """Return a View of elements in the frame, which lies within it."""
        return view_within(self.memory, offset, dtype, shape, strides, readonly)

    def _check(self) -> None:
        numbers = (self.use, self.alignment, self.phase)
        if (
            any(type(number) is not int for number in numbers)
            or self.use not in (READ, WRITE, TENSOR)
            or self.alignment not in (1, 2, 4, 8, 16)
            or not 0 <= self.phase < self.alignment
        ):
            raise SharingError(
                "unpickle", "frame", "use, alignment and phase of a frame", f"{numbers!r:.200}"
            )

    def _for_tensors(self, arrived: _core.View) -> _core.View:
        if not arrived.nbytes:
            return _core.view(bytearray())
        aligned = (arrived.ptr - self.phase) % self.alignment == 0
        if aligned and not arrived.readonly:
            return arrived
        policy = _policy.get()
        if policy == "refuse":
            raise self._refusal(arrived, aligned)
        if policy == "private" and aligned and arrived.nbytes >= LEAST_TO_MAP:
            from .private import private

            with suppress(SharingError):  # not memory that the kernel can map again
                return private(arrived)
        return _copy(arrived, self.alignment, self.phase)

    def _refusal(self, arrived: _core.View, aligned: bool) -> SharingError:
        hint = "load with readonly='private' or readonly='copy'"
        if aligned:
            return SharingError(
                "unpickle", "readonly", "memory that a tensor may write", "a read-only buffer", hint
            )
        expected, got = f"memory aligned to {self.alignment} bytes", f"a buffer at {arrived.ptr:#x}"
        return SharingError("unpickle", "alignment", expected, got, hint)


def _bytes_of(data: Any) -> _core.View:
    """Return a View of a buffer that arrived."""
    try:
        view = _core.view(data)
    except (TypeError, SharingError) as error:
        raise SharingError("unpickle", "buffer", "a buffer with the bytes of a frame", str(error)) from None
    low, high = bounds(view.shape, view.strides, view.itemsize)
    if view.device != "cpu" or (low, high) != (0, view.nbytes):
        raise SharingError("unpickle", "buffer", "contiguous memory on the host", repr(view))
    return view


def _copy(arrived: _core.View, alignment: int, phase: int) -> _core.View:
    room = np.empty(arrived.nbytes + alignment, np.uint8)
    start = (phase - room.ctypes.data) % alignment
    block = room[start : start + arrived.nbytes]
    flat = _core.from_pointer(arrived.ptr, (arrived.nbytes,), "uint8", None, "cpu", arrived, True)
    _core.copy_(block, flat)
    return _core.view(block)
