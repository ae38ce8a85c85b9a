"""The outcome of each library's and protocol's calls for one object, and the call that shares it.

`_core` decides for our own calls. Calls of imported libraries are made on a small object. For the others
there are measured rules.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from numpy_bridge import _core
from numpy_bridge.errors import SharingError
from numpy_bridge.libraries import BY_NAME
from numpy_bridge.outcome import Outcome
from numpy_bridge.sharing import UNPROTECTED, Trial
from numpy_bridge.tensors import is_tensor, unpinned_view

from .measured_rules import measured
from .model import Description, Protocol, Target
from .remedies import remedies
from .trial import probe_of, try_calls

_DTYPES_OF_TORCH = {
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "bfloat16", "complex64", "complex128"),
}
"""Supported by all versions of torch since 2.4; newer ones have more."""


def _capsule(view: _core.View) -> object:
    return view.__dlpack__(max_version=(1, 0))


def _buffer(view: Any) -> object:
    return memoryview(view)


OURS: dict[str, tuple[str, Callable[[_core.View], object]]] = {
    "NumPy": ("bridge.to_numpy({})", _core.to_numpy),
    "torch": ("bridge.to_torch({})", _core.to_torch),
    "buffer": ("memoryview(bridge.view({}))", _buffer),
    "DLPack": ("bridge.view({}).__dlpack__(max_version=(1, 0))", _capsule),
}
"""By target: the call as users write it, and the same for a View of the object."""

_ANY, _ARRAYS = ("np.asarray(x)", "np.from_dlpack(x)"), ("torch.from_numpy(x)", "torch.Tensor(x)")
THEIRS = {
    "NumPy": _ANY,
    "torch": ("torch.as_tensor(x)", *_ARRAYS, "torch.tensor(x)", "torch.from_dlpack(x)"),
    "buffer": ("memoryview(x)",),
    "DLPack": (),
}
"""By target: the libraries' own calls, which are made on a small probe."""


class _Offer(NamedTuple):
    """An object, and a View of its memory or the reason why there is none."""

    x: Any
    view: _core.View | None
    refusal: Exception | None  # without a traceback, which would keep `x` in a reference cycle


def targets(x: Any, description: Description, spoken: Sequence[Protocol]) -> tuple[Target, ...]:
    """Return the outcome for every target. `spoken` are the protocols of `x`, which is not kept alive."""
    offer = _offer(x)
    ours = {library: _ours(library, offer, description) for library in OURS}
    refusing = [library for library, trial in ours.items() if not trial.outcome.shared]
    theirs = _theirs(offer, description) if description.memory else {}
    tried = _try_all(offer, description, theirs, refusing)
    best = {library: written.format("x") for library, (written, _) in OURS.items()}
    best |= _remedies(refusing, x, description, tried)
    found: list[Target] = []
    for library, (written, _) in OURS.items():
        shared = ours[library].outcome.shared
        found.append(Target(library, written.format("x"), *ours[library], "" if shared else best[library]))
        for call in theirs.get(library, ()):
            trial = tried[call]
            if trial.outcome is ours[library].outcome is Outcome.REFUSES and isinstance(x, _core.View):
                trial = ours[library]  # the reason for the View itself, not for the smaller one
            found.append(Target(library, call, *trial, "" if trial.outcome.shared else best[library]))
    return (*found, *measured(description, spoken, ours["DLPack"].outcome.shared))


def share_for(library: str, a: Any, description: Description) -> str:
    """Return the call that shares `a` with a library; empty if there is none."""
    target = {"numpy": "NumPy", "torch": "torch"}.get(library, "DLPack")
    written = "bridge.view({})" if target == "DLPack" else OURS[target][0]
    return written.format("a") if _ours(target, _offer(a), description).outcome.shared else ""


def _offer(x: Any) -> _Offer:
    try:
        return _Offer(x, unpinned_view(x), None)
    except (SharingError, TypeError) as error:
        return _Offer(x, None, error.with_traceback(None))


def _ours(library: str, offer: _Offer, description: Description) -> Trial:
    if library == "torch" and not sys.modules.get("torch"):
        return _without_torch(offer)
    because = ""
    if (library == "NumPy" and type(offer.x) is np.ndarray) or (library == "torch" and is_tensor(offer.x)):
        because = "it is one already"
    elif refusal := _refusal(library, offer):
        return Trial(Outcome.REFUSES, str(refusal))
    readonly = description.memory and description.memory.readonly
    return Trial(Outcome.READONLY if readonly else Outcome.SHARES, because)


def _refusal(library: str, offer: _Offer) -> Exception | None:
    """Return why our call refuses the memory; None if it shares it."""
    if offer.view is None:
        return offer.refusal
    try:
        OURS[library][1](offer.view)
    except (SharingError, TypeError, ImportError) as error:
        return error.with_traceback(None)
    return None


def _without_torch(offer: _Offer) -> Trial:
    """Apply the rules of `to_torch` that do not need torch, which must not be imported here."""
    if not BY_NAME["torch"].installed:
        return Trial(
            Outcome.REFUSES, "torch is not installed; install it with: pip install 'numpy-bridge[torch]'"
        )
    refusal, view = _refusal("DLPack", offer), offer.view
    if view is None or refusal:
        return Trial(Outcome.REFUSES, str(refusal))
    if view.readonly:
        return Trial(
            Outcome.REFUSES, "read-only memory: pass copy=True, or allow_readonly=True and never write to it"
        )
    if view.device != "cpu" or view.dtype not in _DTYPES_OF_TORCH:
        return Trial(Outcome.UNTRIED, "torch is not imported here")
    return Trial(Outcome.SHARES, "by the rules of to_torch: torch is not imported here")


def _theirs(offer: _Offer, description: Description) -> dict[str, list[str]]:
    """Return the libraries' own calls that apply to the object, by target."""
    torch = sys.modules.get("torch") and not is_tensor(offer.x)
    return {
        library: [
            call
            for call in calls
            if (torch or not call.startswith("torch"))
            and (call not in _ARRAYS or isinstance(offer.x, np.ndarray))
        ]
        for library, calls in THEIRS.items()
    }


def _try_all(
    offer: _Offer, description: Description, theirs: Mapping[str, Sequence[str]], refusing: Sequence[str]
) -> dict[str, Trial]:
    """Return the outcome of each call of theirs, and of our copying ones for targets that refuse to share."""
    fatal, because = _fatal_to_torch(offer)
    calls = [call for library in theirs for call in theirs[library]]
    wanted = [call for call in calls if call not in fatal]
    wanted += [call for library in refusing for call in _copying(library)]
    probe = probe_of(offer.x, description.memory) if description.memory else None
    if probe is None:
        why = "there is no small object like this one, and it might copy"
        tried = dict.fromkeys(wanted, Trial(Outcome.UNTRIED, why))
    else:
        tried = try_calls(wanted, probe)
    return tried | dict.fromkeys(set(calls) & set(fatal), Trial(Outcome.CRASHES, because))


def _fatal_to_torch(offer: _Offer) -> tuple[tuple[str, ...], str]:
    """Return the calls of torch that may end the process, and why. They must not be made."""
    error = _refusal("DLPack", offer)
    if not isinstance(error, SharingError):
        return (), ""
    calls = {"strides": ("torch.from_dlpack(x)",), "alignment": THEIRS["torch"]}
    return calls.get(error.field, ()), f"torch may end the process: {error.field}: {error.got}"


def _remedies(
    refusing: Sequence[str], x: Any, description: Description, tried: Mapping[str, Trial]
) -> dict[str, str]:
    """Return the first call that shares for each target, else one that copies, else nothing."""
    views = [(expression, _offer(part)) for expression, part in remedies(x, description)] if refusing else []
    found = {}
    for library in refusing:
        sharing = (
            OURS[library][0].format(expression)
            for expression, part in views
            if _ours(library, part, description).outcome.shared
        )
        copying = (call for call in _copying(library) if _gives_memory(tried[call]))
        found[library] = next(sharing, "") or next(copying, "")
    return found


def _gives_memory(trial: Trial) -> bool:
    """Whether a call shares or copies; `allow_readonly` leaves read-only memory unprotected."""
    return trial.because == UNPROTECTED or trial.outcome.shared or trial.outcome is Outcome.COPIES


def _copying(library: str) -> tuple[str, ...]:
    """Return our calls for an object that the target cannot share as it is."""
    if library == "torch" and sys.modules.get("torch"):
        return ("bridge.to_torch(x, allow_readonly=True)", "bridge.to_torch(x, copy=None)")
    return ("bridge.to_numpy(x, copy=None)",) if library == "NumPy" else ()
