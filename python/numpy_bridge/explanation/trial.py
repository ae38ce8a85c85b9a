"""Finding out what a library's call does, by making it: on the object where it is small, else on a part."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import shorten
from typing import Any, Literal, NamedTuple

import numpy as np

import numpy_bridge as bridge
from numpy_bridge import _core
from numpy_bridge._core import to_numpy
from numpy_bridge.errors import SharingError
from numpy_bridge.tensors import is_tensor

from .memory import Memory
from .owners import type_name

Outcome = Literal["shares", "copies", "refuses", "wrong", "unsafe", "untried"]

UNPROTECTED = "can be written, although the memory is read-only"

SMALL = 4096
"""Bytes that may be copied to find out."""

_MOST_DOUBLED_AXES = 8

_of_all_threads = threading.RLock()


class Trial(NamedTuple):
    """What came of a call, and why."""

    outcome: Outcome
    because: str = ""


def names(x: Any) -> dict[str, Any]:
    """What the calls that are shown may use; torch only where the program has imported it."""
    return {"x": x, "np": np, "bridge": bridge, "torch": sys.modules.get("torch")}


def try_call(call: str, probe: Any) -> Trial:
    """Make the call on the probe and see by address and value what it did."""
    with quiet():
        try:
            result = eval(call, names(probe))
        except Exception as error:  # whatever a library refuses with
            return Trial("refuses", _first_sentence(error))
        return _judge(result, probe)


def probe_of(x: Any, memory: Memory) -> Any:
    """Something small that a library treats as it would treat `x`; None where there is nothing like that.

    A tensor is never passed itself, since torch's own `numpy()` would pin its storage for good; nor is a
    View, whose memory may be an address that somebody made up.
    """
    if is_tensor(x):
        return _small_tensor(x)
    if isinstance(x, _core.View):
        return _small_view(memory)
    if memory.nbytes <= SMALL:
        return x
    try:
        part = x[_corner(memory)] if isinstance(x, np.ndarray) else x[:16]
    except Exception:  # no sequence, or none that can be cut
        return None
    return part if type(part) is type(x) else None


def _corner(memory: Memory) -> tuple[slice, ...]:
    """The first two of each axis; of a few axes only, those with negative strides first."""
    by_sign = sorted(range(len(memory.shape)), key=lambda axis: memory.strides[axis])
    doubled = set(by_sign[:_MOST_DOUBLED_AXES])
    return tuple(
        slice(0, min(memory.shape[axis], 2 if axis in doubled else 1)) for axis in range(len(memory.shape))
    )


def _small_view(memory: Memory) -> _core.View:
    """New memory of the same kind: signs, alignment and divisors of strides count, their length does not."""
    shape = [axis.stop for axis in _corner(memory)]
    strides = [(abs(s) % 64 + 64) * (-1 if s < 0 else 1) if s else 0 for s in memory.strides]
    reach = sum(abs(stride) for stride in strides)
    block = np.ones(2 * reach + 256, np.uint8)
    first = block.ctypes.data + reach + 64
    first += (memory.ptr - first) % 64
    return bridge.from_pointer(
        first,
        shape,
        memory.dtype,
        strides=strides,
        device=memory.device,
        owner=block,
        readonly=memory.readonly,
    )


def _small_tensor(x: Any) -> Any:
    """A new tensor of one element with the dtype, device and flags of `x`."""
    torch: Any = sys.modules["torch"]
    try:
        with torch.enable_grad():
            small = torch.zeros(1, dtype=x.dtype, device=x.device)
            if x.is_neg() or x.is_conj():
                small = small + (1j if x.is_complex() else 1)
            small.requires_grad_(x.requires_grad)
            small = small.conj() if x.is_conj() else small
            return small._neg_view() if x.is_neg() else small
    except Exception:  # kinds of tensors that cannot be made like that
        return None


def _judge(result: Any, probe: Any) -> Trial:
    try:
        made, given = Memory.of(result), Memory.of(probe)
    except (SharingError, TypeError):
        return Trial("wrong", f"a {type_name(result)}{_of_dtype(result)}")
    if not given.size:
        return Trial("shares", "there are no elements")
    if not _core.shares_memory(result, probe):
        changed = f"{given.dtype} becomes {made.dtype}" if made.dtype != given.dtype else ""
        return Trial("copies", changed) if _same_values(result, probe) else Trial("wrong", changed)
    if not _same_values(result, probe):
        return Trial("wrong", _misread(made, given))
    if given.readonly and not made.readonly:
        return Trial("wrong", UNPROTECTED)
    return Trial("shares", "read-only" if made.readonly else "")


def _of_dtype(result: Any) -> str:
    """The dtype of what is no array of numbers. That of text holds its length, which is the probe's."""
    dtype = getattr(result, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind in "SU":
        return f" of text ({dtype.type.__module__}.{dtype.type.__name__})"
    return f" of dtype {dtype}" if dtype else ""


def _misread(made: Memory, given: Memory) -> str:
    if made.dtype != given.dtype:
        return f"the bytes of {given.dtype} are read as {made.dtype}"
    return "the stored values, without what the tensor makes of them"


def _same_values(result: Any, probe: Any) -> bool:
    """Whether the elements are equal, as far as the result's dtype can hold them."""
    if not Memory.of(probe).on_host:
        return True
    try:
        made, given = to_numpy(result, copy=True), to_numpy(probe, copy=True)
    except SharingError:  # memory of a device that cannot be used here
        return True
    return made.tobytes() == given.astype(made.dtype).tobytes()


def _first_sentence(error: Exception) -> str:
    sentence = next(iter(str(error).splitlines()), "").partition(". ")[0]
    text = shorten(sentence, 160, placeholder=" ...")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


@contextmanager
def quiet() -> Iterator[None]:
    """No warnings, and those that torch gives once in a process are not used up.

    Filters of warnings are those of all threads, so one at a time changes them and puts them back.
    """
    torch: Any = sys.modules.get("torch")
    is_enabled = getattr(torch, "is_warn_always_enabled", None)  # absent while another thread imports torch
    with _of_all_threads, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        always = is_enabled() if is_enabled else True
        try:
            if not always:
                torch.set_warn_always(True)
            yield
        finally:
            if not always:
                torch.set_warn_always(False)
