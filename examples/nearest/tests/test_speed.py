"""Beside the same index with py::array_t: `pytest --benchmark-only --benchmark-group-by=func,param:name`."""

from __future__ import annotations

import numpy as np
import pytest
import torch

POINTS = np.random.default_rng(0).random((1000, 8), np.float32)
QUERIES = {
    "a query": POINTS[:1].copy(),
    "a tensor of one": torch.tensor(POINTS[:1]),
    "a hundred": POINTS[:100].copy(),
}


@pytest.mark.parametrize("module", ["_core", "_by_array_t"])
@pytest.mark.parametrize("name", QUERIES)
def test_search(benchmark, name: str, module: str) -> None:
    index = pytest.importorskip(f"nearest.{module}").Index(POINTS[:10] if "one" in name else POINTS)
    rows, _ = benchmark(index.search, QUERIES[name])
    assert rows[0, 0] == 0


@pytest.mark.parametrize("module", ["_core", "_by_array_t"])
def test_points(benchmark, module: str) -> None:
    make = pytest.importorskip(f"nearest.{module}").Index
    benchmark(make, POINTS)
