"""Whether a call shared or copied, decided by where the memory lies, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from .calls import Call
from .memory import NOWHERE, TEXT_OF_TENSORFLOW, VARIABLE, Memory, memory_of
from .record import COPIED, SHARED, UNKNOWN
from .sharing import Handed, address_in, block, scalar_shares, share

_OURS = "bridge."
_TIMES = ("datetime64", "timedelta64")
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
        reason += call.note if outcome == SHARED else ""
        return Verdict(given, made, outcome, made.nbytes, reason, "", asked=False)
    if reason:
        return Verdict(given, made, COPIED, made.nbytes, reason, "", asked=True)
    explicit = _explicit(keywords)
    moved = given.is_array and given.device != made.device
    values = not given.is_array or _is_number(made)
    asked = bool(call.asked or explicit or moved or values or call.label.startswith(_OURS))
    reason = "; ".join(_reasons(call, explicit, given, made))
    return Verdict(given, made, COPIED, made.nbytes, reason, _alternative(call, given, made), asked)


def _outcome(source: Any, result: Any, given: Memory, made: Memory) -> tuple[str, str]:
    if result is source:
        return SHARED, "the argument itself is returned"
    if type(result).__name__ == "PyCapsule" and given.nbytes:
        return _outcome_of_capsule(Handed(address_in(result)), source, given)
    if isinstance(source, Handed) and made.nbytes:
        return _outcome_of_capsule(source, result, made)
    if isinstance(source, np.generic) and scalar_shares(source, result):
        return SHARED, "the same memory"
    if type(result).__name__ == "PyCapsule" or isinstance(source, Handed):
        return SHARED, "there are no elements to copy"
    if not given.is_array or not made.is_array or given.device != made.device:
        return COPIED, ""
    if NOWHERE in given.traits | made.traits:
        return UNKNOWN, "there is no memory"
    if "not strided" in given.traits | made.traits:
        return UNKNOWN, "the parts of a sparse tensor may be shared or copied"
    if made.nbytes == 0:
        return SHARED, "there are no elements to copy"
    if given.device != "cpu" and "tensorflow" in (given.library, made.library):
        return UNKNOWN, "TensorFlow shows memory of a device only as a copy on the host"
    known = ("numpy", "torch", "python", *_ANSWERS_CHEAPLY)
    if given.library not in known:
        return UNKNOWN, f"asking {given.kind} where its memory is might compute it anew"
    shared = share(source, result)
    in_parts = given.library == "pyarrow" and not shared and not block(source, result)
    if in_parts or (shared is None and given.library in _ANSWERS_CHEAPLY):
        return COPIED, f"{given.kind} has no memory to share: its values are put together"
    if shared is None:
        return UNKNOWN, f"{made.kind} does not say where its memory is"
    if not shared:
        return COPIED, ""
    if given.library == "python" and given.dtype != made.dtype:
        return SHARED, f"its bytes are read as {made.dtype}"
    return SHARED, "the same memory"


def _outcome_of_capsule(capsule: Handed, other: Any, memory: Memory) -> tuple[str, str]:
    """What a capsule has to do with the array that it was made of, or that was made of it."""
    shared = share(capsule, other)
    if shared is None or not capsule.address:
        return UNKNOWN, f"{memory.kind} or its capsule does not say where the memory is"
    return (SHARED, "the same memory") if shared else (COPIED, "")


def _explicit(keywords: Mapping[str, Any]) -> str:
    """The keyword that asks for a copy in so many words."""
    return next((f"{name}=True" for name in ("copy", "force") if keywords.get(name) is True), "")


def _reasons(call: Call, explicit: str, given: Memory, made: Memory) -> list[str]:
    if not given.is_array:
        return [call.copies if call.registry else _no_block(given)]
    if _is_number(made):
        return [_no_block(made)]
    reasons = [f"{explicit} asks for it"] if explicit else []
    if given.device != made.device:
        reasons.append(f"it moves from {given.device} to {made.device}")
    if _changes_dtype(given, made):
        reasons.append(f"the dtype changes from {given.dtype} to {made.dtype}")
    if given.dtype == made.dtype == "bool" and made.library == "pyarrow":
        reasons.append("Arrow keeps a bit for each bool")
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


def _is_number(memory: Memory) -> bool:
    return memory.kind in _NUMBERS or memory.kind.endswith(" scalar")


def _no_block(given: Memory) -> str:
    if _is_number(given):
        return "a number is no block of memory"
    if given.kind == TEXT_OF_TENSORFLOW:
        return "text is no block of numbers: its characters are converted"
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
    if not given.is_array or _is_number(made) or given.device != made.device:
        return ""
    if made.is_array and given.library == made.library:
        return _alternative_within(given, made)
    if made.library == "torch":
        code = _to_torch(given)
    elif made.dtype.startswith(_TIMES):
        return "np.asarray(x)"
    elif made.library == "numpy" or (made.library == "python" and not made.is_array):
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
    return f"bridge.to_torch({_shareable(given)}, allow_readonly=True)" if immutable else "bridge.to_torch(x)"


def _torch_has(dtype: str) -> bool:
    import torch

    return isinstance(getattr(torch, dtype, None), torch.dtype)


def _to_numpy(given: Memory) -> str:
    if given.traits & set(_NOT_FOR_NUMPY) or given.device != "cpu":
        return ""
    if given.library == "torch" and not _numpy_has(given.dtype):
        return ""
    return f"bridge.to_numpy({_shareable(given)})"


def _shareable(given: Memory) -> str:
    """What of `x` can be shared."""
    if VARIABLE in given.traits:
        return "x.value()"
    return "x.detach()" if given.library == "torch" and "requires grad" in given.traits else "x"


def _numpy_has(dtype: str) -> bool:
    try:
        np.dtype(dtype)
    except TypeError:
        return False
    return True
