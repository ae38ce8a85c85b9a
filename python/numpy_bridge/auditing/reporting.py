"""From a watched call to those who want to know."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from types import FrameType
from typing import Any

from numpy_bridge.errors import HiddenCopyError

from .calls import Call
from .compilers import is_tracing, unheard
from .judge import Verdict, judge
from .memory import NOWHERE, Memory
from .place import is_direct, mentions, place_of
from .record import UNKNOWN, Conversion

Listener = Callable[[Conversion, Any, Any], None]
"""Is told of a conversion, its argument and its result, and keeps neither of the two."""


class _Busy(threading.local):
    """Whether this thread is inside a watched call: what that one calls in turn is its own affair."""

    now = False


busy = _Busy()
_listeners: tuple[Listener, ...] = ()


def listeners() -> tuple[Listener, ...]:
    """Those who are told of conversions."""
    return _listeners


def set_listeners(those: tuple[Listener, ...]) -> None:
    """Replace them, all at once."""
    global _listeners
    _listeners = those


def deafen() -> None:
    """Tell nobody any more."""
    set_listeners(())


def report(
    call: Call, keywords: Mapping[str, Any], source: Any, result: Any, frame: FrameType | None
) -> None:
    """Judge one call and tell everybody. Only a listener's own exception leaves this function."""
    __tracebackhide__ = True
    those = _listeners
    if is_tracing():
        return
    busy.now = True
    try:
        conversion = _conversion(call, keywords, source, result, frame)
        if conversion is not None:
            _tell(those, conversion, source, result)
    finally:
        busy.now = False


def _tell(those: Iterable[Listener], conversion: Conversion, source: Any, result: Any) -> None:
    """Tell everybody, and only then let the first exception out."""
    __tracebackhide__ = True
    objections: list[HiddenCopyError] = []
    for listener in those:
        try:
            listener(conversion, source, result)
        except HiddenCopyError as objection:
            objections.append(objection)
    if objections:
        raise objections[0]


def _conversion(
    call: Call, keywords: Mapping[str, Any], source: Any, result: Any, frame: FrameType | None
) -> Conversion | None:
    try:
        with unheard():
            verdict = judge(call, keywords, source, result)
        if NOWHERE in verdict.source.traits | verdict.result.traits:
            return None
    except Exception as error:
        reason = f"it could not be found out: {type(error).__name__}: {error}"
        unknown = Memory("", type(source).__name__), Memory("", type(result).__name__)
        verdict = Verdict(*unknown, UNKNOWN, 0, reason, "", asked=False)
    if not is_direct(frame, call.spoken) and (_is_internal(call, verdict) or _is_part(call, frame)):
        return None
    return Conversion(
        place_of(frame),
        call.label,
        verdict.source.kind,
        verdict.result.kind,
        verdict.outcome,
        verdict.reason,
        verdict.alternative,
        verdict.asked,
        times=1,
        nbytes=verdict.nbytes,
    )


def _is_part(call: Call, frame: FrameType | None) -> bool:
    """Whether torch itself has made the call, as its constructors do from C++ with what speaks DLPack."""
    return call.module == "torch.utils.dlpack" and not mentions(frame, call.spoken)


def _is_internal(call: Call, verdict: Verdict) -> bool:
    """Whether a library has made the call on its own arrays, numbers or names, not for the user."""
    source, result = verdict.source, verdict.result
    if call.registry or source.device != result.device:
        return False
    if "object" in (source.dtype, result.dtype):
        return True
    return source.library in (result.library, "python") or not result.is_array
