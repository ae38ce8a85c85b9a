"""What each array library here does with the memory of each other: shares, copies, refuses, or worse.

Every producer is handed to every consumer, by the library's own call and by ours, each pair in a process of
its own. What came of it is proved by writing through each side and reading through the other.

>>> from numpy_bridge import matrix
>>> cells = matrix.run(*matrix.select(only=["python"]))
>>> sorted({cell.outcome.value for cell in cells if cell.consumer.ours})
['read-only', 'shares']
"""

from __future__ import annotations

from numpy_bridge.outcome import Outcome

from .consumers import CONSUMERS
from .libraries import LIBRARIES, Library, installed
from .model import Cell, Consumer, Finding, Matrix, Producer
from .probe import probe
from .producers import PRODUCERS
from .run import LIMIT, run
from .selection import UnknownLibraryError, select

__all__ = [
    "CONSUMERS",
    "LIBRARIES",
    "LIMIT",
    "PRODUCERS",
    "Cell",
    "Consumer",
    "Finding",
    "Library",
    "Matrix",
    "Outcome",
    "Producer",
    "UnknownLibraryError",
    "installed",
    "probe",
    "run",
    "select",
]
