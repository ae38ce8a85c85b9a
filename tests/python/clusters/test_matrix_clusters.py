"""The matrix between processes with Ray and Dask, on clusters that its cells start and end."""

from __future__ import annotations

import pytest

from numpy_bridge.matrix import Outcome, processes

BY_NAME = {transport.name: transport for transport in processes.TRANSPORTS}
ARRAY = processes.PRODUCERS[0]


@pytest.mark.parametrize(
    ("name", "copies", "readonly"),
    [("ray ours", 1, True), ("dask register", 2, False), ("dask ours", 1, True)],
)
def test_what_clusters_copy(name: str, copies: int, readonly: bool) -> None:
    transport = BY_NAME[name]
    if not transport.installed:
        pytest.skip(f"{transport.modules[0]} is not installed: nox -s clusters")
    (cell,) = processes.run([ARRAY], [transport], nbytes=4 << 20, limit=120)
    assert cell.outcome is Outcome.COPIES, cell
    assert cell.finding.passage is not None
    assert cell.finding.passage.copies == pytest.approx(copies, abs=0.4)
    assert cell.finding.passage.readonly is readonly
