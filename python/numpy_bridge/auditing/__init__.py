"""Finding and forbidding hidden copies in programs that run: `audit` and `no_copies`."""

from __future__ import annotations

import functools
import sys
from _thread import get_ident  # as in threading, which takes long to import
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from numpy_bridge.errors import HiddenCopyError

if TYPE_CHECKING:
    from .record import AuditLog, Conversion

Function = TypeVar("Function", bound=Callable[..., Any])


@contextmanager
def audit() -> Iterator[AuditLog]:
    """Record every conversion between array libraries that the process makes inside the block.

    Calls of all threads are seen; results, exceptions and memory are what they would be without. Once the
    last audit has ended, every function that was watched is the very same object as before.
    ``docs/audit.md`` lists the calls that are watched and those that cannot be.

    Yields
    ------
    AuditLog
        What was found so far; it can be read during the block and afterwards.

    Examples
    --------
    >>> import numpy as np, numpy_bridge as bridge
    >>> with bridge.audit() as log:
    ...     array = np.array(bytearray(8))
    >>> log.copied_bytes
    8
    """
    from . import watching
    from .record import AuditLog

    log = AuditLog()
    watching.start(log)
    try:
        yield log
    finally:
        watching.stop(log)


class no_copies:
    """Raise at the line that makes a hidden copy: a copy of array memory that the call does not ask for.

    A context manager and a decorator of functions, plain or async. A copy counts as asked for if the name
    of the call says so (``clone``, ``tolist``, ``to``, ``cpu``, ``cuda``, ``np.copy``, collation of a
    batch), or an argument does (``copy=True``, ``force=True``), or if there is nothing to share: memory
    moves to another device, or values come from a list.

    All threads are watched: the copy raises in the thread that makes it. What another thread raised is raised
    again at the end of the block, whose own exceptions take precedence. A block in an asyncio task is about
    this task and those that are started inside the block, besides all other threads: tasks of the same thread
    that take turns with it pass. A block outside of tasks, as around `asyncio.run`, is about all of them.

    Raises
    ------
    HiddenCopyError
        Inside the block, by the call that copied; at its end, if that was in another thread.
    TypeError
        On decorating what is no function, or a generator function, whose body runs elsewhere: use a block
        inside it.
    """

    def __init__(self, *functions: object) -> None:
        if functions:
            raise TypeError("no_copies takes no arguments: decorate with @no_copies(), in parentheses")
        self._blocks: list[_Forbid] = []

    def __enter__(self) -> None:
        from . import watching

        self._blocks.append(_Forbid())
        watching.start(self._blocks[-1])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from . import watching

        __tracebackhide__ = True
        forbid = self._blocks.pop()
        watching.stop(forbid)
        forbid.leave()
        if forbid.elsewhere is not None and error is None:
            raise forbid.elsewhere

    def __call__(self, function: Function) -> Function:
        import inspect

        if not callable(function):
            raise TypeError(f"no_copies decorates functions, not {type(function).__name__} objects")
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError("no_copies cannot decorate a generator function; use it as a block inside")
        run: Any
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def run(*arguments: Any, **keywords: Any) -> Any:
                with no_copies():
                    return await function(*arguments, **keywords)

        else:

            @functools.wraps(function)
            def run(*arguments: Any, **keywords: Any) -> Any:
                __tracebackhide__ = True
                with no_copies():
                    return function(*arguments, **keywords)

        return run  # type: ignore[no-any-return]


_entered: ContextVar[frozenset[object]] = ContextVar("numpy_bridge.no_copies", default=frozenset())
"""Marks of the blocks that a task is in, which those that it starts inherit."""


class _Forbid:
    """Listens for hidden copies, and remembers the first that another thread was told of."""

    def __init__(self) -> None:
        self.elsewhere: HiddenCopyError | None = None
        self._thread = get_ident()
        self._mark = object() if _is_in_task() else None
        if self._mark is not None:
            _entered.set(_entered.get() | {self._mark})

    def leave(self) -> None:
        """Let tasks that start from now on be outside."""
        _entered.set(_entered.get() - {self._mark})

    def __call__(self, conversion: Conversion, source: object, result: object) -> None:
        __tracebackhide__ = True
        here = get_ident() == self._thread
        of_another_task = here and self._mark is not None and self._mark not in _entered.get()
        if conversion.hidden and not of_another_task:
            objection = HiddenCopyError.of(conversion)
            if not here and self.elsewhere is None:
                self.elsewhere = objection
            raise objection


def _is_in_task() -> bool:
    """Whether an asyncio task is at work in this thread. A block elsewhere takes no turns with others."""
    asyncio: Any = sys.modules.get("asyncio")
    try:
        return asyncio is not None and asyncio.current_task() is not None
    except RuntimeError:  # no event loop runs here
        return False
