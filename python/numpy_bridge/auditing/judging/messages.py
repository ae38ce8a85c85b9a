"""Calls that pickle, or send to another process: how many bytes of arrays, and what would send none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from numpy_bridge import _core, libraries
from numpy_bridge.outcome import Outcome
from numpy_bridge.tensors import is_tensor

from .calls import Call, Sends
from .modes import is_tracing, torch_functions_disabled
from .operands import Operand
from .parts import Part, in_message, to_process
from .verdict import Verdict

_MOST = 1000
"""How many objects of a list, tuple or dict are looked at."""

_BLOCK = "a block of bridge.shared_empty(shape, dtype) with x created in it"
_OUT_OF_BAND = "bridge.dumps(x, buffer_callback=buffers.append)"

OUT_OF_BAND = "its bytes are sent beside the message"
UNCLEAR = "the message is long enough to have its bytes, which buffer_callback may have left there"


class Outgoing(NamedTuple):
    """The arrays of an object that is sent, as they were before: sending may move them."""

    kind: str
    parts: Sequence[Part]


def outgoing(x: object, sends: Sends) -> Outgoing | None:
    """Describe the arrays in `x`; None if there are none whose bytes are sent."""
    arrays = list(_arrays(x))
    if not arrays or is_tracing():
        return None
    describe = in_message if sends is Sends.MESSAGE else to_process
    with torch_functions_disabled():
        found = [part for each in arrays if (part := describe(each))]
    if not found:
        return None
    kinds = list(dict.fromkeys(part.operand.kind for part in found))
    names = ", ".join(kinds[:3]) + (", …" if len(kinds) > 3 else "")
    alone = not isinstance(x, list | tuple | dict)
    return Outgoing(names if alone else f"{type(x).__name__} of {names}", found)


def judge_message(call: Call, options: Mapping[str, Any], sent: Outgoing, message: object) -> Verdict:
    """Say what a call has copied to send arrays."""
    source = Operand("python", sent.kind, is_array=False)
    result = Operand("python", call.sends.value, is_array=False)
    copied = [part for part in sent.parts if part.copied]
    taken: list[Part] = []  # by the callback
    if call.sends is Sends.MESSAGE and options.get("buffer_callback") is not None:
        taken = [part for part in copied if part.by_buffer]
        copied = [part for part in copied if not part.by_buffer]
    if copied:
        instead = _OUT_OF_BAND if call.sends is Sends.MESSAGE else _BLOCK
        nbytes = sum({part.block: part.copied for part in copied}.values())
        curable = all(part.curable for part in copied)
        outcome, reason, instead = Outcome.COPIES, _reasons(copied), instead if curable else ""
    else:
        nbytes, instead = sum(part.operand.nbytes for part in sent.parts), ""
        outcome, reason = Outcome.SHARES, OUT_OF_BAND if taken else _reasons(sent.parts)
        if taken and isinstance(message, bytes) and len(message) >= min(part.copied for part in taken):
            outcome, nbytes, reason = Outcome.UNKNOWN, 0, UNCLEAR
    return Verdict(source, result, outcome.past, nbytes, reason, instead, asked=outcome is Outcome.COPIES)


def _reasons(parts: Sequence[Part]) -> str:
    return "; ".join(dict.fromkeys(part.reason for part in parts))


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
