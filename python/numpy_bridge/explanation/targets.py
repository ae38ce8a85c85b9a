"""The outcome of each library's and protocol's calls for one object, and the call that shares it.

`_core` decides for our own calls. Calls of imported libraries are made on a small object. For the others
there are measured rules.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from numpy_bridge import _core
from numpy_bridge.errors import SharingError
from numpy_bridge.libraries import BY_NAME
from numpy_bridge.outcome import Outcome
from numpy_bridge.sharing import UNPROTECTED, Trial
from numpy_bridge.tensors import is_tensor

from .description import shareable
from .measured_rules import measured
from .model import Description, Protocol, Target
from .remedies import remedies
from .trial import probe_of, try_call


def _to_numpy(x: Any) -> object:
    return x if type(x) is np.ndarray else _core.to_numpy(shareable(x))


def _to_torch(x: Any) -> object:
    return x if is_tensor(x) else _core.to_torch(shareable(x))


def _dlpack(x: Any) -> object:
    return shareable(x).__dlpack__(max_version=(1, 0))


def _buffer(x: Any) -> object:
    looked_at: Any = shareable(x)
    return memoryview(looked_at)


_DTYPES_OF_TORCH = {
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "bfloat16", "complex64", "complex128"),
}
"""Supported by all versions of torch since 2.4; newer ones have more."""

OURS: dict[str, tuple[str, Callable[[Any], object]]] = {
    "NumPy": ("bridge.to_numpy({})", _to_numpy),
    "torch": ("bridge.to_torch({})", _to_torch),
    "buffer": ("memoryview(bridge.view({}))", _buffer),
    "DLPack": ("bridge.view({}).__dlpack__(max_version=(1, 0))", _dlpack),
}
"""By target: the call as users write it, and the same without pinning a tensor's storage."""

_ANY, _ARRAYS = ("np.asarray(x)", "np.from_dlpack(x)"), ("torch.from_numpy(x)", "torch.Tensor(x)")
THEIRS = {
    "NumPy": _ANY,
    "torch": ("torch.as_tensor(x)", *_ARRAYS, "torch.tensor(x)", "torch.from_dlpack(x)"),
    "buffer": ("memoryview(x)",),
    "DLPack": (),
}
"""By target: the libraries' own calls, which are made on a small probe."""


def targets(x: Any, description: Description, spoken: Sequence[Protocol]) -> tuple[Target, ...]:
    """Return the outcome for every target. `spoken` are the protocols of `x`, which is not kept alive."""
    found: list[Target] = []
    probe = probe_of(x, description.memory) if description.memory else None
    for library, (written, share) in OURS.items():
        ours = _ours(share, x, description)
        best = written.format("x") if ours.outcome.shared else _remedy(library, x, probe, description)
        found.append(Target(library, written.format("x"), *ours, "" if ours.outcome.shared else best))
        if description.memory:
            found += _theirs(library, x, probe, best, ours)
    shared = _ours(_dlpack, x, description).outcome.shared
    return (*found, *measured(description, spoken, shared))


def share_for(library: str, a: Any, description: Description) -> str:
    """Return the call that shares `a` with a library; empty if there is none."""
    target = {"numpy": "NumPy", "torch": "torch"}.get(library, "DLPack")
    written, share = OURS[target]
    if target == "DLPack":
        written = "bridge.view({})"
    if _ours(share, a, description).outcome.shared:
        return written.format("a")
    return ""


def _ours(share: Callable[[Any], object], x: Any, description: Description) -> Trial:
    if share is _to_torch and not sys.modules.get("torch"):
        return _without_torch(x)
    try:
        result = share(x)
    except (SharingError, TypeError, ImportError) as error:
        return Trial(Outcome.REFUSES, str(error))
    readonly = description.memory and description.memory.readonly
    outcome = Outcome.READONLY if readonly else Outcome.SHARES
    return Trial(outcome, "it is one already" if result is x else "")


def _without_torch(x: Any) -> Trial:
    """Apply the rules of `to_torch` that do not need torch, which must not be imported here."""
    if not BY_NAME["torch"].installed:
        return Trial(
            Outcome.REFUSES, "torch is not installed; install it with: pip install 'numpy-bridge[torch]'"
        )
    try:
        view = shareable(x)
        view.__dlpack__(max_version=(1, 0))
    except (SharingError, TypeError) as error:
        return Trial(Outcome.REFUSES, str(error))
    if view.readonly:
        return Trial(
            Outcome.REFUSES, "read-only memory: pass copy=True, or allow_readonly=True and never write to it"
        )
    if view.device != "cpu" or view.dtype not in _DTYPES_OF_TORCH:
        return Trial(Outcome.UNTRIED, "torch is not imported here")
    return Trial(Outcome.SHARES, "by the rules of to_torch: torch is not imported here")


def _fatal_to_torch(x: Any) -> tuple[tuple[str, ...], str]:
    """Return the calls of torch that may end the process, and why. They must not be made."""
    try:
        _dlpack(x)
    except SharingError as error:
        calls = {"strides": ("torch.from_dlpack(x)",), "alignment": THEIRS["torch"]}
        return calls.get(error.field, ()), f"torch may end the process: {error.field}: {error.got}"
    except TypeError:
        pass
    return (), ""


def _theirs(library: str, x: Any, probe: Any, best: str, ours: Trial) -> Iterator[Target]:
    fatal, because = _fatal_to_torch(x)
    for call in THEIRS[library]:
        if call.startswith("torch") and (is_tensor(x) or not sys.modules.get("torch")):
            continue
        if call in _ARRAYS and not isinstance(x, np.ndarray):
            continue
        if call in fatal:
            trial = Trial(Outcome.CRASHES, because)
        elif probe is None:
            trial = Trial(Outcome.UNTRIED, "there is no small object like this one, and it might copy")
        else:
            trial = try_call(call, probe)
            if trial.outcome is ours.outcome is Outcome.REFUSES and isinstance(x, _core.View):
                trial = ours  # the reason for the View itself, not for the smaller one
        yield Target(library, call, *trial, "" if trial.outcome.shared else best)


def _remedy(library: str, x: Any, probe: Any, description: Description) -> str:
    """Return the first call that shares, else one that copies, else nothing."""
    written, share = OURS[library]
    for expression, part in remedies(x, description):
        if _ours(share, part, description).outcome.shared:
            return written.format(expression)
    for call in (written.format("x")[:-1] + extra for extra in _copying(library)):
        trial = Trial(Outcome.UNTRIED) if probe is None else try_call(call, probe)
        allowed = trial.because == UNPROTECTED  # by `allow_readonly`
        if allowed or trial.outcome.shared or trial.outcome is Outcome.COPIES:
            return call
    return ""


def _copying(library: str) -> tuple[str, ...]:
    if library == "torch" and sys.modules.get("torch"):
        return (", allow_readonly=True)", ", copy=None)")
    return (", copy=None)",) if library == "NumPy" else ()
