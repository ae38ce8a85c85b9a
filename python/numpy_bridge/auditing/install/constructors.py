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
from numpy_bridge.errors import HiddenCopyError
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
    ) -> HiddenCopyError | None:
        name = f"{kind.__module__}.{kind.__name__}"
        return self._report(name, arguments, keywords or {}, result, sys._getframe().f_back)

    def _report(
        self,
        name: str,
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
        result: Any,
        frame: FrameType | None,
    ) -> HiddenCopyError | None:
        """Report a conversion. Sizes, storages and tensors of the same type are none."""
        if this_thread.unwatched or not self._dispatcher.listeners:
            return None
        call = _call(name)
        source, options = call.parts(arguments, keywords)
        if source is None or isinstance(source, _no_data()):
            return None
        return self._dispatcher.report(call, options, source, result, frame)


def _init(report: Callable[..., HiddenCopyError | None]) -> Any:
    """Return an `__init__` for torch.Tensor that reports arguments and result of the constructor."""

    def __init__(self: Any, *arguments: Any, **keywords: Any) -> None:
        following = super(sys.modules["torch"].Tensor, self).__init__
        if not is_outermost(self) or getattr(following, "__objclass__", None) is not object:
            following(*arguments, **keywords)  # that of object takes any arguments if nothing overrides it

    def is_outermost(made: Any) -> bool:
        """Whether no subclass has called it by ``super().__init__(...)``."""
        return type(made).__init__ is watched

    def before(arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> tuple[Any, Any] | None:
        return (arguments, keywords) if arguments and is_outermost(arguments[0]) else None

    def after(noted: tuple[Any, Any], _result: object, _seconds: float) -> HiddenCopyError | None:
        (made, *arguments), keywords = noted
        return report("torch.Tensor", tuple(arguments), keywords, made, sys._getframe().f_back)

    watched: Any = _core.stand_in(__init__, before, after, silences=False)
    return watched


@functools.cache
def _call(name: str) -> Call:
    return Call("torch", name, name, "data")


def _no_data() -> tuple[type, ...]:
    torch: Any = sys.modules["torch"]
    return (int, np.integer, torch.Size, torch.UntypedStorage, torch.TypedStorage, torch.Tensor)
