"""`explain` makes calls to see what they do. They are not the program's, so no audit is told of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def unheard() -> Iterator[None]:
    """Let this thread make calls that an audit takes no notice of; audits need not be loaded for that."""
    reporting: Any = sys.modules.get("numpy_bridge.auditing.reporting")
    if reporting is None:
        yield
        return
    before = reporting.busy.now
    reporting.busy.now = True
    try:
        yield
    finally:
        reporting.busy.now = before
