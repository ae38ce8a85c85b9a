"""`no_copies`: a hidden copy is an error."""

from __future__ import annotations

import functools
import sys
from _thread import get_ident  # as in threading, which takes long to import
from collections.abc import Awaitable, Callable, Iterable
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from numpy_bridge.errors import HiddenCopyError

from .scope import Scope, scope_of

if TYPE_CHECKING:
    from .model import Conversion

Function = TypeVar("Function", bound=Callable[..., Any])


class no_copies:
    """Raise at the line that makes a hidden copy: a copy of array memory that the call does not announce.

    A context manager and a decorator of functions, plain or async. A copy is not hidden if the name of the
    call announces it (``clone``, ``tolist``, ``to``, ``cpu``, ``cuda``, ``np.copy``, collation of a batch),
    or an argument does (``copy=True``, ``force=True``). Nor is it if nothing could be shared: memory moves to
    another device, or values come from a list.

    All threads are watched: the copy raises in the thread that makes it. An error of another thread is raised
    again at the end of the block, unless the block raises itself. A block in an asyncio task applies to this
    task, to tasks that are started inside the block, and to all other threads, but not to other tasks of the
    same thread. A block outside of tasks, as around `asyncio.run`, applies to all of them.

    A line with the comment ``# numpy-bridge: allow`` may copy.

    Parameters
    ----------
    only : "mine", optional
        Let the code of installed libraries copy.
    allow : iterable of str, optional
        Modules and packages that may copy, as in ``["stable_baselines3"]``.

    Raises
    ------
    HiddenCopyError
        Inside the block, by the call that copied; at its end, if that was in another thread.
    ValueError
        If `only` is another word.
    TypeError
        If an object other than a function is decorated, such as a class, or a generator function, whose body
        runs elsewhere: use a block inside it.

    Examples
    --------
    >>> import numpy as np, numpy_bridge as bridge
    >>> with bridge.no_copies():
    ...     array = np.array(bytearray(8))  # numpy-bridge: allow
    """

    def __init__(
        self, *functions: object, only: Literal["mine"] | None = None, allow: Iterable[str] = ()
    ) -> None:
        if functions:
            raise TypeError("no_copies takes no functions: decorate with @no_copies(), in parentheses")
        self._scope = scope_of(only, allow)
        self._blocks: list[_Forbid] = []

    def __enter__(self) -> None:
        from .install.installation import installation

        forbid = _Forbid(self._scope)
        installation.add(forbid)
        self._blocks.append(forbid)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from .install.installation import installation

        __tracebackhide__ = True
        blocks = self._blocks  # other threads and tasks may be in this one, too
        forbid = next((each for each in reversed(blocks) if each.is_entered_here()), blocks[-1])
        blocks.remove(forbid)
        installation.remove(forbid)
        forbid.leave()
        if forbid.elsewhere is not None and error is None:
            raise forbid.elsewhere

    def __call__(self, function: Function) -> Function:
        import inspect

        _require_body(function)
        scope = self._scope
        run: Any
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def run(*arguments: Any, **keywords: Any) -> Any:
                with _within(scope):
                    return await function(*arguments, **keywords)

        else:

            @functools.wraps(function)
            def run(*arguments: Any, **keywords: Any) -> Any:
                __tracebackhide__ = True
                with _within(scope):
                    result = function(*arguments, **keywords)
                if inspect.isgenerator(result) or inspect.isasyncgen(result):
                    raise TypeError("no_copies cannot watch a generator that is returned: use it as a block")
                return _awaited(result, scope) if inspect.iscoroutine(result) else result

        return run  # type: ignore[no-any-return]


def _within(scope: Scope) -> no_copies:
    """Return a block of its own for each call: calls may overlap."""
    block = no_copies()
    block._scope = scope
    return block


async def _awaited(coroutine: Awaitable[Any], scope: Scope) -> Any:
    """Await, inside a block, what a plain function returned, such as a wrapper of an async one."""
    with _within(scope):
        return await coroutine


def _require_body(function: Callable[..., Any]) -> None:
    """Refuse what has no body that runs when it is called: its copies would go unnoticed."""
    import inspect

    if isinstance(function, type):
        raise TypeError("no_copies cannot decorate a class, which must stay a class; decorate its methods")
    descriptor = isinstance(function, staticmethod | classmethod | property | functools.partialmethod)
    if descriptor and callable(getattr(function, "__func__", None)):
        raise TypeError(
            f"no_copies decorates functions, not {type(function).__name__} objects; "
            f"put @no_copies() below @{type(function).__name__}"
        )
    if descriptor or not callable(function):
        raise TypeError(
            f"no_copies decorates functions, not {type(function).__name__} objects; use it as a block"
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError("no_copies cannot decorate a generator function; use it as a block inside")


_entered: ContextVar[frozenset[object]] = ContextVar("numpy_bridge.no_copies", default=frozenset())
"""The marks of the blocks that a task is in. Tasks that it starts inherit them."""


class _Forbid:
    """Raises for hidden copies, and remembers the first error that it raised in another thread."""

    only_hidden = True

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self.elsewhere: HiddenCopyError | None = None
        self._thread = get_ident()
        self._mark = object() if _is_in_task() else None
        if self._mark is not None:
            _entered.set(_entered.get() | {self._mark})

    def is_entered_here(self) -> bool:
        """Whether the code that runs is in the block: in its thread, and in its task if it was in one."""
        return get_ident() == self._thread and (self._mark is None or self._mark in _entered.get())

    def leave(self) -> None:
        """End the block for tasks that start from now on."""
        _entered.set(_entered.get() - {self._mark})

    def __call__(self, conversion: Conversion, source: object, result: object) -> None:
        __tracebackhide__ = True
        here = get_ident() == self._thread
        counts = conversion.hidden and self._scope.has(conversion.place)
        if counts and (not here or self.is_entered_here()):
            error = _error(conversion)
            if not here and self.elsewhere is None:
                self.elsewhere = error
            raise error


def _error(c: Conversion) -> HiddenCopyError:
    got = f"{c.nbytes:,} bytes, {c.source} to {c.result}: {c.why}"
    return HiddenCopyError(str(c.place), c.call, got, str(c.advice or ""))


def _is_in_task() -> bool:
    """Whether this code runs in an asyncio task, which takes turns with other tasks of the thread."""
    asyncio: Any = sys.modules.get("asyncio")
    try:
        return asyncio is not None and asyncio.current_task() is not None
    except RuntimeError:  # no event loop runs here
        return False
