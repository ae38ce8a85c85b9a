"""Did a call share memory? Proved by writing; by address where nothing can be written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np

from numpy_bridge import _core
from numpy_bridge.errors import SharingError
from numpy_bridge.libraries import type_name
from numpy_bridge.memory import Memory
from numpy_bridge.outcome import Outcome

Number = int | float | complex

UNPROTECTED = "can be written, although the memory is read-only"


class Trial(NamedTuple):
    """The outcome of one call, and the reason for it."""

    outcome: Outcome
    because: str = ""


class Side(Protocol):
    """An object whose own library reads and writes its values."""

    def read(self) -> Sequence[Number]:
        """Return all values in one flat sequence."""

    def write(self, values: Sequence[Number]) -> bool:
        """Store a flat sequence of values. Return whether that worked."""


@dataclass(frozen=True)
class Write:
    """All values of one side were written, and those of the other side were read before and after."""

    before: tuple[Number, ...]
    wrote: tuple[Number, ...]
    read: tuple[Number, ...]
    done: bool = field(default=True, kw_only=True)

    @property
    def seen(self) -> int:
        """Number of values that arrived."""
        return sum(wrote == read for wrote, read in zip(self.wrote, self.read, strict=True))

    @property
    def arrived(self) -> bool:
        """True if all values arrived; False if there are none."""
        return self.wrote == self.read != ()

    @property
    def untouched(self) -> bool:
        """True if the side that was read still has its old values."""
        return self.read == self.before


def write_through(writer: Side, reader: Side, before: Sequence[Number], values: Sequence[Number]) -> Write:
    """Write `values` through one side and read them through the other, which held `before`."""
    done = writer.write(values)
    return Write(tuple(before), tuple(values), tuple(reader.read()), done=done)


def by_writing(source: Side, result: Side, held: Sequence[Number], readonly: bool = False) -> Trial:
    """Prove what a call did by writing whole numbers through each side.

    Parameters
    ----------
    source, result : Side
        Argument and result of the call. Both hold other values afterwards.
    held : sequence of numbers
        The values of both sides.
    readonly : bool, optional
        True if the source's memory must not be written.
    """
    forward = write_through(source, result, held, [place + 10 for place in range(len(held))])
    if not forward.done:
        return Trial(Outcome.UNTRIED, "the producer's memory cannot be written, so nothing can be proved")
    trial = judge(forward)
    if trial.outcome is Outcome.WRONG:
        return trial
    backward = write_through(result, source, forward.wrote, [place + 30 for place in range(len(held))])
    return judge(forward, backward, readonly)


def judge(forward: Write, backward: Write | None = None, readonly: bool = False) -> Trial:
    """Name what two writes show: from the source to the result, and back."""
    for write, side in ((forward, "source"), (backward, "result")):
        if write and not (write.arrived or write.untouched):
            return Trial(
                Outcome.WRONG, f"of {shown(write.wrote)} written to the {side}, {shown(write.read)} arrived"
            )
    if backward and backward.arrived:
        if readonly:
            return Trial(Outcome.WRONG, "read-only memory is written through the result")
        if forward.arrived:
            return Trial(Outcome.SHARES)
        return Trial(Outcome.WRONG, "the source sees what the result writes, but not the reverse")
    if forward.arrived:
        new_memory = backward and backward.done
        return Trial(Outcome.READONLY, "a write through the result goes to new memory" if new_memory else "")
    return Trial(Outcome.COPIES)


def shown(values: Sequence[Number]) -> str:
    """Return the first eight values as text."""
    text = ", ".join(f"{value:g}" for value in values[:8]) or "nothing"
    return text + (", …" if len(values) > 8 else "")


def by_address(source: Any, result: Any) -> Trial:
    """Decide what a call did by addresses, values and read-only marks. Nothing is written."""
    try:
        made, given = Memory.of(result), Memory.of(source)
    except (SharingError, TypeError):
        return Trial(Outcome.WRONG, f"a {type_name(result)}{_of_dtype(result)}")
    if not given.size:
        return Trial(Outcome.SHARES, "there are no elements")
    if made.dtype != given.dtype and made.dtype.lstrip("<>|")[0] in "SU":  # text of what is none
        return Trial(Outcome.WRONG, f"a {type_name(result)}{_of_dtype(result)}")
    if not _core.shares_memory(result, source):
        changed = f"{given.dtype} becomes {made.dtype}" if made.dtype != given.dtype else ""
        return Trial(Outcome.COPIES if _same_values(result, source) else Outcome.WRONG, changed)
    if not _same_values(result, source):
        return Trial(Outcome.WRONG, _misread(made, given))
    if given.readonly and not made.readonly:
        return Trial(Outcome.WRONG, UNPROTECTED)
    return Trial(Outcome.READONLY if made.readonly else Outcome.SHARES)


def _of_dtype(result: Any) -> str:
    """Name the dtype of a result that is no array of numbers; of text without its length, which varies."""
    dtype = getattr(result, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind in "SU":
        return f" of text ({dtype.type.__module__}.{dtype.type.__name__})"
    return f" of dtype {dtype}" if dtype else ""


def _misread(made: Memory, given: Memory) -> str:
    if made.dtype != given.dtype:
        return f"the bytes of {given.dtype} are read as {made.dtype}"
    return "the stored values, without what the tensor makes of them"


def _same_values(result: Any, source: Any) -> bool:
    """Return whether the elements are equal, as far as the result's dtype can hold them."""
    if not Memory.of(source).on_host:
        return True
    try:
        made, given = (_core.to_numpy(x, copy=True) for x in (result, source))
    except SharingError:  # memory of a device that cannot be used here
        return True
    return made.tobytes() == given.astype(made.dtype).tobytes()
