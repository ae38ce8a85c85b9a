"""What stands in for a watched function while an audit runs."""

from __future__ import annotations

import copy
import functools
import operator
import sys
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, cast

from numpy_bridge import _core
from numpy_bridge.errors import HiddenCopyError
from numpy_bridge.unwatched import unwatched

from ..dispatch import Dispatcher
from ..judging.addresses import before_the_call
from ..judging.calls import Call, Sends
from ..judging.jax_rule import each_of
from ..judging.messages import outgoing


def stand_in(call: Call, original: Callable[..., Any], dispatcher: Dispatcher) -> Callable[..., Any]:
    """Return an object that reports its calls, and otherwise behaves as `original` does.

    It has no frame of its own: warnings and tracebacks have the line that made the call.
    """

    def before(arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> tuple[Any, Any] | None:
        if not dispatcher.listeners:
            return None
        source, options = call.parts(arguments, keywords)
        if call.sends is Sends.NOTHING:
            return before_the_call(source), options
        try:
            with unwatched():
                source = outgoing(source, call.sends)
        except Exception:  # properties of a subclass may raise, and the call may need none of them
            return None
        return None if source is None else (source, options)  # what happens in the call is watched

    def after(noted: tuple[Any, Any], result: Any, seconds: float) -> HiddenCopyError | None:
        source, options = noted
        frame = sys._getframe().f_back
        if not call.trees:
            return dispatcher.report(call, options, source, result, frame, seconds)
        found = list(each_of(call, source, result))
        for part, given, made in found:
            error = dispatcher.report(part, options, given, made, frame, seconds / len(found))
            if error is not None:
                return error
        return None

    known = dispatcher.known if call.repeats else None
    watched: Any = _core.stand_in(original, before, after, known=known, call=call)
    functools.update_wrapper(watched, original)
    watched.__module__ = getattr(original, "__module__", None)  # methods of C types have none
    watched._torchdynamo_inline = original  # torch.compile traces the original
    watched.__reduce_ex__ = _reduction(call, watched, original)
    return cast("Callable[..., Any]", watched)


def _reduction(call: Call, watched: Any, original: Any) -> Callable[[int], str | tuple[Any, ...]]:
    """Return how to pickle a stand-in: as the original, so that another process needs no numpy_bridge.

    pickle takes a name only of the object that the name leads to. For a stand-in without such a name that is
    another stand-in for the same function, or after an audit the original: `copy.copy` returns either itself.
    """

    def reduce(version: int) -> str | tuple[Any, ...]:
        for name in (original.__qualname__, original.__name__):
            if _found(watched.__module__, name) is watched:
                return str(name)
        holder = _found(call.module, call.name.rpartition(".")[0])
        if isinstance(holder, type) and getattr(holder, call.function, None) is watched:
            return getattr, (holder, call.function)  # a class that inherits it from one in C
        is_python = isinstance(original, FunctionType)  # for which pickle has a rule of its own
        form = original.__qualname__ if is_python else original.__reduce_ex__(version)
        return (copy.copy, (_found(watched.__module__, form),)) if isinstance(form, str) else tuple(form)

    return reduce


def _found(module: str | None, name: str) -> Any:
    try:
        return operator.attrgetter(name)(sys.modules[module or ""])
    except (AttributeError, KeyError):
        return None
