"""Beside the filter with py::array_t: `pytest --benchmark-only --benchmark-group-by=func,param:block`."""

from __future__ import annotations

import numpy as np
import pytest
import torch

B, A = (0.2, 0.4, 0.2), (-0.5, 0.3)
FRAMES = np.zeros((64, 2), np.float32)
BLOCKS = {"mono": FRAMES[:, 0].copy(), "interleaved": FRAMES.T, "tensor": torch.tensor(FRAMES.T)}


@pytest.mark.parametrize("module", ["_core", "_by_array_t"])
@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("method", ["process", "filtered"])
def test_speed(benchmark, method: str, block: str, module: str) -> None:
    filters = pytest.importorskip(f"biquad.{module}")
    x = BLOCKS[block]
    benchmark(getattr(filters.Biquad(B, A, 1 if x.ndim == 1 else 2), method), x)
