"""Probes objects with transports, each pair in a process of its own with receivers of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

import numpy_bridge as bridge
from numpy_bridge import matrix
from numpy_bridge.matrix.model import Cell, Matrix, Producer, now
from numpy_bridge.matrix.subject import Subject

from .consumers import TRANSPORTS, Transport
from .probe import NBYTES, probe
from .producers import PRODUCERS
from .resident import ENVIRONMENT

LIMIT = 90.0
"""Seconds that a cell may take: it starts a process that imports the libraries, or a cluster."""

SUBJECT = Subject(
    title="Memory between processes",
    heading="Each row's object sent to another process by each column's call, and what writing proved.",
    lead="Each row's object x was sent to another process by each column's call. Writing on each side and "
    "reading on the other proved what is shared. The memory of both processes shows what was copied.",
    into="Through",
    command="numpy-bridge matrix --processes",
    schema="numpy-bridge/matrix-processes/1",
    values="n is the number of elements in a row",
)


def run(
    producers: Sequence[Producer],
    transports: Sequence[Transport],
    *,
    limit: float = LIMIT,
    report: Callable[[Cell], None] = lambda cell: None,
    nbytes: int = NBYTES,
) -> tuple[Cell, ...]:
    """Send each object by each transport.

    Parameters
    ----------
    producers, transports : sequence
        Their libraries must be installed.
    limit : float, optional
        Seconds that one cell may take. Its processes are ended then.
    report : callable, optional
        Called from this thread with each Cell as soon as it is known.
    nbytes : int, optional
        Bytes of an object of float32.

    Returns
    -------
    tuple of Cell
        All pairs, object by object.
    """
    return matrix.run(
        producers,
        transports,
        limit=limit,
        report=report,
        probe=partial(probe, nbytes=nbytes),
        workers=max(1, (os.cpu_count() or 1) // 2),  # a sender and a receiver each
        environment=ENVIRONMENT,
    )


def result(cells: Iterable[Cell]) -> Matrix:
    """Return a matrix of cells that were found here and now."""
    cells = tuple(cells)
    here = matrix.installed()
    names = {name for cell in cells for name in cell.libraries} | {"numpy", "python"}
    used = {cell.consumer.library for cell in cells}
    versions = {
        "numpy-bridge": bridge.__version__,
        **{name: version for name, version in here.items() if name in names},
        **dict(each.version for each in TRANSPORTS if each.library in used and each.modules),
    }
    missing = {each.library for each in PRODUCERS if each.library not in here}
    missing |= {each.library for each in TRANSPORTS if not each.installed}
    with_clusters = any(each.cluster and each.library in used for each in TRANSPORTS)
    subject = replace(SUBJECT, command=f"{SUBJECT.command} --clusters") if with_clusters else SUBJECT
    return Matrix(cells, versions, tuple(sorted(missing)), now(), subject)
