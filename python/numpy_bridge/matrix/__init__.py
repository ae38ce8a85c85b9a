"""Tries every installed array library with the memory of every other: does it share, copy, refuse, crash?

Every producer is passed to every consumer, by the library's own call and by ours, each pair in its own
process. The outcome is proved by writing through each side and reading through the other.

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
