"""Calls that pickle, or send to another process: how many bytes of arrays, and what would send none."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from numpy_bridge import _core, libraries
from numpy_bridge.outcome import Outcome
from numpy_bridge.tensors import is_tensor

from .calls import Call, Sends
from .modes import is_tracing, torch_functions_disabled
from .operands import Operand, Trait, operand_of
from .verdict import Verdict

_MOST = 1000
"""How many objects of a list, tuple or dict are looked at."""

_BLOCK = "a block of bridge.shared_empty(shape, dtype) with x created in it"
_OUT_OF_BAND = "bridge.dumps(x, buffer_callback=buffers.append)"

PICKLED = "its bytes are pickled into the message"
WHOLE_STORAGE = "all of its storage is pickled into the message, not only its elements"
MOVED = "torch moves its storage to new shared memory"
IN_SHARED_MEMORY = "it is in shared memory, and a handle is sent"
HANDLE = "a handle of the block is sent"
OUT_OF_BAND = "its bytes are sent beside the message"


class _Part(NamedTuple):
    """One array of a message.

    Parameters
    ----------
    operand : Operand
        Its description.
    copied : int
        Bytes that are copied to send it to a process; 0 if a handle is sent.
    reason : str
        Why.
    out_of_band : bool
        True if `bridge.dumps` sends it without a copy.
    block : int
        Identifies the memory that is copied, which several tensors may have in common.
    """

    operand: Operand
    copied: int
    reason: str
    out_of_band: bool
    block: int


class Outgoing(NamedTuple):
    """The arrays of an object that is sent, as they were before: sending may move them."""

    kind: str
    parts: Sequence[_Part]


def outgoing(x: object) -> Outgoing | None:
    """Describe the arrays in `x`; None if there are none whose bytes are sent."""
    arrays = list(_arrays(x))
    if not arrays or is_tracing():
        return None
    with torch_functions_disabled():
        found = [part for each in arrays if (part := _part(each))]
    if not found:
        return None
    kinds = list(dict.fromkeys(part.operand.kind for part in found))
    names = ", ".join(kinds[:3]) + (", …" if len(kinds) > 3 else "")
    alone = not isinstance(x, list | tuple | dict)
    return Outgoing(names if alone else f"{type(x).__name__} of {names}", found)


def judge_message(call: Call, sent: Outgoing, message: object) -> Verdict:
    """Say what a call has copied to send arrays."""
    source = Operand("python", sent.kind, is_array=False)
    result = Operand("python", call.sends.value, is_array=False)
    if call.sends is Sends.MESSAGE:
        outcome, nbytes, reason = _pickled(sent.parts, len(message) if isinstance(message, bytes) else 0)
        instead = _OUT_OF_BAND if all(part.out_of_band for part in sent.parts) else ""
    else:
        outcome, nbytes, reason = _sent(sent.parts)
        instead = _BLOCK
    copied = outcome is Outcome.COPIES
    return Verdict(source, result, outcome.past, nbytes, reason, instead if copied else "", asked=copied)


def _pickled(parts: Sequence[_Part], length: int) -> tuple[Outcome, int, str]:
    """Compare the length of the message with the bytes of the arrays."""
    in_message = [part for part in parts if part.reason != HANDLE]
    total = sum(part.operand.nbytes for part in in_message)
    if not in_message:
        return Outcome.SHARES, sum(part.operand.nbytes for part in parts), HANDLE
    if length < total:
        return Outcome.SHARES, total, OUT_OF_BAND
    return Outcome.COPIES, length, WHOLE_STORAGE if length > 2 * total + 4096 else PICKLED


def _sent(parts: Sequence[_Part]) -> tuple[Outcome, int, str]:
    copied = [part for part in parts if part.copied]
    reasons = "; ".join(dict.fromkeys(part.reason for part in copied or parts))
    if copied:
        blocks = {part.block: part.copied for part in copied}
        return Outcome.COPIES, sum(blocks.values()), reasons
    return Outcome.SHARES, sum(part.operand.nbytes for part in parts), reasons


def _arrays(x: object) -> Iterator[Any]:
    """Yield each array in `x` once, in lists, tuples and dicts too."""
    todo, seen = [x], set[int]()
    while todo and len(seen) < _MOST:
        each = todo.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if type(each) in (list, tuple):
            todo.extend(reversed(each[:_MOST]))  # type: ignore[index]
        elif type(each) is dict:
            todo.extend(reversed(list(islice(each.values(), _MOST))))
        elif is_tensor(each) or libraries.is_instance(each, (np.ndarray, _core.View)):
            yield each


def _part(x: Any) -> _Part | None:
    operand = operand_of(x)
    unclear = operand.traits & {Trait.NO_MEMORY, Trait.NOT_STRIDED, Trait.MASKED}
    if unclear or operand.device != "cpu" or not operand.nbytes or operand.dtype == "object":
        return None
    if is_tensor(x):
        return _part_of_tensor(x, operand)
    if libraries.is_instance(x, _core.SharedBlock):
        return _Part(operand, 0, HANDLE, True, id(x))
    plain = type(x) in (np.ndarray, _core.View) and _is_dense(x.shape, x.strides, x.itemsize)
    return _Part(operand, operand.nbytes, PICKLED, plain, id(x))


def _part_of_tensor(x: Any, operand: Operand) -> _Part | None:
    if x.is_nested:  # has no strides
        return None
    dense = _is_dense(x.shape, [step * x.element_size() for step in x.stride()], x.element_size())
    if not _moves(type(x)):
        return _Part(operand, operand.nbytes, PICKLED, dense and x.is_leaf, id(x))
    if x.is_shared():
        return _Part(operand, 0, IN_SHARED_MEMORY, dense and x.is_leaf, id(x))
    storage = x.untyped_storage()
    return _Part(operand, storage.nbytes(), MOVED, dense and x.is_leaf, storage._cdata)


def _is_dense(shape: Sequence[int], strides: Sequence[int], itemsize: int) -> bool:
    """Whether the elements, of which there are some, have no gaps between them."""
    span = sum((n - 1) * abs(step) for n, step in zip(shape, strides, strict=True)) + itemsize
    return span == math.prod(shape) * itemsize


def _moves(kind: type) -> bool:
    """Whether multiprocessing sends tensors of a type in torch's shared memory, as it does by default."""
    pickler = getattr(sys.modules.get("multiprocessing.reduction"), "ForkingPickler", None)
    reducer = getattr(pickler, "_extra_reducers", {}).get(kind)
    return str(getattr(reducer, "__module__", "")).startswith("torch.")
