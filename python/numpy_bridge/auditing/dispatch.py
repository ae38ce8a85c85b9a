"""Judges a watched call and passes the conversion to the listeners."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import FrameType
from typing import Any

from numpy_bridge import _core
from numpy_bridge.errors import HiddenCopyError
from numpy_bridge.outcome import Outcome
from numpy_bridge.unwatched import this_thread

from .judging.call_site import Code, code_of, find_call_site
from .judging.calls import Call, Sends
from .judging.faster import faster
from .judging.messages import Outgoing, judge_message
from .judging.modes import is_tracing, torch_functions_disabled
from .judging.operands import Operand, Trait
from .judging.verdict import Verdict, judge
from .model import AuditLog, Conversion
from .program.own_verdict import judge_own

Listener = Callable[[Conversion, Any, Any], None]
"""Gets a conversion, its argument and its result, and keeps neither of the two.

A log gets conversions of one kind together, later and without the two. A listener with the attribute
`only_hidden` gets, of calls that are made again, the hidden copies.
"""

_MOST = 4096
"""How many conversions are known at a time."""


class Dispatcher:
    """Passes conversions to listeners.

    Attributes
    ----------
    known : KnownCalls
        The calls that need not be judged again, and the number of those that no listener was told of so far.
    """

    def __init__(self) -> None:
        self.known = _core.KnownCalls(_is_own)
        self._state: tuple[tuple[Listener, ...], int] = ((), 0)  # replaced as a whole: read without a lock
        self._settling = threading.RLock()

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """All listeners."""
        return self._state[0]

    @listeners.setter
    def listeners(self, listeners: tuple[Listener, ...]) -> None:
        generation = self.known.start_generation()  # from here on none is counted for those that leave
        try:
            self.settle()
        finally:  # also if that was interrupted
            for each in listeners:
                if isinstance(each, AuditLog):
                    each.settle = self.settle
            self._state = listeners, generation
            self.known.listening = bool(listeners)

    def settle(self) -> None:
        """Tell the listeners what was counted meanwhile."""
        with self._settling:
            self._tell(self.known.take())

    def forget(self) -> None:
        """Forget the calls that are known, and the code that made them."""
        with self._settling:
            self._tell(self.known.take(forget=True))

    def begin_in_child(self) -> tuple[Listener, ...]:
        """Return the listeners of the parent of a forked process, which also tells them what was counted."""
        listeners = self.listeners
        self._settling = threading.RLock()  # another thread may have held the one before, and those of logs
        for log in (each for each in listeners if isinstance(each, AuditLog)):
            log.begin_in_child()
        self.known.begin_in_child()
        self.listeners = ()
        return listeners

    def report(
        self,
        call: Call,
        options: Mapping[str, Any],
        source: Any,
        result: Any,
        frame: FrameType | None,
        seconds: float = 0.0,
    ) -> HiddenCopyError | None:
        """Judge one call, which took `seconds`, and notify the listeners.

        Returns the error that the call has to raise, without the frames from here to the listener.
        """
        listeners, generation = self._state
        if is_tracing():
            return None
        this_thread.unwatched = True
        try:
            with torch_functions_disabled():
                what, repeats = (call, options, source, result, frame), call.repeats
                found = self._look_up(*what, seconds) if repeats else NotImplemented
                if found is None:
                    return None
                conversion = _judged(*what) if found is NotImplemented else found[0].again(found[1])
                counts = conversion is None or all(_only_counts(each, conversion) for each in listeners)
                is_known = conversion is None or conversion.outcome is not Outcome.UNKNOWN
                if is_known and repeats and (counts or found is NotImplemented):
                    self._remember(*what, conversion, generation if counts else 0)
                if conversion is not None:
                    conversion.seconds = seconds
                    _notify(listeners, conversion, source, result)
        except HiddenCopyError as error:
            error.__cause__ = None  # and no context: the listener has raised it, not the program
            return error.with_traceback(None)
        finally:
            this_thread.unwatched = False
        return None

    def _look_up(self, *call_and_seconds: Any) -> Any:
        try:
            return self.known.look_up(*call_and_seconds)
        except Exception:  # of an object that was asked
            return NotImplemented

    def _remember(self, *what_and_generation: Any) -> None:
        if len(self.known) >= _MOST:
            self.forget()
        with suppress(Exception):  # of an object that was asked
            self.known.remember(*what_and_generation)

    def _tell(self, counted: Sequence[tuple[Conversion, int, int, float]]) -> None:
        for conversion, times, nbytes, seconds in counted:
            together = conversion.again(nbytes)
            together.times, together.seconds = times, seconds
            for listener in self.listeners:
                if isinstance(listener, AuditLog):
                    listener(together, None, None)


def _is_own(file: str) -> bool:
    return code_of(file) is Code.USER


def _only_counts(listener: Listener, conversion: Conversion) -> bool:
    """Whether a listener only counts conversions like this one, or does nothing with them."""
    if isinstance(listener, AuditLog):
        return True
    return getattr(listener, "only_hidden", False) and not conversion.hidden


def _notify(listeners: Sequence[Listener], conversion: Conversion, source: Any, result: Any) -> None:
    """Notify all listeners, and then raise the first error."""
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
