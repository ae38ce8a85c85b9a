"""Memory maps: the addresses of one or two memories to scale, and their rows one below the other."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import chain, islice
from xml.etree import ElementTree as xml

from numpy_bridge.units import size

from . import Memory, drawing
from .counting import Count
from .drawing import LEFT, PLOT
from .runs import Runs

MOST_ROWS = 12
MOST_PIECES = 128  # of one memory in one row; denser rows are drawn as a pattern
_SMALLEST_CELL = 5.0  # pixels, below which elements side by side are drawn as one run
_LINE_ELEMENTS = 32  # in a row of memory that has only one axis
_ROW_HEIGHT, _LINE = 22, 18

Piece = tuple[int, int]


def memory_map(memories: dict[str, Memory], shared: Count | None = None) -> str:
    """Draw memories with their names; `shared` is the number of bytes that two of them have in common.

    Returns
    -------
    str
        A self-contained SVG document; light or dark like the reader's system.
    """
    picture = drawing.new_picture(", ".join(f"{name}: {_label(m)}" for name, m in memories.items()))
    filled = {name: memory for name, memory in memories.items() if memory.size}
    y = 10.0
    for place, (name, memory) in enumerate(memories.items()):
        y += _LINE
        drawing.key(picture, y, "ab"[place], f"{name}  {_label(memory)}")
    if shared and shared.most:
        y += _LINE
        drawing.key(picture, y, "both", f"in both: {shared} bytes")
    if _comparable(filled.values()):
        y = _address_bars(picture, y + 12, list(filled.values()), shared)
        y = _rows(picture, y + 16, list(filled.values()))
    elif filled:
        drawing.text(picture, 30, y + _LINE, "on different devices, whose addresses can't be compared")
        y += _LINE
    return drawing.finished(picture, y + 12)


def _comparable(memories: Collection[Memory]) -> bool:
    """Return whether there are memories, all in one address space."""
    return len({"host" if memory.on_host else memory.device for memory in memories}) == 1


def _label(memory: Memory) -> str:
    where = "" if memory.device == "cpu" else f", {memory.device}"
    return f"{memory.dtype} {memory.shape}, strides {memory.strides}{where}"


def _address_bars(picture: xml.Element, y: float, memories: list[Memory], shared: Count | None) -> float:
    """Draw all addresses from the lowest to the highest to scale, one bar per memory."""
    low, high = min(m.low for m in memories), max(m.high for m in memories)

    def across(address: int) -> float:
        return LEFT + PLOT * (address - low) / (high - low)

    drawing.text(picture, LEFT, y + 10, f"{low:#x}")
    drawing.text(picture, LEFT + PLOT, y + 10, f"{high:#x}", "end")
    drawing.text(picture, LEFT - 8, y + 10, "address", "end")
    y += 16
    first, last = max(m.low for m in memories), min(m.high for m in memories)
    for place, memory in enumerate(memories):
        gaps = memory.bytes_touched.repeats
        drawing.block(picture, across(memory.low), y, across(memory.high), 12, "ab"[place], dense=bool(gaps))
        if shared and shared.most:
            drawing.block(picture, across(first), y, across(last), 12, "both", dense=bool(gaps))
        y += 15
    drawing.text(picture, LEFT, y + 11, f"{size(high - low)} from the first byte to the last")
    return y + 14


def _rows(picture: xml.Element, y: float, memories: list[Memory]) -> float:
    """Draw memory in lines as long as a row of the larger array, so that its columns are vertical."""
    frame = max(memories, key=lambda m: (len(_steps(m)), m.high - m.low))
    length = _row_length(frame)
    zero, end = min(m.low for m in memories), max(m.high for m in memories)
    origin = _origin(memories, frame, length)
    first = (zero - origin) // length
    count = -((origin - end) // length) - first
    meeting, apart = max(m.low for m in memories), min(m.high for m in memories)
    if count > MOST_ROWS and apart <= meeting:
        drawing.text(picture, LEFT, y + 11, f"{size(meeting - apart)} between them")
        return y + 14
    skipped = max(0, (meeting - origin) // length - 1 - first) if count > MOST_ROWS else 0
    first, count = first + skipped, count - skipped
    start = origin + first * length
    if skipped:
        zero = start
    drawing.text(picture, LEFT - 8, y + 10, "offset", "end")
    drawing.text(picture, LEFT, y + 10, f"lines of {size(length)}{f' from {zero:#x}' if skipped else ''}")
    y += 16
    for begin in range(start, start + min(count, MOST_ROWS) * length, length):
        y = _one_row(picture, y, memories, (begin, begin + length), begin - zero)
    if count > MOST_ROWS:
        drawing.text(picture, LEFT, y + 11, f"and {count - MOST_ROWS:,} more such lines")
        y += 16
    if PLOT * frame.itemsize / length < _SMALLEST_CELL:
        y = _closer(picture, y + 6, memories, frame, meeting, zero)
    return y


def _closer(
    picture: xml.Element, y: float, memories: list[Memory], frame: Memory, begin: int, zero: int
) -> float:
    """Draw one more line, with a few elements."""
    length = _LINE_ELEMENTS * _steps(frame)[0]
    drawing.text(picture, LEFT, y + 10, f"the first {size(length)}, closer")
    return _one_row(picture, y + 16, memories, (begin, begin + length), begin - zero)


def _one_row(picture: xml.Element, y: float, memories: list[Memory], window: Piece, offset: int) -> float:
    begin, end = window
    drawing.text(picture, LEFT - 8, y + 13, f"{offset:+,}", "end")
    drawing.lane(picture, y, _ROW_HEIGHT - 4)
    height = (_ROW_HEIGHT - 4) / len(memories)

    def across(address: int) -> float:
        return LEFT + PLOT * (address - begin) / (end - begin)

    drawn: list[list[Piece]] = []
    for place, memory in enumerate(memories):
        pieces, dense = _pieces_in(memory, window)
        for start, stop in pieces:
            drawing.block(
                picture, across(start), y + place * height, across(stop), height, "ab"[place], dense
            )
        drawn.append([] if dense else pieces)
    for start, stop in _in_both(*drawn) if len(drawn) == 2 else ():
        drawing.block(picture, across(start), y, across(stop), 2 * height, "both")
    for place, memory in enumerate(memories):
        if begin <= memory.ptr < end:
            middle = across(memory.ptr) + min(PLOT * memory.itemsize / (end - begin), 12) / 2
            drawing.dot(picture, middle, y + (place + 0.5) * height)
    return y + _ROW_HEIGHT


def _pieces_in(memory: Memory, window: Piece) -> tuple[list[Piece], bool]:
    """Return the pieces of a memory in the window. If there are too many: their extent, and True.

    Elements that are wide enough to be seen are pieces of their own.
    """
    begin, end = window
    if PLOT * memory.itemsize / (end - begin) >= _SMALLEST_CELL:
        wider = (begin - memory.itemsize + 1, end)
        starts = (range(*piece) for piece in _walk(memory.element_starts, wider))
        firsts = list(islice(chain.from_iterable(starts), MOST_PIECES + 1))
        if len(firsts) <= MOST_PIECES:
            return [(max(start, begin), min(start + memory.itemsize, end)) for start in firsts], False
    runs = memory.bytes_touched
    found = list(islice(_walk(runs, window), MOST_PIECES + 1))
    if len(found) > MOST_PIECES:
        return [(max(runs.start, begin), min(runs.stop, end))], True
    return found, False


def _walk(runs: Runs, window: Piece) -> Iterator[Piece]:
    """Yield the runs in the window, one by one."""
    begin, end = window
    if runs.start >= end or runs.stop <= begin:
        return
    if not runs.repeats:
        yield max(runs.start, begin), min(runs.stop, end)
        return
    step, count = runs.repeats[0]
    inner = runs.at(0)
    first = max(0, (begin - inner.stop) // step + 1)
    last = min(count, -((inner.start - end) // step))
    for k in range(first, last):
        yield from _walk(runs.at(k * step), window)


def _in_both(a: list[Piece], b: list[Piece]) -> list[Piece]:
    met = ((max(x[0], y[0]), min(x[1], y[1])) for x in a for y in b)
    return [piece for piece in met if piece[0] < piece[1]]


def _steps(memory: Memory) -> list[int]:
    """Return the distances between neighbours along the axes that have any, shortest first."""
    pairs = zip(memory.strides, memory.shape, strict=True)
    return sorted({abs(stride) for stride, extent in pairs if extent > 1 and stride})


def _origin(memories: list[Memory], frame: Memory, length: int) -> int:
    """Return where lines begin: if possible, so that no row continues in the next line."""

    def wide(memory: Memory) -> int:
        pairs = zip(memory.strides, memory.shape, strict=True)
        inner = ((abs(stride), extent) for stride, extent in pairs if abs(stride) < length)
        return memory.itemsize + sum(stride * (extent - 1) for stride, extent in inner)

    for start in sorted(memory.low for memory in memories):
        if all((memory.low - start) % length + wide(memory) <= length for memory in memories):
            return start
    return frame.low


def _row_length(memory: Memory) -> int:
    """Return the stride of rows: the shortest one with room for a few elements, else the longest."""
    steps = _steps(memory)
    if not steps:
        return memory.itemsize
    if len(steps) == 1:
        return min(memory.high - memory.low, _LINE_ELEMENTS * steps[0])
    long_enough = (step for step in steps[1:] if step >= 8 * memory.itemsize)
    return next(long_enough, steps[-1])
