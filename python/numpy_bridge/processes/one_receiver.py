"""Frames in shared memory, for picklers whose bytes go to one process of this machine: one copy in all."""

from __future__ import annotations

import resource
import sys
from multiprocessing.reduction import ForkingPickler
from typing import Any, Final

from numpy_bridge import _core
from numpy_bridge.errors import SharingError

from . import handle, in_flight, segment
from .frame import READ, Frame
from .layout import Elements, bytes_of, pack
from .message import LARGEST_ALIGNMENT, Place, alone
from .segment import Segment

LEAST: Final = 1 << 18
"""Bytes from which a pipe takes longer than a segment. Fewer are sent with the message."""


_MOST: Final = 1 << 14  # mappings, of which a process may have four times as many


def is_of(pickler: Any) -> bool:
    """Whether a pickler is made to write to one process, once: those of multiprocessing and loky."""
    if isinstance(pickler, type) and issubclass(pickler, ForkingPickler):
        return True
    return pickler is not None and any(pickler is sys.modules.get(name) for name in handle.LOKY)


class SharedFrame(Frame):
    """A frame that is sent as a handle of the segment that has its bytes."""

    __slots__ = ("_segment",)

    def __init__(self, memory: Segment, nbytes: int, use: int) -> None:
        super().__init__(memory.block((nbytes,), "uint8"), use, LARGEST_ALIGNMENT, 0)
        self._segment = memory

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return arrived, (handle.sent(self._segment).packed(), self.data.nbytes, self.use)


def arrived(packed: bytes, nbytes: int, use: int) -> Frame:
    """Return the frame in the process that it was sent to."""
    memory = handle.Handle.unpacked(packed).attach(keep=False).block((nbytes,), "uint8")
    return Frame(_core.view(memory, readonly=use == READ), use, LARGEST_ALIGNMENT, 0)


class OneReceiver:
    """Copies each object into a segment. None is kept: values may change before the next message."""

    def place(self, view: _core.View, use: int) -> Place:
        """Return the place of an object's elements in a frame of their own."""
        if view.nbytes < LEAST or in_flight.number_held() > _most_descriptors():
            return alone.place(view, use)
        try:
            return _copied(view, use)
        except SharingError:  # too many open files, or too little shared memory
            return alone.place(view, use)


def _most_descriptors() -> int:
    """How many may wait in messages that nobody has taken yet, or that were never sent."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _MOST if limit == resource.RLIM_INFINITY else min(limit // 4, _MOST)


def _copied(view: _core.View, use: int) -> Place:
    elements = Elements(view)
    if not elements.has_gaps:
        data = bytes_of(view)
        memory = segment.create(data.nbytes, 64, sole_writer=False, data=data)
        frame = SharedFrame(memory, data.nbytes, use)
        return Place(frame, elements.first - elements.low, elements.strides)
    made: list[SharedFrame] = []

    def allocate(nbytes: int) -> _core.View:
        made.append(SharedFrame(segment.create(nbytes, 64, sole_writer=False), nbytes, use))
        return _core.view(made[0].data)

    _, strides = pack(view, allocate)
    return Place(made[0], 0, strides)


one_receiver: Final = OneReceiver()
"""For all such picklers in this process."""
