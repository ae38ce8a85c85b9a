"""torch's DataLoader: what its worker processes make of shared memory arrives as the right values."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from support import needs_torch, torch

pytestmark = [needs_torch, pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")]

ROWS, COLUMNS = 16, 5
contexts = pytest.mark.parametrize("context", ["fork", "spawn"])


class Tensors:
    """Every item is a tensor over a row of one array."""

    def __init__(self) -> None:
        self.array = np.arange(ROWS * COLUMNS, dtype="f4").reshape(ROWS, COLUMNS)

    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, index: int) -> Any:
        return bridge.to_torch(self.array[index])


class Arrays(Tensors):
    """The other way round: arrays over the rows of a tensor."""

    def __init__(self) -> None:
        self.tensor = torch.arange(ROWS * COLUMNS, dtype=torch.float32).reshape(ROWS, COLUMNS)

    def __getitem__(self, index: int) -> Any:
        return bridge.to_numpy(self.tensor[index])


class SharedBetweenProcesses(Arrays):
    """A tensor in shared memory, which the workers see and write through arrays of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.tensor.share_memory_()

    def __getitem__(self, index: int) -> Any:
        row = bridge.to_numpy(self.tensor)[index]
        row += 1
        return row.copy()


class Views(Tensors):
    def __getitem__(self, index: int) -> Any:
        return bridge.view(self.array[index])


def identity(items: Any) -> Any:
    return items


def load(dataset: Any, context: str, **options: Any) -> list[Any]:
    loader = torch.utils.data.DataLoader(
        dataset, batch_size=4, num_workers=2, multiprocessing_context=context, **options
    )
    return list(loader)


EXPECTED = np.arange(ROWS * COLUMNS, dtype="f4").reshape(ROWS, COLUMNS)


@contexts
def test_items_arrive(context: str) -> None:
    both = torch.utils.data.ConcatDataset([Tensors(), Arrays()])
    items = [item for batch in load(both, context, collate_fn=identity) for item in batch]
    assert [type(item) for item in items] == [torch.Tensor] * ROWS + [np.ndarray] * ROWS
    assert np.array_equal(np.stack([bridge.to_numpy(item) for item in items]), [*EXPECTED, *EXPECTED])


@pytest.mark.parametrize("kind", [Tensors, Arrays])
def test_batches_arrive(kind: type) -> None:
    assert torch.equal(torch.cat(load(kind(), "fork")), torch.from_numpy(EXPECTED))


@contexts
def test_writes_through_shared_memory_come_back(context: str) -> None:
    dataset = SharedBetweenProcesses()
    alias = bridge.to_numpy(dataset.tensor)
    load(dataset, context)
    assert np.array_equal(alias, EXPECTED + 1)


@contexts
def test_views_arrive(context: str) -> None:
    """As memory of their own: an address of another process means nothing."""
    batches = load(Views(), context, collate_fn=identity)
    views = [view for batch in batches for view in batch]
    assert {type(view) for view in views} == {bridge.View}
    assert np.array_equal(np.stack([bridge.to_numpy(view) for view in views]), EXPECTED)


@pytest.mark.parametrize("shared", ["tensor of an array", "array of a tensor"])
def test_pickles_and_copies_are_independent(shared: str) -> None:
    array = np.ones(4, "f4")
    x = bridge.to_torch(array) if shared == "tensor of an array" else bridge.to_numpy(torch.ones(4))
    for other in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x)):
        other[0] = 50
        assert x[0] == 1
        assert other[0] == 50
