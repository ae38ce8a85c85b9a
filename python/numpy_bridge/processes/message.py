"""The frames of one message: objects that share memory lie in the same one."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Any, Final, NamedTuple, Protocol
from weakref import WeakValueDictionary

from numpy_bridge import _core
from numpy_bridge.errors import TooHardError

from .frame import READ, Frame
from .layout import Elements, c_strides, pack

LARGEST_ALIGNMENT: Final = 16
"""That of complex128."""

MOST_QUESTIONS: Final = 256
"""If more strided objects than this overlap in address range, the whole range is sent."""


class Place(NamedTuple):
    """Where in a frame the elements of an object are; strides are None in C order."""

    frame: Frame
    offset: int
    strides: tuple[int, ...] | None


class Frames(Protocol):
    """Finds the frame for the memory of an object."""

    def place(self, view: _core.View, use: int) -> Place: ...


class _Region:
    """Memory between two addresses that is sent as it is."""

    def __init__(self, low: int, high: int, owners: tuple[_core.View, ...], use: int, alignment: int) -> None:
        self.low = low
        self.high = high
        self.owners = owners
        self.use = use
        self.alignment = alignment
        self.view = _core.from_pointer(low, (high - low,), "uint8", None, "cpu", owners, use == READ)
        self.frame = Frame(self.view, use, alignment, low % alignment)


class _Packed(NamedTuple):
    """Memory with gaps, of which the elements were copied together."""

    low: int
    high: int
    view: _core.View
    place: Place


class Message:
    """The frames of one message.

    Where memory in a frame turns out to overlap a later object that does not lie within it, that frame is too
    small. Then the message is `incomplete`, and has to be pickled once more, by `again`.
    """

    def __init__(self, regions: Iterable[_Region] = ()) -> None:
        self.incomplete = False
        self._regions: list[_Region] = list(regions)  # disjoint, in the order of their addresses
        self._packed: list[_Packed] = []  # in the order of their addresses
        self._packed_by_layout: dict[Any, _Packed] = {}
        self._widest = 0  # from `low` to `high` of these

    def again(self) -> Message:
        """Return a message that has the frames that this one lacked."""
        return Message(self._regions)

    def place(self, view: _core.View, use: int) -> Place:
        """Return the place of an object's memory in the frame that it shares with others of the message."""
        elements = Elements(view)
        low, high = elements.low, elements.high
        if low == high:
            return _empty(use)
        region = self._containing(low, high)
        if region is None:
            rivals = list(self._sharing(view, low, high, use))
            if not rivals and elements.has_gaps:
                return self._place_packed(view, low, high, use)
            region = self._add(low, high, view, use, rivals)
        elif region.use < use or region.alignment < elements.itemsize:
            region = self._add(low, high, view, use, [region])
        return Place(region.frame, elements.first - region.low, elements.strides)

    def _containing(self, low: int, high: int) -> _Region | None:
        index = bisect_right(self._regions, low, key=attrgetter("low"))
        if index and high <= self._regions[index - 1].high:
            return self._regions[index - 1]
        return None

    def _sharing(self, view: _core.View, low: int, high: int, use: int) -> Iterator[_Region | _Packed]:
        """Yield what has bytes in common with a View that lies in no region."""
        by_address = attrgetter("low")
        first = max(bisect_right(self._regions, low, key=by_address) - 1, 0)
        last = bisect_left(self._regions, high, key=by_address)
        for region in self._regions[first:last]:
            if low < region.high and _share(view, region.view):
                yield region
        if not self._packed:
            return
        same = self._packed_by_layout.get(_key(view))
        first = bisect_right(self._packed, low - self._widest, key=by_address)
        last = bisect_left(self._packed, high, key=by_address)
        for packed in self._packed[first:last]:
            if packed.high <= low or (packed is same and packed.place.frame.use >= use):
                continue
            if last - first > MOST_QUESTIONS or _share(view, packed.view):
                yield packed

    def _add(
        self, low: int, high: int, view: _core.View, use: int, rivals: list[_Region | _Packed]
    ) -> _Region:
        """Add a region for a View and for all that share its memory, in place of theirs."""
        owners = [view]
        alignment = min(view.itemsize, LARGEST_ALIGNMENT)
        if rivals:
            self.incomplete = True
            alignment = LARGEST_ALIGNMENT
            low = min(low, *(rival.low for rival in rivals))
            high = max(high, *(rival.high for rival in rivals))
            for packed in rivals:
                if isinstance(packed, _Packed):
                    use = max(use, packed.place.frame.use)
                    owners.append(packed.view)
            for region in [r for r in self._regions if r.low < high and low < r.high]:
                low, high = min(low, region.low), max(high, region.high)
                use = max(use, region.use)
                owners.extend(region.owners)
                self._regions.remove(region)
        added = _Region(low, high, tuple(owners), use, alignment)
        insort(self._regions, added, key=attrgetter("low"))
        return added

    def _place_packed(self, view: _core.View, low: int, high: int, use: int) -> Place:
        key = _key(view)
        packed = self._packed_by_layout.get(key)
        if packed is None:
            packed = _Packed(low, high, view, _packed(view, use))
            self._packed_by_layout[key] = packed
            insort(self._packed, packed, key=attrgetter("low"))
            self._widest = max(self._widest, high - low)
        return packed.place


class Alone:
    """Frames for reducers that are called without a message, by other people's picklers.

    Objects over the same bytes get the same frame for as long as a pickler holds it. Each pickler writes it
    once.
    """

    def __init__(self) -> None:
        self._frames: WeakValueDictionary[tuple[int, int, int], Frame] = WeakValueDictionary()

    def place(self, view: _core.View, use: int) -> Place:
        """Return the place of an object's memory in a frame of just these bytes."""
        elements = Elements(view)
        low, high = elements.low, elements.high
        if low == high:
            return _empty(use)
        if elements.has_gaps:
            return _packed(view, use)  # not kept: the values may change before the next message
        frame = self._frames.get((low, high, use))
        if frame is None or frame.alignment < elements.itemsize:
            frame = _Region(low, high, (view,), use, min(elements.itemsize, LARGEST_ALIGNMENT)).frame
            self._frames[low, high, use] = frame
        return Place(frame, elements.first - low, elements.strides)


alone: Final = Alone()
"""For all reducers without a message in this process."""


def _empty(use: int) -> Place:
    return Place(Frame(_core.view(b"" if use == READ else bytearray()), use, 1, 0), 0, None)


def _packed(view: _core.View, use: int) -> Place:
    block, strides = pack(view)
    if use == READ:
        block = _core.view(block, readonly=True)
    frame = Frame(block, use, min(view.itemsize, LARGEST_ALIGNMENT), 0)
    return Place(frame, 0, None if strides == c_strides(view.shape, view.itemsize) else strides)


def _key(view: _core.View) -> tuple[Any, ...]:
    return view.ptr, view.shape, view.strides, view.dtype


def _share(a: _core.View, b: _core.View) -> bool:
    try:
        return bool(_core.shares_memory(a, b))
    except TooHardError:
        return True
