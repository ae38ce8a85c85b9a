"""Sends arrays and tensors to another process, by every transport: what was copied, and what is shared?

>>> from numpy_bridge.matrix import processes
>>> objects, (_, ours) = processes.select(sources=["numpy"], targets=["pickle-out-of-band"])
>>> cells = processes.run(objects[:1], [ours], nbytes=1 << 16)
>>> [(cell.producer.name, cell.outcome.value) for cell in cells]
[('ndarray', 'shares')]
"""

from __future__ import annotations

from .consumers import TRANSPORTS, Transport
from .probe import NBYTES
from .producers import PRODUCERS
from .run import LIMIT, result, run
from .selection import select

__all__ = ["LIMIT", "NBYTES", "PRODUCERS", "TRANSPORTS", "Transport", "result", "run", "select"]
