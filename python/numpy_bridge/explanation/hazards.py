"""Calls of other libraries that must not be made, because they may end the process.

A library that takes memory may not check what our importer checks. So a call is not made if a protocol that
it reads hands out memory that our importer refuses, even if another protocol can share it.
"""

from __future__ import annotations

import array
import mmap
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from numpy_bridge import _core
from numpy_bridge.errors import SharingError
from numpy_bridge.libraries import is_instance
from numpy_bridge.memory import Memory
from numpy_bridge.outcome import Outcome
from numpy_bridge.sharing import Trial

from .offer import Offer

_BUFFER = ("buffer", "__buffer__")
_DLPACK = ("__dlpack_c_exchange_api__", "__dlpack__")
_READ: dict[str, tuple[str, ...]] = {
    "np.asarray(x)": (*_BUFFER, "__array_struct__", "__array_interface__"),
    "np.from_dlpack(x)": _DLPACK,
    "memoryview(x)": _BUFFER,
    "torch.asarray(x)": (*_BUFFER, "__dlpack_c_exchange_api__", "__dlpack__"),
    "torch.as_tensor(x)": ("__cuda_array_interface__", *_DLPACK),
    "torch.tensor(x)": ("__cuda_array_interface__", *_DLPACK),
    "torch.from_dlpack(x)": _DLPACK,
}
"""The protocols that a call may read, of objects that are no ndarrays."""

_WELL_MADE = frozenset(
    (
        *(np.ndarray, np.matrix, np.memmap, np.recarray, _core.View),
        *(memoryview, bytes, bytearray, array.array, mmap.mmap),
    )
)
"""Types that hand out nothing wrong: what they cannot describe they refuse themselves."""

_RAISED = frozenset({"export", "request", "import", "__buffer__", "__dlpack__", "exchange API"})
"""Fields of a refusal that quotes an exception of the producer, which has handed out nothing."""


def hazards(calls: Iterable[str], offer: Offer, answers: Mapping[str, Any]) -> dict[str, Trial]:
    """Return the calls that must not be made, and why.

    `answers` are those of `_core.ask_protocols`: what the libraries would be given.
    """
    calls = list(calls)
    of_torch = [call for call in calls if call.startswith("torch.")]
    refused = _refused_by_torch(answers) if of_torch else {}
    found = {}
    for call in calls:
        if call in of_torch:
            reason = _hazard_to_torch(call, offer.x, refused)
            if reason:
                found[call] = Trial(Outcome.UNSAFE, f"torch may end the process: {reason}")
                continue
        trial = None if type(offer.x) in _WELL_MADE else _hazard_to_any(call, offer, answers)
        if trial is not None:
            found[call] = trial
    return found


def _hazard_to_torch(call: str, x: Any, refused: Mapping[str, SharingError]) -> str:
    """Return why a call of torch must not be made, by what `to_torch` refuses; empty if it may."""
    if not _is_what_it_says(x):
        return "the object claims another class than its own"
    for protocol, error in refused.items():
        if protocol in _read(call, x) or error.field == "alignment":
            return f"{error.field}: {error.got}"
    return ""


def _hazard_to_any(call: str, offer: Offer, answers: Mapping[str, Any]) -> Trial | None:
    """Return the trial of a call that must not be made, by what our importer says; None if it may."""
    for protocol in _read(call, offer.x):
        answer = answers.get(protocol)
        if isinstance(answer, dict) and not _is_within(answer, offer.memory):
            return Trial(Outcome.UNSAFE, f"it may end the process: {protocol} describes other memory")
        if not isinstance(answer, SharingError):
            continue
        if answer.field not in _RAISED:
            return Trial(Outcome.UNSAFE, f"it may end the process: {answer}")
        if protocol in _DLPACK:  # others ask it in other words
            return Trial(Outcome.UNTRIED, str(answer))
    return None


def _is_within(answer: Mapping[str, Any], memory: Memory | None) -> bool:
    """Whether a protocol describes nothing but what `view` shares, which is known to be small or cut."""
    if memory is None or answer["low"] == answer["high"]:
        return True
    return bool(memory.low <= answer["low"] and answer["high"] <= memory.high)


def _read(call: str, x: Any) -> tuple[str, ...]:
    """Return the protocols that a call may read. Arrays of NumPy are read as they are, or through DLPack."""
    if not is_instance(x, np.ndarray):
        return _READ.get(call, ())
    return _DLPACK if "from_dlpack" in call else ()


def _refused_by_torch(answers: Mapping[str, Any]) -> dict[str, SharingError]:
    """Return why `to_torch` refuses what a protocol hands out, apart from being read-only."""
    errors = {name: _error_of_torch(answer) for name, answer in answers.items() if isinstance(answer, dict)}
    return {name: error for name, error in errors.items() if error is not None}


def _error_of_torch(answer: Mapping[str, Any]) -> SharingError | None:
    ptr, shape, dtype, strides, device = (
        answer[name] for name in ("ptr", "shape", "dtype", "strides", "device")
    )
    try:
        _core.to_torch(_core.from_pointer(ptr, shape, dtype, strides, device, None, False))
    except SharingError as error:
        return error.with_traceback(None)
    except ImportError:  # another thread is importing torch, which has no functions to call yet
        return None
    return None


def _is_what_it_says(x: Any) -> bool:
    """Whether `__class__` is the type. torch believes it, and reads the fields of a tensor that is none."""
    try:
        return x.__class__ is type(x)
    except Exception:  # a proxy whose object is gone
        return False
