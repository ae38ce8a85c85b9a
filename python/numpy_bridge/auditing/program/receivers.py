"""What rewritten source calls: `watched(x, "copy").copy()` for `x.copy()`, `watched(x)[i]` for `x[i]`.

For almost every object that is the object itself. For an array it is an object with the one attribute, a
stand-in in C. So the call remains the program's own: its line, its frame, its errors and its warnings.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Mapping
from time import perf_counter
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from numpy_bridge import _core
from numpy_bridge.unwatched import this_thread

from ..install.installation import installation
from ..judging.calls import Call
from .copies import FUNCTIONS, ONLY_MOVING, PROPERTIES, SUBSCRIPT, calls_of, calls_of_module, without_calls
from .jitted import CALL, call_of, host_arrays
from .own_verdict import has_arrays
from .rewriting import WATCHED

_BASIC = frozenset({int, slice, type(None), type(Ellipsis), str, np.int64})

_dispatcher = installation.dispatcher


def watched(x: Any, name: str = SUBSCRIPT) -> Any:
    """Return `x`, or what stands in for it while `name` is looked up and called.

    `name` is that of an attribute, or "numpy.stack" for `x` itself, a function that was imported by name.
    """
    kind: Any = type(x)
    if id(kind) in without_calls or not _dispatcher.listeners or this_thread.unwatched:
        return x
    if name in ONLY_MOVING and not _has_devices():
        return x
    if name == CALL:
        return x if kind is FunctionType else _called(x)
    if "." in name:
        return _imported(x, name)
    call = (calls_of_module(x) if kind is ModuleType else calls_of(kind)).get(name)
    if call is None:
        return x
    if name == SUBSCRIPT:
        return _Subscripted(x, call)
    if name in PROPERTIES:
        return _read(x, call)
    source = () if kind is ModuleType else (x,)
    if not callable(getattr(kind if source else x, name, None)):  # a property may run any code
        return x
    return SimpleNamespace(**{name: _stand_in(call, getattr(x, name), source)})


def _identity() -> Callable[..., Any]:
    """Return what torch.compile traces instead of `watched`: it skips the files of this package."""
    names: dict[str, Any] = {}
    exec(compile("def identity(x, name=None): return x", "<numpy_bridge>", "exec"), names)
    return names["identity"]  # type: ignore[no-any-return]


watched._torchdynamo_inline = _identity()  # type: ignore[attr-defined]
setattr(builtins, WATCHED, watched)  # for code that runs with other globals than those of its module


def _has_devices() -> bool:
    """Whether there may be memory on a device by now."""
    modules = sys.modules
    cuda: Any = modules.get("torch.cuda")
    return "cupy" in modules or (cuda is not None and cuda.is_initialized())


def _imported(function: Any, path: str) -> Any:
    module, _, name = path.rpartition(".")
    if getattr(sys.modules.get(module), name, None) is not function:
        return function
    return _stand_in(FUNCTIONS[module][name], function, ())


def _called(function: Any) -> Any:
    """Return a function, or if `jax.jit` has made it, a callable that reports the arrays that it is given."""
    call = call_of(function)
    if call is None:
        return function

    def before(arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any:
        return host_arrays(arguments, keywords) or None

    def after(arrays: Any, result: Any, returned: bool) -> None:
        __tracebackhide__ = True
        for each in arrays if returned else ():
            _dispatcher.report(call, {}, each, result, sys._getframe().f_back)

    return _core.stand_in(function, before, after)


class _Subscripted:
    """An array, while one subscript of it is evaluated, and in ``x[i] += 1`` assigned to."""

    __slots__ = ("_array", "_call")

    def __init__(self, array: Any, call: Call) -> None:
        self._array, self._call = array, call

    @property  # Python calls what it returns, which has no frame
    def __getitem__(self) -> Any:
        return _stand_in(self._call, self._array.__getitem__, (self._array,))

    @property
    def __setitem__(self) -> Any:
        return self._array.__setitem__


def _is_basic(index: Any) -> bool:
    """Whether an index makes a view for certain."""
    if type(index) is tuple:
        return all(type(each) in _BASIC for each in index)
    return type(index) in _BASIC


def _stand_in(call: Call, function: Any, receiver: tuple[Any, ...]) -> Any:
    """Return a callable that calls `function`, and reports a copy of the receiver or of an argument."""

    def before(arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any:
        if call.name == SUBSCRIPT and _is_basic(arguments[0]):
            return None
        this_thread.unwatched = True
        return arguments, keywords, perf_counter()

    def after(noted: Any, result: Any, returned: bool) -> None:
        __tracebackhide__ = True
        seconds = perf_counter() - noted[2]
        this_thread.unwatched = False
        if returned:
            arguments, keywords, _ = noted
            source, options = call.parts((*receiver, *arguments), keywords)
            if not (receiver or has_arrays(source)):
                source = next((each for each in options.values() if has_arrays(each)), source)
            frame = sys._getframe().f_back
            _dispatcher.report(call, options, source, result, frame, seconds)

    return _core.stand_in(function, before, after)


def _read(x: Any, call: Call) -> Any:
    """Read a property, report a copy, and return an object that has the value."""
    started = perf_counter()
    this_thread.unwatched = True
    try:
        value = getattr(x, call.name)
    except Exception:  # the program's own access raises it
        return x
    finally:
        this_thread.unwatched = False
    seconds = perf_counter() - started
    _dispatcher.report(call, {}, x, value, sys._getframe().f_back.f_back, seconds)  # type: ignore[union-attr]
    return SimpleNamespace(**{call.name: value})
