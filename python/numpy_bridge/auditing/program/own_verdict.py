"""Whether a call of the program copied within one library. Views and numbers are no copies."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from numpy_bridge import _core, libraries
from numpy_bridge.errors import SharingError
from numpy_bridge.outcome import Outcome
from numpy_bridge.tensors import is_tensor

from ..judging.addresses import share
from ..judging.calls import Call
from ..judging.operands import Operand, Trait, has_own_dispatch, operand_of
from ..judging.verdict import Verdict, judge
from .jitted import CALL, judge_argument

_NOTHING = Operand("", "", is_array=False)


def judge_own(call: Call, options: Mapping[str, Any], source: Any, result: Any) -> Verdict | None:
    """Describe the copy that a call made; None if it made none."""
    if call.name == CALL:
        return judge_argument(source, result)
    if call.moves:
        return _judge_transfer(call, options, source, result)
    if options.get("out") is not None or _is_view(call, source, result):
        return None
    made = _made(source, result)
    if made is _NOTHING:
        return None
    given = operand_of(source)
    nbytes = made.nbytes or (given.nbytes if made.library == "python" else 0)
    if not nbytes or Trait.NO_MEMORY in given.traits | made.traits or _shares(source, result):
        return None
    reason, asked, instead = call.copies, call.asked, ""
    if call.name == "astype":
        reason, asked, instead = _of_astype(options, source, result)
    elif options.get("copy") is True:
        reason, asked = "copy=True asks for it", True
    return Verdict(given, made, Outcome.COPIES.past, nbytes, reason, instead, asked)


def _judge_transfer(call: Call, options: Mapping[str, Any], source: Any, result: Any) -> Verdict | None:
    """Describe how a call moved memory; None if it stayed on its device."""
    device = operand_of(source).device
    if device == operand_of(result).device:
        return None
    found = judge(call, options, source, result)
    return found if found.transfer else None


def has_arrays(x: Any) -> bool:
    """Whether an argument is an array, or a list that begins with one."""
    if isinstance(x, np.ndarray) or is_tensor(x):
        return True
    return isinstance(x, list | tuple) and bool(x) and has_arrays(x[0])


def _is_view(call: Call, source: Any, result: Any) -> bool:
    """Whether a result lies in the memory of an array, as the commonest results do."""
    if (
        call.name == CALL
        or isinstance(source, list | tuple)
        or not _has_address(result)
        or _of_pandas(source)
    ):
        return False
    try:
        return _core.may_share_memory(source, result)
    except (SharingError, TypeError):
        return False


def _has_address(x: Any) -> bool:
    """Whether an object is an array that can be asked where it is. A picture would copy its pixels first."""
    return isinstance(x, np.ndarray) or (is_tensor(x) and not has_own_dispatch(type(x)))


def _made(source: Any, result: Any) -> Operand:
    """Describe a result. A list, bytes and a picture are copies too; a number is none."""
    if isinstance(result, bytes | list):
        nbytes = len(result) if isinstance(result, bytes) else 0
        return Operand("python", type(result).__name__, nbytes=nbytes, is_array=False)
    if isinstance(result, np.ndarray) or is_tensor(result):
        return operand_of(result) if has_arrays(source) or _has_memory(source) else _NOTHING
    image: Any = getattr(sys.modules.get("PIL.Image"), "Image", ())
    if isinstance(result, image):
        return Operand("python", f"PIL {result.mode} image", is_array=False)
    return _NOTHING


def _has_memory(x: Any) -> bool:
    return isinstance(x, memoryview) or libraries.library_of(x) in ("pandas", "pillow")


def _of_pandas(x: Any) -> bool:
    """Whether an object is pandas's. A frame that is asked for a protocol looks for a column of that name."""
    return libraries.library_of(x) == "pandas"


def _shares(source: Any, result: Any) -> bool:
    """Whether the result is memory of a frame's column, of a series, or of the array that a picture shows."""
    image: Any = getattr(sys.modules.get("PIL.Image"), "Image", ())
    if isinstance(result, image):
        return bool(result.readonly == 1)  # Pillow maps the memory of the array
    if not _of_pandas(source) or not isinstance(result, np.ndarray):
        return False
    columns = source.iloc[:, 0] if source.ndim == result.ndim == 2 else source
    return bool(share(np.asarray(columns), result))


def _of_astype(options: Mapping[str, Any], source: Any, result: Any) -> tuple[str, bool, str]:
    """Return reason, whether it is asked for, and what shares instead, for a copy by astype."""
    if options.get("copy") is True:
        return "copy=True asks for it", True, ""
    if source.dtype != result.dtype:
        return f"the dtype changes from {source.dtype} to {result.dtype}", True, ""
    if source.strides != result.strides:
        return "the order of the elements changes", True, ""
    name = result.dtype.name
    code = f"np.{name}" if hasattr(np, name) else repr(name)
    return "the dtype is the same already", False, f"x.astype({code}, copy=False)"
