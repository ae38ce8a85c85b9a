"""Tries libraries' calls: on an object that is small and computes nothing, else on a small one like it."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from array import array
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from math import prod
from mmap import mmap
from textwrap import shorten
from typing import Any

import numpy as np

import numpy_bridge as bridge
from numpy_bridge import _core
from numpy_bridge.errors import SharingError
from numpy_bridge.libraries import BY_NAME, is_instance, library_of
from numpy_bridge.memory import Memory
from numpy_bridge.memory.readable import is_readable
from numpy_bridge.outcome import Outcome
from numpy_bridge.processes.layout import c_strides
from numpy_bridge.sharing import Trial, by_address
from numpy_bridge.tensors import is_tensor

from .likeness import MightComputeError, likeness

SMALL = 4096
"""Largest number of bytes that a trial may copy."""

_MOST_DOUBLED_AXES = 8

_BUFFERS = (np.ndarray, np.generic, bytes, bytearray, memoryview, array, mmap)

_of_all_threads = threading.RLock()


def _after_fork() -> None:
    global _of_all_threads
    _of_all_threads = threading.RLock()  # another thread may have held it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def try_calls(calls: Iterable[str], x: Any, memory: Memory, answers: Mapping[str, Any]) -> dict[str, Trial]:
    """Make each call on a small object like `x`, which may be `x` itself: nothing is written to it.

    `answers` are those of `_core.ask_protocols`.
    """
    probe = _probe_of(x, memory, answers)
    if probe is None:
        why = "there is no small object like this one, and it might copy"
        return dict.fromkeys(calls, Trial(Outcome.UNTRIED, why))
    made_anew = is_tensor(x) or is_instance(x, _core.View) or not _is_small(memory)
    if memory.on_host and not is_readable(Memory.of(probe) if made_anew else memory):
        return dict.fromkeys(
            calls, Trial(Outcome.UNSAFE, "it may end the process: the memory cannot be read")
        )
    return {call: _try_call(call, probe) for call in calls}


def values_of(expressions: Iterable[str], x: Any) -> list[tuple[str, Any]]:
    """Evaluate each expression that applies to `x`."""
    found = []
    for expression in expressions:
        with _quiet(), suppress(Exception):
            found.append((expression, eval(expression, _names(x))))
    return found


def _names(x: Any) -> dict[str, Any]:
    """Return the names that calls may use; torch only if the program has imported it."""
    return {"x": x, "np": np, "bridge": bridge, "torch": sys.modules.get("torch")}


def _try_call(call: str, probe: Any) -> Trial:
    with _quiet():
        try:
            result = eval(call, _names(probe))
        except MightComputeError as error:
            return Trial(Outcome.UNTRIED, str(error))
        except Exception as error:
            return Trial(Outcome.REFUSES, _first_sentence(error))
        return by_address(probe, result)


def _probe_of(x: Any, memory: Memory, answers: Mapping[str, Any]) -> Any:
    """Return a small object that libraries treat like `x`; None if there is none.

    A tensor is never passed itself: torch's own `numpy()` would pin its storage permanently. Nor is a View,
    whose address may be made up.
    """
    if is_tensor(x):
        return _small_tensor(x)
    if is_instance(x, _core.View):
        return _small_view(memory)
    computes_nothing = _computes_nothing(x)
    if computes_nothing and _is_small(memory):
        return x
    with suppress(Exception):  # it cannot be sliced
        part = _part(x, memory)
        if type(part) is type(x) and _is_small(Memory.of(part)):
            return part
    return None if computes_nothing else _likeness(x, memory, answers)


def _likeness(x: Any, memory: Memory, answers: Mapping[str, Any]) -> Any:
    alike = likeness(x, _small_view(memory), answers)
    try:
        return None if alike is None or not Memory.of(alike) else alike
    except SharingError:  # a View does not hand out such memory by this protocol
        return None


def _computes_nothing(x: Any) -> bool:
    """Whether `x` reports its memory without computing it. Only classes that are known are sure not to."""
    library = BY_NAME.get(library_of(x))
    return is_instance(x, _BUFFERS) or (library is not None and library.cheap_to_ask)


def _is_small(memory: Memory) -> bool:
    """Whether a call may read all of it. An axis without elements hides how long the others are."""
    return prod(extent or 1 for extent in memory.shape) * memory.itemsize <= SMALL


def _part(x: Any, memory: Memory) -> Any:
    """Return the first elements along each axis; new memory where slicing is slow or impossible."""
    if is_instance(x, memoryview) and len(memory.shape) > 1:
        view: Any = _small_view(memory)
        small = memoryview(view)
        return small if small.format == x.format else None
    library, corner = library_of(x), _corner(memory)
    if library == "jax":  # compiles a program for each slice
        values = np.ones([axis.stop for axis in corner], x.dtype)
        return sys.modules["jax"].device_put(values, next(iter(x.devices())))
    sliced = x.iloc if library == "pandas" else x
    return sliced[corner if len(corner) > 1 else corner[0]]


def _corner(memory: Memory) -> tuple[slice, ...]:
    """Return the first two elements of a few axes, negative strides first, and one of the others.

    Of a single axis there are eight, because some calls read bytes as larger elements.
    """
    if len(memory.shape) == 1:
        return (slice(0, min(memory.shape[0], 8)),)
    by_sign = sorted(range(len(memory.shape)), key=lambda axis: memory.strides[axis])
    doubled = set(by_sign[:_MOST_DOUBLED_AXES])
    return tuple(
        slice(0, min(memory.shape[axis], 2 if axis in doubled else 1)) for axis in range(len(memory.shape))
    )


def _small_view(memory: Memory) -> _core.View:
    """Return new memory with strides of the same signs and divisors, and the same alignment.

    Contiguous memory stays contiguous.
    """
    shape = [axis.stop for axis in _corner(memory)]
    strides = [(abs(s) % 64 + 64) * (-1 if s < 0 else 1) if s else 0 for s in memory.strides]
    if memory.c_contiguous:
        strides = list(c_strides(shape, memory.itemsize))
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
    """Return a new tensor of one element with the dtype, device and flags of `x`."""
    torch: Any = sys.modules["torch"]
    try:
        with torch.enable_grad():
            small = torch.zeros(1, dtype=x.dtype, device=x.device)
            if x.is_neg() or x.is_conj():
                small = small + (1j if x.is_complex() else 1)
            small.requires_grad_(x.requires_grad)
            small = small.conj() if x.is_conj() else small
            return small._neg_view() if x.is_neg() else small
    except Exception:  # some subclasses cannot be made this way
        return None


def _first_sentence(error: Exception) -> str:
    sentence = next(iter(str(error).replace("\n  -", "").splitlines()), "").partition(". ")[0]
    text = shorten(sentence, 160, placeholder=" ...")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress warnings, without using up those that torch gives once per process.

    Warning filters belong to all threads, so one thread at a time changes and restores them.
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
