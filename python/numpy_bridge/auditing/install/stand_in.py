"""The function that stands in for a watched one while an audit runs."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from numpy_bridge.unwatched import this_thread

from ..dispatch import Dispatcher
from ..judging.addresses import before_the_call
from ..judging.calls import Call


def stand_in(call: Call, original: Callable[..., Any], dispatcher: Dispatcher) -> Callable[..., Any]:
    """Return a function that reports its calls, with the results, name and signature of `original`."""

    @functools.wraps(original)
    def watched(*arguments: Any, **keywords: Any) -> Any:
        __tracebackhide__ = True  # pytest shows the line that made the call
        if this_thread.unwatched or not dispatcher.listeners:
            return original(*arguments, **keywords)
        source, options = call.parts(arguments, keywords)
        source = before_the_call(source)
        this_thread.unwatched = True
        try:
            result = original(*arguments, **keywords)
        finally:
            this_thread.unwatched = False
        dispatcher.report(call, options, source, result, sys._getframe().f_back)
        return result

    function: Any = watched
    function.__module__ = getattr(original, "__module__", None)  # methods of C types have none
    function._torchdynamo_inline = original  # torch.compile traces the original
    return watched
