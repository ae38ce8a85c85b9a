"""Finding and forbidding hidden copies in a running program: `audit` and `no_copies`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .forbid import no_copies as no_copies

if TYPE_CHECKING:
    from .model import AuditLog


@contextmanager
def audit() -> Iterator[AuditLog]:
    """Record every conversion between array libraries that the process makes inside the block.

    Calls of all threads are recorded; their results, exceptions and memory are the same as without. When the
    last audit has ended, every function that was watched is the very same object as before.
    ``docs/audit.md`` lists the calls that are watched and those that cannot be.

    Yields
    ------
    AuditLog
        The conversions so far. It can be read during the block and afterwards.

    Examples
    --------
    >>> import numpy as np, numpy_bridge as bridge
    >>> with bridge.audit() as log:
    ...     array = np.array(bytearray(8))
    >>> log.copied_bytes
    8
    """
    from .install.installation import installation
    from .model import AuditLog

    log = AuditLog()
    with installation.listening(log):
        yield log
