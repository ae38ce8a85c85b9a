"""The filter over blocks of each library: values, memory, state and errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from biquad import Biquad

B, A = (0.2, 0.4, 0.2), (-0.5, 0.3)
LIBRARIES = {"numpy": np.array, "torch": torch.tensor}


def tone(*shape: int, dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def expected(x: np.ndarray) -> np.ndarray:
    """The equation, word for word."""
    y = np.zeros((*x.shape[:-1], x.shape[-1] + 2))
    padded = np.concatenate([np.zeros((*x.shape[:-1], 2)), x], axis=-1)
    for n in range(2, padded.shape[-1]):
        y[..., n] = sum(b * padded[..., n - i] for i, b in enumerate(B))
        y[..., n] -= A[0] * y[..., n - 1] + A[1] * y[..., n - 2]
    return y[..., 2:]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(64,), (1, 64), (3, 64)], ids=str)
@pytest.mark.parametrize("library", LIBRARIES)
def test_values(library: str, shape: tuple[int, ...], dtype: str) -> None:
    block = LIBRARIES[library](tone(*shape, dtype=dtype))
    channels = 1 if len(shape) == 1 else shape[0]
    new = Biquad(B, A, channels).filtered(block)
    assert type(new) is type(block)
    assert new.dtype == block.dtype
    Biquad(B, A, channels).process(block)
    for result in (new, block):
        np.testing.assert_allclose(result, expected(tone(*shape, dtype=dtype)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("library", LIBRARIES)
def test_interleaved_channels_are_filtered_where_they_are(library: str) -> None:
    frames = LIBRARIES[library](tone(64, 2))
    Biquad(B, A, channels=2).process(frames.T)
    np.testing.assert_allclose(frames, expected(tone(64, 2).T).T, rtol=1e-4, atol=1e-5)


def test_blocks_continue_each_other() -> None:
    block, low = tone(2, 64), Biquad(B, A, channels=2)
    low.process(block[:, :20])
    low.process(block[:, 20:])
    np.testing.assert_allclose(block, expected(tone(2, 64)), rtol=1e-4, atol=1e-5)


def test_the_state_is_the_filters_own_and_keeps_it_alive() -> None:
    low = Biquad(B, A)
    state = low.state
    low.process(tone(8))
    assert state.any()
    state[:] = 0
    assert low.filtered(np.zeros(3)).tolist() == [0, 0, 0]
    del low
    assert state.shape == (1, 2)


REFUSED = {
    "integers": (
        np.zeros(8, int),
        "block: expected float32 or float64, 1-D or 2-D, writable, CPU; got int64",
    ),
    "immutable": (np.broadcast_to(np.zeros(1), 8), "read-only"),
    "tracked": (torch.zeros(8, requires_grad=True), "requires_grad"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_blocks_that_cannot_be_written(case: str) -> None:
    block, text = REFUSED[case]
    with pytest.raises(TypeError, match=text):
        Biquad(B, A).process(block)


def test_channels_must_agree() -> None:
    with pytest.raises(ValueError, match="block: expected 1 channels; got 2"):
        Biquad(B, A).process(tone(2, 8))
