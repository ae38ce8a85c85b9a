"""Finding and forbidding hidden copies in a running program: `audit` and `no_copies`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn

from .forbid import no_copies as no_copies

if TYPE_CHECKING:
    from .model import AuditLog


class audit:
    """Record every conversion between array libraries that the process makes inside the block.

    Calls of all threads are recorded; their results, exceptions and memory are the same as without. When the
    last audit has ended, every function that was watched is the very same object as before.
    ``docs/audit.md`` lists the calls that are watched and those that cannot be.

    Yields
    ------
    AuditLog
        The conversions so far. It can be read during the block and afterwards.

    Raises
    ------
    TypeError
        If a function or class is decorated: its log could not be had. Use a block.

    Examples
    --------
    >>> import numpy as np, numpy_bridge as bridge
    >>> with bridge.audit() as log:
    ...     array = np.array(bytearray(8))
    >>> log.copied_bytes
    8
    """

    def __init__(self, *decorated: object) -> None:
        if decorated:
            self(*decorated)
        self._blocks: list[tuple[AbstractContextManager[None], AuditLog]] = []

    def __enter__(self) -> AuditLog:
        from .install.installation import installation
        from .model import AuditLog

        log = AuditLog()
        block = installation.listening(log)
        block.__enter__()
        self._blocks.append((block, log))
        return log

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        block, log = self._blocks.pop()
        log.end()
        block.__exit__(kind, error, trace)

    def __call__(self, *_: object) -> NoReturn:
        raise TypeError(
            "audit cannot be a decorator, because its log would be lost: use a block, with audit() as log"
        )
