"""The outcome of each library's and protocol's calls for one object, and the call that shares it.

`_core` decides for our own calls. Calls of imported libraries are made on a small object. For the others
there are measured rules.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from numpy_bridge import _core
from numpy_bridge.errors import SharingError
from numpy_bridge.libraries import BY_NAME, is_instance
from numpy_bridge.outcome import Outcome
from numpy_bridge.sharing import UNPROTECTED, Trial
from numpy_bridge.tensors import is_tensor

from .hazards import hazards
from .measured_rules import measured
from .model import Description, Protocol, Target
from .offer import Offer, offers_of
from .protocols import METHOD, is_computed
from .remedies import remedies
from .trial import try_calls

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
    "torch": ("torch.as_tensor(x)", "torch.asarray(x)", *_ARRAYS, "torch.tensor(x)", "torch.from_dlpack(x)"),
    "buffer": ("memoryview(x)",),
    "DLPack": (),
}
"""By target: the libraries' own calls, which are made on a small probe."""


def targets(
    offer: Offer, description: Description, supported: Sequence[Protocol], answers: Mapping[str, Any]
) -> tuple[Target, ...]:
    """Return the outcome for every target. The object of `offer` is not kept alive.

    `supported` are its protocols, and `answers` what `_core.ask_protocols` got of them.
    """
    ours = {library: _ours(library, offer) for library in OURS}
    refusing = [library for library, trial in ours.items() if not trial.outcome.shared]
    theirs = _theirs(offer) if offer.memory else {}
    tried = _try_all(offer, theirs, refusing, answers)
    best = {library: written.format("x") for library, (written, _) in OURS.items()}
    best |= dict.fromkeys(refusing, "") | _remedies(
        [each for each in refusing if _can_be_had(each)], offer, tried
    )
    found: list[Target] = []
    for library, (written, _) in OURS.items():
        shared = ours[library].outcome.shared
        found.append(Target(library, written.format("x"), *ours[library], "" if shared else best[library]))
        for call in theirs.get(library, ()):
            trial = tried[call]
            if trial.outcome is ours[library].outcome is Outcome.REFUSES and type(offer.x) is _core.View:
                trial = ours[library]  # the reason for the View itself, not for the smaller one
            found.append(Target(library, call, *trial, "" if trial.outcome.shared else best[library]))
    return (*found, *measured(description, supported, ours["DLPack"].outcome.shared))


def share_for(library: str, offer: Offer) -> str:
    """Return the call that shares an object `a` with a library; empty if there is none."""
    target = {"numpy": "NumPy", "torch": "torch"}.get(library, "DLPack")
    written = "bridge.view({})" if target == "DLPack" else OURS[target][0]
    return written.format("a") if _ours(target, offer).outcome.shared else ""


def _ours(library: str, offer: Offer) -> Trial:
    if library == "torch" and not sys.modules.get("torch"):
        return _without_torch(offer)
    because = ""
    if (library == "NumPy" and type(offer.x) is np.ndarray) or (library == "torch" and is_tensor(offer.x)):
        because = "it is one already"
    elif refusal := _refusal(library, offer):
        return Trial(Outcome.REFUSES, str(refusal))
    readonly = offer.memory and offer.memory.readonly
    return Trial(Outcome.READONLY if readonly else Outcome.SHARES, because)


def _refusal(library: str, offer: Offer) -> Exception | None:
    """Return why our call refuses the memory; None if it shares it."""
    if offer.view is None:
        return offer.refusal
    try:
        OURS[library][1](offer.view)
    except (SharingError, TypeError, ImportError) as error:
        return error.with_traceback(None)
    return None


def _without_torch(offer: Offer) -> Trial:
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


def _theirs(offer: Offer) -> dict[str, list[str]]:
    """Return the libraries' own calls that apply to the object, by target."""
    torch = sys.modules.get("torch") and not is_tensor(offer.x)
    return {
        library: [
            call
            for call in calls
            if (torch or not call.startswith("torch"))
            and (call not in _ARRAYS or is_instance(offer.x, np.ndarray))
        ]
        for library, calls in THEIRS.items()
    }


def _try_all(
    offer: Offer, theirs: Mapping[str, Sequence[str]], refusing: Sequence[str], answers: Mapping[str, Any]
) -> dict[str, Trial]:
    """Return the outcome of each call of theirs, and of our copying ones for targets that refuse to share."""
    calls = [call for library in theirs for call in theirs[library]]
    copying = [call for library in refusing for call in _copying(library)]
    if offer.memory is None or is_computed(answers):
        return {call: _untried(call, offer) for call in [*calls, *copying]}
    unsafe = hazards(calls, offer, answers)
    wanted = [call for call in [*calls, *copying] if call not in unsafe]
    return try_calls(wanted, offer.x, offer.memory, answers) | unsafe


def _untried(call: str, offer: Offer) -> Trial:
    """Return what is known of a call without making it: the object might compute all its values again."""
    of_numpy = call in ("np.asarray(x)", "bridge.to_numpy(x, copy=None)")
    if of_numpy and offer.memory:
        return Trial(Outcome.READONLY if offer.memory.readonly else Outcome.SHARES)
    error = offer.refusal
    if of_numpy and isinstance(error, SharingError) and (error.protocol, error.field) == (METHOD, "data"):
        return Trial(Outcome.COPIES)
    return Trial(Outcome.UNTRIED, "it might compute all values again")


def _can_be_had(library: str) -> bool:
    return library != "torch" or BY_NAME["torch"].installed


def _remedies(refusing: Sequence[str], offer: Offer, tried: Mapping[str, Trial]) -> dict[str, str]:
    """Return the first call that shares for each target, else one that copies, else nothing."""
    views = offers_of(remedies(offer)) if refusing else ()
    found = {}
    for library in refusing:
        sharing = (
            OURS[library][0].format(expression)
            for expression, part in views
            if _ours(library, part).outcome.shared
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
