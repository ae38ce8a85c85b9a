"""The arrays of a message, each by itself: what pickle, and what another process, gets of it.

All of it is read before the call, which may move a tensor's storage.
"""

from __future__ import annotations

import copyreg
import functools
import math
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from numpy_bridge import _core
from numpy_bridge.errors import SharingError
from numpy_bridge.processes import pickling
from numpy_bridge.processes.layout import bounds, has_gaps
from numpy_bridge.tensors import is_tensor

from .operands import Operand, Trait, operand_of

PICKLED = "its bytes are pickled into the message"
PACKED = "its elements have gaps between them, and are first copied together"
WHOLE_STORAGE = "all of its storage is pickled into the message, not only its elements"
MOVED = "torch moves its storage to new shared memory"
COPIED_ONCE = "its bytes are copied once, into new shared memory"
IN_SHARED_MEMORY = "it is in shared memory, and a handle is sent"
HANDLE = "a handle of the block is sent"

_WITHOUT = {Trait.NO_MEMORY, Trait.NOT_STRIDED, Trait.MASKED}


class Part(NamedTuple):
    """One array of a message.

    Parameters
    ----------
    operand : Operand
        Its description.
    copied : int
        Bytes that are copied, unless a `buffer_callback` takes them; 0 if a handle is sent.
    reason : str
        Why.
    block : int
        Identifies the memory that is copied, which several tensors may have in common.
    curable : bool
        True if what is proposed instead copies nothing.
    by_buffer : bool
        True if pickle passes its memory to a `buffer_callback`.
    """

    operand: Operand
    copied: int
    reason: str
    block: int
    curable: bool
    by_buffer: bool = False


def in_message(x: Any) -> Part | None:
    """Describe what `pickle.dumps` does with an array; None if that is unknown, or if it has no memory."""
    reducer = copyreg.dispatch_table.get(type(x))
    operand = _described(x, reducer)
    if operand is None or not (reducer is None or _is_ours(reducer)):
        return None
    if type(x) is _core.SharedBlock:
        return Part(operand, 0, HANDLE, id(x), curable=True)
    own = _has_our_reduction(x, operand)
    gaps = has_gaps(*_layout(x))
    curable = own and not gaps
    if own and (reducer is not None or type(x) is _core.View):
        return Part(operand, _size(x), PACKED if gaps else PICKLED, id(x), curable, by_buffer=not gaps)
    if is_tensor(x):  # each one is pickled with all of its storage, also if others have that too
        size = x.untyped_storage().nbytes()
        return Part(operand, size, WHOLE_STORAGE if size > operand.nbytes else PICKLED, id(x), curable)
    whole = type(x) is np.ndarray and (x.flags.c_contiguous or x.flags.f_contiguous)
    return Part(operand, operand.nbytes, PICKLED, id(x), curable, by_buffer=whole)


def to_process(x: Any) -> Part | None:
    """Describe what multiprocessing sends of an array; None if that is unknown, or if it has no memory."""
    reducer = _reducer(type(x))
    operand = _described(x, reducer)
    if operand is None:
        return None
    curable = _has_name(operand.dtype)
    if reducer is None and is_tensor(x):
        reducer = _reducer(type(x.untyped_storage()))  # its own pickling sends that
    if str(getattr(reducer, "__module__", "")).startswith("torch."):
        if x.is_shared():
            return Part(operand, 0, IN_SHARED_MEMORY, id(x), curable=True)
        storage = x.untyped_storage()
        return Part(operand, storage.nbytes(), MOVED, storage._cdata, curable)
    if not (reducer is None or _is_ours(reducer)):
        return None
    if type(x) is _core.SharedBlock:
        return Part(operand, 0, HANDLE, id(x), curable=True)
    own = _has_our_reduction(x, operand)
    if own and (reducer is not None or type(x) is _core.View):
        reason = COPIED_ONCE if _is_sent_once(reducer, operand) else PICKLED
        return Part(operand, _size(x), reason, id(x), curable=True)
    return None if is_tensor(x) else Part(operand, operand.nbytes, PICKLED, id(x), curable)


def _is_sent_once(reducer: Any, operand: Operand) -> bool:
    """Whether a reducer sends a handle of new shared memory: that for one receiver, of large arrays."""
    if reducer is not pickling.reduce_for_one_receiver:
        return False
    from numpy_bridge.processes.one_receiver import LEAST

    return operand.nbytes >= LEAST


def _described(x: Any, reducer: Any) -> Operand | None:
    if reducer is None and not _reduces_as_usual(x):
        return None
    operand = operand_of(x)
    if operand.traits & _WITHOUT or operand.device != "cpu" or not operand.nbytes:
        return None
    if x.is_nested if is_tensor(x) else getattr(x.dtype, "hasobject", False):
        return None
    return operand


def _reducer(kind: type) -> Any:
    """Return the function that multiprocessing reduces a type with; None if objects do it themselves."""
    pickler = getattr(sys.modules.get("multiprocessing.reduction"), "ForkingPickler", None)
    return getattr(pickler, "_extra_reducers", {}).get(kind) or copyreg.dispatch_table.get(kind)


def _is_ours(reducer: Any) -> bool:
    return str(getattr(reducer, "__module__", "")).startswith("numpy_bridge.")


def _reduces_as_usual(x: Any) -> bool:
    """Whether a type is pickled as its library pickles its own: a subclass may send anything."""
    kind: Any = type(x)
    if kind in (_core.View, _core.SharedBlock):
        return True
    if is_tensor(x):
        torch = sys.modules["torch"]
        return kind is torch.nn.Parameter or kind.__reduce_ex__ is torch.Tensor.__reduce_ex__
    return kind.__reduce_ex__ is np.ndarray.__reduce_ex__ and kind.__reduce__ is np.ndarray.__reduce__


def _has_our_reduction(x: Any, operand: Operand) -> bool:
    """Whether our reducers describe an array themselves, instead of leaving it to its library."""
    if not _has_name(operand.dtype):
        return False
    if is_tensor(x):
        return bool(x.is_leaf and not any(getattr(x, "names", ())))
    return type(x) in (np.ndarray, _core.View)


def _layout(x: Any) -> tuple[Sequence[int], Sequence[int], int]:
    if not is_tensor(x):
        return x.shape, x.strides, x.itemsize
    size = x.element_size()
    return x.shape, [step * size for step in x.stride()], size


def _size(x: Any) -> int:
    """Return the bytes that our reducers send: from the first element to the last, or of all, if packed."""
    shape, strides, itemsize = _layout(x)
    if has_gaps(shape, strides, itemsize):
        return math.prod(shape) * itemsize
    low, high = bounds(shape, strides, itemsize)
    return high - low


@functools.lru_cache(maxsize=256)
def _has_name(dtype: str) -> bool:
    """Whether there are Views and blocks of a dtype."""
    try:
        _core.from_pointer(0, (0,), dtype, None, "cpu", None, False)
    except SharingError:
        return False
    return True
