"""Calls that are made again: by the same instruction, with the same kinds of operands and the same outcome.

All that a report says of such calls is the same, but for bytes and time. So only the first one is judged. In
each call memory is compared. Arrays and tensors on the CPU are known so, and numbers and lists. Calls with
other operands, subclasses among them, are judged each time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

import numpy as np

from numpy_bridge import _core
from numpy_bridge.errors import SharingError

from .addresses import scalar_shares
from .call_site import Code, code_of
from .calls import Call, Sends

Key = tuple[Any, ...]

_NUMBERS: frozenset[type] = frozenset({int, float, bool, complex, str, type(None)})
_LISTS: frozenset[type] = frozenset({list, tuple})
_OF_PYTHON = _NUMBERS | _LISTS
_NAMES = frozenset({"dtype", "device", "memory_format", "layout"})
"""The classes of torch that describe tensors."""

_C_CONTIGUOUS = 1
"""The bit in the flags of an array."""


def key_of(
    call: Call, options: Mapping[str, Any], source: Any, result: Any, frame: FrameType | None
) -> tuple[Key, Key] | None:
    """Return what all calls that are reported alike have in common, and what has to live as long as it.

    None if the call has to be judged.
    """
    if call.sends is not Sends.NOTHING or call.module == "jax":  # which judges by addresses
        return None
    made, given = _described(result), _described(source)
    if made is None or given is None or (made[0] is None and not _has_bytes(source, result)):
        return None
    asked = _options(call, options) if options else ()
    place = _place(frame) if asked is not None else None
    if place is None:
        return None
    numbers, codes = place
    try:
        shared = not call.own_lines and type(source) not in _OF_PYTHON and _share(source, result)
    except (SharingError, RuntimeError):  # no memory of its own
        return None
    even = type(source) is type(result) is np.ndarray and source.strides == result.strides
    return (id(call), numbers, asked, given, made, shared, source is result, even), (call, codes)


def stays_in_library(call: Call, source: Any, result: Any) -> bool:
    """Whether the code of a library has made such an array of its own one, or of a number.

    That is never reported.
    """
    if call.registry or call.own_lines:
        return False
    made, given = _described(result), _described(source)
    if made is None or given is None or made[0] is None:
        return False
    if given[0] is None:
        return given[-1] in _OF_PYTHON or isinstance(source, np.generic)
    return (type(source) is np.ndarray) is (type(result) is np.ndarray)


def nbytes_of(source: Any, result: Any) -> int:
    """Return the bytes of a result, or of the array that a list has the elements of."""
    return int(source.nbytes if type(result) is list else result.nbytes)


def _has_bytes(source: Any, result: Any) -> bool:
    """Whether `nbytes_of` knows what counts, for a result that is no array."""
    return type(result) not in _OF_PYTHON or (type(result) is list and type(source) not in _OF_PYTHON)


def _described(x: Any) -> Key | None:
    """Describe an argument or result: an array by its dtype first, other objects by None."""
    kind = type(x)
    describe = _DESCRIBE.get(kind)
    if describe is not None:
        return describe(x)
    if issubclass(kind, np.generic):
        return None, x.dtype, kind
    return _of_tensor(x) if _is_plain_tensor(kind) else None


def _of_ndarray(x: Any) -> Key:
    """Describe an array by all that matters to a verdict, except its memory and its size."""
    flags = x.flags.num
    return x.dtype, flags, not x.nbytes, None if flags & _C_CONTIGUOUS else (x.shape, x.strides)


def _of_tensor(x: Any) -> Key | None:
    """Describe a tensor on the CPU in the same way; None for what torch.func wraps."""
    if not (x.is_cpu and x.layout is sys.modules["torch"].strided):
        return None
    try:
        x.untyped_storage()
    except (RuntimeError, NotImplementedError):
        return None
    bits = x.is_contiguous(), x.is_neg(), x.is_conj(), x.requires_grad, not x.numel()
    return x.dtype, type(x), bits


def _of_list(x: Any) -> Key | None:
    """Describe a list as reports do, by its first element."""
    first = type(x[0]) if x else type(None)
    inner = _of_list(x[0]) if first in _LISTS else None
    known = inner or first in _NUMBERS or first is np.ndarray or _is_plain_tensor(first)
    return (None, type(x), bool(x), inner, first) if known else None


def _of_number(x: Any) -> Key:
    return None, type(x)


_DESCRIBE: Mapping[type, Callable[[Any], Key | None]] = {
    np.ndarray: _of_ndarray,
    **dict.fromkeys(_LISTS, _of_list),
    **dict.fromkeys(_NUMBERS, _of_number),
}


def _is_plain_tensor(kind: type) -> bool:
    torch: Any = sys.modules.get("torch")
    return torch is not None and (kind is torch.Tensor or kind is torch.nn.Parameter)


def _share(source: Any, result: Any) -> bool:
    """Whether two objects have memory in common. Gradients do not matter to that."""
    if type(result) is list:
        return False
    if isinstance(source, np.generic):
        return scalar_shares(source, result)
    return _core.may_share_memory(_without_gradient(source), _without_gradient(result))


def _without_gradient(x: Any) -> Any:
    return x if type(x) is np.ndarray or not x.requires_grad else x.detach()


def _options(call: Call, options: Mapping[str, Any]) -> Key | None:
    """Describe the other arguments of a call; None if they may be anything."""
    if call.own_lines:  # of which two count
        return None if options.get("out") is not None else (options.get("copy") is True,)
    if not all(map(_is_plain, options.values())):
        return None
    return tuple((name, type(value), value) for name, value in options.items())


def _is_plain(value: Any) -> bool:
    kind = type(value)
    return kind in _NUMBERS or kind is type or (kind.__module__ == "torch" and kind.__name__ in _NAMES)


def _place(frame: FrameType | None) -> tuple[Key, Key] | None:
    """Return the instructions that run, from the innermost to the program's own, and their code.

    The numbers of code objects are compared, as their hashes take long. None if no code is the program's.
    """
    numbers: list[int] = []
    codes: list[Any] = []
    while frame is not None:
        code = frame.f_code
        codes.append(code)
        numbers += id(code), frame.f_lasti
        if code_of(code.co_filename) is Code.USER:
            return None if code.co_filename == "<string>" else (tuple(numbers), tuple(codes))
        frame = frame.f_back
    return None
