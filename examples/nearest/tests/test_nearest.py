"""The index over the arrays of each library: values, memory and errors."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from nearest import Index

RANDOM = np.random.default_rng(0)
POINTS = RANDOM.random((50, 3), np.float32)
QUERIES = RANDOM.random((7, 3), np.float32)


def expected(k: int) -> tuple[np.ndarray, np.ndarray]:
    distances = np.linalg.norm(QUERIES[:, None] - POINTS[None], axis=2)
    rows = np.argsort(distances, axis=1)[:, :k]
    return rows, np.take_along_axis(distances, rows, axis=1)


@pytest.mark.parametrize(
    "make", [np.asarray, torch.tensor, memoryview, np.ndarray.tolist], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("k", [1, 5, 50])
def test_values(k: int, make) -> None:
    rows, distances = Index(POINTS).search(make(QUERIES), k)
    assert type(rows) is type(distances) is (torch.Tensor if make is torch.tensor else np.ndarray)
    np.testing.assert_array_equal(rows, expected(k)[0])
    np.testing.assert_allclose(distances, expected(k)[1], rtol=1e-6)


@pytest.mark.parametrize("make", [np.array, torch.tensor], ids=lambda f: f.__name__)
def test_the_index_shares_the_points(make) -> None:
    points = make(POINTS)
    index = Index(points)
    assert index.points is points
    points[3] = 100
    rows, distances = index.search([[100, 100, 100]])
    assert (rows.tolist(), distances.tolist()) == ([[3]], [[0]])


def test_what_does_not_fit_is_copied_without_loss_or_refused() -> None:
    assert len(Index(POINTS.T.copy().T)) == len(Index(POINTS.astype(np.float16))) == 50
    with pytest.raises(
        TypeError, match=r"Index\(\): points: expected float32, C-contiguous, 2-D, CPU; got float64"
    ):
        Index(POINTS.astype(float))


def test_threads_search_side_by_side() -> None:
    index, found = Index(POINTS), {}
    threads = [
        threading.Thread(target=lambda i=i: found.update({i: index.search(QUERIES, 5)})) for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(rows, expected(5)[0]) for rows, _ in found.values())
    assert len(found) == 4


@pytest.mark.parametrize(
    ("queries", "k", "text"), [(QUERIES[:, :2], 1, "3 columns"), (QUERIES, 51, "1 to 50")]
)
def test_arguments_must_agree(queries: np.ndarray, k: int, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Index(POINTS).search(queries, k)
