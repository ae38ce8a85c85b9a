"""Whether a call shared or copied, decided by where the memory lies, and why."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from numpy_bridge import _core, capsules
from numpy_bridge.errors import SharingError

from .calls import Call
from .memory import NOWHERE, Memory, memory_of
from .record import COPIED, SHARED, UNKNOWN

may_share_memory = _core.may_share_memory

_OURS = "bridge."
_NUMBERS = ("bool", "int", "float", "complex")
_IMMUTABLE = ("jax", "tensorflow", "pyarrow", "pandas", "polars")
_ANSWERS_CHEAPLY = ("jax", "pandas", "polars", "pyarrow", "bridge", "PIL", "xarray", "cupy", "tensorflow")
_NOT_FOR_TORCH = {
    "negative strides": "torch has no negative strides",
    "odd strides": "torch's strides are whole elements",
    "misaligned": "torch needs aligned elements",
    "swapped": "torch has the machine's byte order only",
}
_NOT_FOR_NUMPY = {
    "negated": "NumPy has no negation bit",
    "conjugated": "NumPy has no conjugation bit",
    "not strided": "the tensor is not strided",
}


class Verdict(NamedTuple):
    """What a call did: the fields of a `Conversion`, and how many bytes it is about."""

    source: Memory
    result: Memory
    outcome: str
    nbytes: int
    reason: str
    alternative: str
    asked: bool


def judge(call: Call, keywords: Mapping[str, Any], source: Any, result: Any) -> Verdict:
    """Compare the memory of what went in with the memory of what came out, while both are alive."""
    given, made = memory_of(source), memory_of(result)
    if not made.is_array:  # a list, or a capsule
        made = made._replace(nbytes=given.nbytes, dtype=given.dtype, device=given.device)
    outcome, reason = _outcome(source, result, given, made)
    if outcome != COPIED:
        return Verdict(given, made, outcome, made.nbytes, reason, "", asked=False)
    if reason:
        return Verdict(given, made, COPIED, made.nbytes, reason, "", asked=True)
    explicit = _explicit(keywords)
    moved = given.is_array and given.device != made.device
    asked = bool(call.asked or explicit or moved or not given.is_array or call.label.startswith(_OURS))
    reason = "; ".join(_reasons(call, explicit, given, made))
    return Verdict(given, made, COPIED, made.nbytes, reason, _alternative(call, given, made), asked)


def _outcome(source: Any, result: Any, given: Memory, made: Memory) -> tuple[str, str]:
    if result is source:
        return SHARED, "the argument itself is returned"
    if type(result).__name__ == "PyCapsule":
        return _outcome_of_capsule(source, result)
    if isinstance(source, np.generic) and _scalar_shares(source, result):
        return SHARED, "the same memory"
    if not given.is_array or not made.is_array or given.device != made.device:
        return COPIED, ""
    if NOWHERE in given.traits | made.traits:
        return UNKNOWN, "there is no memory"
    if "not strided" in given.traits | made.traits:
        return UNKNOWN, "the parts of a sparse tensor may be shared or copied"
    if made.nbytes == 0:
        return SHARED, "there are no elements to copy"
    known = ("numpy", "torch", "python", *_ANSWERS_CHEAPLY)
    if given.library not in known:
        return UNKNOWN, f"asking {given.kind} where its memory is might compute it anew"
    try:
        shared = may_share_memory(source, result)
    except SharingError:
        if given.library in _ANSWERS_CHEAPLY:
            return COPIED, f"{given.kind} has no memory to share: its values are put together"
        shared = _odd_arrays_share(source, result)
    if not shared:
        return COPIED, ""
    if given.library == "python" and given.dtype != made.dtype:
        return SHARED, f"its bytes are read as {made.dtype}"
    return SHARED, "the same memory"


def _scalar_shares(source: Any, result: Any) -> bool:
    """Whether somebody has taken the buffer of a scalar."""
    try:
        return may_share_memory(source, result)
    except (SharingError, TypeError):
        return False


def _odd_arrays_share(source: Any, result: Any) -> bool:
    """Whether arrays share of which one has fields, times, text or Python objects as elements, or a mask."""
    if isinstance(source, np.ndarray) and isinstance(result, np.ndarray):
        return np.may_share_memory(source, result)
    return may_share_memory(_bytes_of(source), _bytes_of(result))


def _bytes_of(x: Any) -> Any:
    if not isinstance(x, np.ndarray) or x.dtype.hasobject:
        return x
    return x.view(np.ndarray)[..., np.newaxis].view(np.uint8)


def _outcome_of_capsule(source: Any, capsule: Any) -> tuple[str, str]:
    """A capsule that nobody has taken yet: the address is read where DLPack puts it."""
    address = _address_in(capsule)
    if not address:
        return UNKNOWN, "the capsule has no address"
    size = source.untyped_storage().nbytes()
    start = source.untyped_storage().data_ptr()
    shared = start <= address < start + max(size, 1)
    return (SHARED, "the same memory") if shared else (COPIED, "")


def _address_in(capsule: Any) -> int:
    start = capsules.pointer_in(capsule)
    if not start:
        return 0
    versioned = capsules.name_of(capsule) == b"dltensor_versioned"
    before = 32 if versioned else 0  # version, context, deleter, flags
    return ctypes.c_void_p.from_address(start + before).value or 0


def _explicit(keywords: Mapping[str, Any]) -> str:
    """The keyword that asks for a copy in so many words."""
    return next((f"{name}=True" for name in ("copy", "force") if keywords.get(name) is True), "")


def _reasons(call: Call, explicit: str, given: Memory, made: Memory) -> list[str]:
    if not given.is_array:
        return [call.copies if call.registry else _no_block(given)]
    reasons = [f"{explicit} asks for it"] if explicit else []
    if given.device != made.device:
        reasons.append(f"it moves from {given.device} to {made.device}")
    if _changes_dtype(given, made):
        reasons.append(f"the dtype changes from {given.dtype} to {made.dtype}")
    if call.copies and not explicit:
        reasons.append(call.copies)
    barriers = {"torch": _NOT_FOR_TORCH, "numpy": _NOT_FOR_NUMPY}.get(made.library, {})
    reasons += [why for trait, why in barriers.items() if trait in given.traits]
    if reasons:
        return reasons
    if _gathers(given, made):
        return ["it is not contiguous, and the result is"]
    if given.library == "python":
        return [f"{call.label} reads its elements one by one"]
    return [f"{call.label} copies from {given.library} here"]


def _no_block(given: Memory) -> str:
    if given.kind in _NUMBERS or given.kind.endswith(" scalar"):
        return "a number is no block of memory"
    if given.library == "python":
        return "Python objects are no block of memory: their values are converted"
    return "several arrays are no one block of memory: they are put together"


def _changes_dtype(given: Memory, made: Memory) -> bool:
    """Whether values are converted. The elements of a buffer, mere bytes often, are not held to a dtype."""
    known = made.is_array and given.library != "python" and given.dtype and made.dtype
    return bool(known) and given.dtype != made.dtype


def _gathers(given: Memory, made: Memory) -> bool:
    return "not contiguous" in given.traits - made.traits


def _alternative(call: Call, given: Memory, made: Memory) -> str:
    """What shares instead, in terms of the argument `x`; empty if nothing does."""
    if not given.is_array or given.device != made.device:
        return ""
    if made.is_array and given.library == made.library:
        return _alternative_within(given, made)
    if made.library == "torch":
        code = _to_torch(given)
    elif made.library == "numpy" or not made.is_array:
        code = _to_numpy(given)
    else:
        return ""
    return f"{code} with x created as {made.dtype}" if code and _changes_dtype(given, made) else code


def _alternative_within(given: Memory, made: Memory) -> str:
    if given.dtype != made.dtype or (
        "not contiguous" in given.traits and "not contiguous" not in made.traits
    ):
        return ""
    return {"numpy": "np.asarray(x)", "torch": "x.detach()"}.get(made.library, "")


def _to_torch(given: Memory) -> str:
    if given.traits & set(_NOT_FOR_TORCH) or not _torch_has(given.dtype):
        return ""
    immutable = "read-only" in given.traits or given.library in _IMMUTABLE
    return "bridge.to_torch(x, allow_readonly=True)" if immutable else "bridge.to_torch(x)"


def _torch_has(dtype: str) -> bool:
    import torch

    return isinstance(getattr(torch, dtype, None), torch.dtype)


def _to_numpy(given: Memory) -> str:
    if given.traits & set(_NOT_FOR_NUMPY) or given.device != "cpu":
        return ""
    if given.library == "torch" and not _numpy_has(given.dtype):
        return ""
    return "bridge.to_numpy(x.detach())" if "requires grad" in given.traits else "bridge.to_numpy(x)"


def _numpy_has(dtype: str) -> bool:
    try:
        np.dtype(dtype)
    except TypeError:
        return False
    return True
