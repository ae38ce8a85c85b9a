"""Watching torch.Tensor, and torch.FloatTensor and its kind, without replacing them.

Programs test against these classes, so they must stay the same objects. `torch.Tensor` inherits `__init__`,
which gets the arguments and the result: a class attribute `__init__` can report both. The typed constructors
are objects of a C type, which the extension module watches.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from types import FrameType, ModuleType
from typing import Any

import numpy as np

from numpy_bridge import _core
from numpy_bridge.unwatched import this_thread

from ..dispatch import Dispatcher
from ..judging.calls import Call


class Constructors:
    """Reports calls of torch's constructors between `install` and `remove`."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._torch: Any = None
        self._init = _init(self._report)

    def install(self, torch: ModuleType) -> None:
        """Start to watch the constructors of `torch`."""
        self._torch = torch
        if "__init__" not in vars(self._torch.Tensor):
            self._torch.Tensor.__init__ = self._init
        _core.watch_calls(type(self._torch.FloatTensor), self._typed)

    def remove(self) -> None:
        """Undo `install`."""
        if self._torch is None:
            return
        _core.unwatch_calls()
        if vars(self._torch.Tensor).get("__init__") is self._init:
            del self._torch.Tensor.__init__
        self._torch = None

    def _typed(
        self, kind: Any, arguments: tuple[Any, ...], keywords: Mapping[str, Any] | None, result: Any
    ) -> None:
        __tracebackhide__ = True
        name = f"{kind.__module__}.{kind.__name__}"
        self._report(name, arguments, keywords or {}, result, sys._getframe().f_back)

    def _report(
        self,
        name: str,
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
        result: Any,
        frame: FrameType | None,
    ) -> None:
        """Report a conversion. Sizes, storages and tensors of the same type are none."""
        __tracebackhide__ = True
        if this_thread.unwatched or not self._dispatcher.listeners:
            return
        call = _call(name)
        source, options = call.parts(arguments, keywords)
        if source is not None and not isinstance(source, _no_data()):
            self._dispatcher.report(call, options, source, result, frame)


def _init(report: Callable[..., None]) -> Callable[..., None]:
    """Return an `__init__` for torch.Tensor that reports arguments and result of the constructor."""

    def __init__(self: Any, *arguments: Any, **keywords: Any) -> None:
        __tracebackhide__ = True
        following = super(sys.modules["torch"].Tensor, self).__init__
        outermost = type(self).__init__ is __init__  # rather than super().__init__(...) of a subclass
        if not outermost or getattr(following, "__objclass__", None) is not object:
            following(*arguments, **keywords)  # that of object takes any arguments if nothing overrides it
        if outermost:
            report("torch.Tensor", arguments, keywords, self, sys._getframe().f_back)

    return __init__


@functools.cache
def _call(name: str) -> Call:
    return Call("torch", name, name, "data")


def _no_data() -> tuple[type, ...]:
    torch: Any = sys.modules["torch"]
    return (int, np.integer, torch.Size, torch.UntypedStorage, torch.TypedStorage, torch.Tensor)
