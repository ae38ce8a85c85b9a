"""Judges a watched call and passes the conversion to the listeners."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any

from numpy_bridge.errors import HiddenCopyError
from numpy_bridge.outcome import Outcome
from numpy_bridge.unwatched import this_thread

from .judging.call_site import Code, code_of, find_call_site
from .judging.calls import Call, Sends
from .judging.faster import faster
from .judging.messages import Outgoing, judge_message
from .judging.modes import is_tracing, torch_functions_disabled
from .judging.operands import Operand, Trait
from .judging.repeats import Key, key_of, nbytes_of, stays_in_library
from .judging.verdict import Verdict, judge
from .model import Conversion
from .program.own_verdict import is_view, judge_own

Listener = Callable[[Conversion, Any, Any], None]
"""Gets a conversion, its argument and its result, and keeps neither of the two."""

_MOST = 4096
"""How many conversions are known at a time."""


class Dispatcher:
    """Passes conversions to listeners."""

    def __init__(self) -> None:
        self.listeners: tuple[Listener, ...] = ()  # replaced as a whole: other threads read it without a lock
        self._known: dict[Key, tuple[Conversion | None, Key]] = {}

    def forget(self) -> None:
        """Forget the conversions that are known, and the code that made them."""
        self._known.clear()

    def report(
        self,
        call: Call,
        options: Mapping[str, Any],
        source: Any,
        result: Any,
        frame: FrameType | None,
        seconds: float = 0.0,
    ) -> None:
        """Judge one call, which took `seconds`, and notify the listeners.

        Only a HiddenCopyError of a listener is raised.
        """
        __tracebackhide__ = True
        listeners = self.listeners
        if is_tracing():
            return
        this_thread.unwatched = True
        try:
            with torch_functions_disabled():
                conversion = self._conversion(call, options, source, result, frame)
                if conversion is not None:
                    conversion.seconds = seconds
                    _notify(listeners, conversion, source, result)
        finally:
            this_thread.unwatched = False

    def _conversion(
        self, call: Call, options: Mapping[str, Any], source: Any, result: Any, frame: FrameType | None
    ) -> Conversion | None:
        """Return the conversion that a call made, known or judged; None if there is none to report."""
        if frame is not None and code_of(frame.f_code.co_filename) is not Code.USER:
            if stays_in_library(call, source, result):
                return None
        elif call.own_lines and is_view(call, source, result):
            return None
        found = key_of(call, options, source, result, frame)
        if found is None:
            return _judged(call, options, source, result, frame)
        key, kept = found
        known = self._known.get(key)
        if known is not None:
            return known[0] and known[0].again(nbytes_of(source, result))
        conversion = _judged(call, options, source, result, frame)
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[key] = conversion, kept
        return conversion


def _notify(listeners: Sequence[Listener], conversion: Conversion, source: Any, result: Any) -> None:
    """Notify all listeners, and then raise the first error."""
    __tracebackhide__ = True
    if len(listeners) == 1:
        listeners[0](conversion, source, result)
        return
    errors: list[HiddenCopyError] = []
    for listener in listeners:
        try:
            listener(conversion, source, result)
        except HiddenCopyError as error:
            errors.append(error)
    if errors:
        raise errors[0]


def _judged(
    call: Call, options: Mapping[str, Any], source: Any, result: Any, frame: FrameType | None
) -> Conversion | None:
    """Return the conversion that a call made; None if there is none to report."""
    if isinstance(result, str):  # Tensor.type() returns a name
        return None
    try:
        if isinstance(source, Outgoing):
            v = judge_message(call, options, source, result)
        elif call.own_lines:
            found = judge_own(call, options, source, result)
            if found is None:
                return None
            v = found
        else:
            v = judge(call, options, source, result)
    except Exception as error:
        v = _unknown(source, result, error)
    if Trait.NO_MEMORY in v.source.traits | v.result.traits:
        return None
    internal, by_torch = _is_internal(call, v), call.module == "torch.utils.dlpack"
    site = find_call_site(frame, call.name_in_source, internal=internal, by_torch=by_torch)
    if site is None:
        return None
    given, made = v.source.kind, v.result.kind
    conversion = Conversion(site, call.label, given, made, v.outcome, v.reason, v.alternative, v.asked)
    conversion.times, conversion.nbytes, conversion.faster = 1, v.nbytes, faster(call, options, v)
    conversion.transfer = v.transfer
    return conversion


def _unknown(source: Any, result: Any, error: Exception) -> Verdict:
    reason = f"it could not be found out: {type(error).__name__}: {error}"
    operands = Operand("", type(source).__name__), Operand("", type(result).__name__)
    return Verdict(*operands, Outcome.UNKNOWN.past, 0, reason, "", asked=False)


def _is_internal(call: Call, verdict: Verdict) -> bool:
    """Whether a library may make such a call on its own arrays, numbers or names, not for the user."""
    if call.sends is not Sends.NOTHING:
        return True
    if call.own_lines:
        return False
    source, result = verdict.source, verdict.result
    if call.registry or source.device != result.device:
        return False
    if "object" in (source.dtype, result.dtype):
        return True
    return source.library in (result.library, "python") or not result.is_array
