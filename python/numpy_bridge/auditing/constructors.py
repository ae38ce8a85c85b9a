"""torch.Tensor and torch.FloatTensor with its kind: classes, or nearly so, which must stay what they are.

`torch.Tensor` has no `__init__` of its own, and gives what went in and what came out to the one that it
inherits. While an audit runs there is one that looks at both. The typed constructors are objects of a C type,
which the extension module looks at.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from numpy_bridge import _core

from .calls import Call
from .reporting import busy, listeners, report

_torch: ModuleType | None = None


def watch(torch: ModuleType) -> None:
    """Look at what the constructors make."""
    global _torch
    _torch = torch
    if "__init__" not in vars(torch.Tensor):
        torch.Tensor.__init__ = _init
    _core.watch_calls(type(torch.FloatTensor), _typed)


def release() -> None:
    """Look away."""
    global _torch
    if _torch is None:
        return
    _core.unwatch_calls()
    if vars(_torch.Tensor).get("__init__") is _init:
        del _torch.Tensor.__init__
    _torch = None


def _init(self: Any, *arguments: Any, **keywords: Any) -> None:
    __tracebackhide__ = True
    torch: Any = _torch or sys.modules["torch"]
    following = super(torch.Tensor, self).__init__
    outermost = type(self).__init__ is _init  # rather than super().__init__(...) of a subclass
    if not outermost or getattr(following, "__objclass__", None) is not object:
        following(*arguments, **keywords)  # object's, if nobody overrides it, takes any arguments
    if outermost:
        _tell("torch.Tensor", arguments, keywords, self, sys._getframe().f_back)


def _typed(kind: Any, arguments: tuple[Any, ...], keywords: Mapping[str, Any] | None, result: Any) -> None:
    __tracebackhide__ = True
    _tell(f"{kind.__module__}.{kind.__name__}", arguments, keywords or {}, result, sys._getframe().f_back)


def _tell(
    name: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any], result: Any, frame: Any
) -> None:
    """Report a conversion; sizes, storages and tensors of the same type are none."""
    __tracebackhide__ = True
    call = Call("torch", name, name, "data")
    source = call.source(arguments, keywords)
    if not (busy.now or not listeners() or source is None or isinstance(source, _no_data())):
        report(call, keywords, source, result, frame)


def _no_data() -> tuple[type, ...]:
    torch: Any = _torch
    return (int, np.integer, torch.Size, torch.UntypedStorage, torch.TypedStorage, torch.Tensor)
