"""What rewritten source calls: `watched(x, "copy").copy()` for `x.copy()`, `watched(x)[i]` for `x[i]`.

For almost every object that is the object itself. For an array it is an object with the one attribute, a
stand-in in C. So the call remains the program's own: its line, its frame, its errors and its warnings.
"""

from __future__ import annotations

import builtins
import functools
import operator
import sys
from collections.abc import Callable, Mapping
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any

from numpy_bridge import _core
from numpy_bridge.errors import HiddenCopyError
from numpy_bridge.unwatched import this_thread

from ..install.installation import installation
from ..judging.calls import Call
from .copies import FUNCTIONS, ONLY_MOVING, PROPERTIES, SUBSCRIPT, calls_of, calls_of_module, without_calls
from .jitted import CALL, call_of, host_arrays
from .own_verdict import has_arrays
from .rewriting import WATCHED

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

    def after(arrays: Any, result: Any, _seconds: float) -> HiddenCopyError | None:
        frame = sys._getframe().f_back
        errors = (_dispatcher.report(call, {}, each, result, frame) for each in arrays)
        return next(filter(None, errors), None)

    return _core.stand_in(function, before, after, silences=False)


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


def _stand_in(call: Call, function: Any, receiver: tuple[Any, ...]) -> Any:
    """Return a callable that calls `function`, and reports a copy of the receiver or of an argument."""
    after = _reporting(call, bool(receiver))
    return _core.stand_in(
        function, None, after, known=_dispatcher.known, call=call, receiver=receiver[0] if receiver else None
    )


@functools.cache
def _reporting(call: Call, is_bound: bool) -> Callable[..., HiddenCopyError | None]:
    """Return what reports the calls of a row of the table, as methods of an object or as functions."""

    def after(noted: tuple[Any, Any], result: Any, seconds: float) -> HiddenCopyError | None:
        source, options = noted
        if not (is_bound or has_arrays(source)):
            source = next((each for each in options.values() if has_arrays(each)), source)
        return _dispatcher.report(call, options, source, result, sys._getframe().f_back, seconds)

    return after


class _Read:
    """An object, while one property of it is read."""

    __slots__ = ("_call", "_owner")

    def __init__(self, owner: Any, call: Call) -> None:
        self._owner, self._call = owner, call


def _read(x: Any, call: Call) -> Any:
    """Return an object with one property, which is that of `x`."""
    return _reader(call.name)(x, call)


@functools.cache
def _reader(name: str) -> type[_Read]:
    def before(arguments: tuple[Any, ...], _keywords: object) -> _Read:
        return arguments[0]  # type: ignore[no-any-return]

    def after(read: _Read, value: Any, seconds: float) -> HiddenCopyError | None:
        return _dispatcher.report(read._call, {}, read._owner, value, sys._getframe().f_back, seconds)

    get = _core.stand_in(operator.attrgetter(f"_owner.{name}"), before, after)
    return type("_Read", (_Read,), {"__slots__": (), name: property(get)})
