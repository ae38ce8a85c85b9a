"""`collate`: the batches of `default_collate`, in shared memory that is used again when they are gone."""

from __future__ import annotations

import copy
import gc
import pickle
import sys
from collections import OrderedDict, namedtuple
from collections.abc import Iterator
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'numpy-bridge[torch]'")

from torch.utils.data import DataLoader, default_collate  # noqa: E402

from block_workers import Samples  # noqa: E402
from numpy_bridge.processes import batches, collate, in_flight, pool  # noqa: E402

Pair = namedtuple("Pair", "image label")
RANDOM = np.random.default_rng(0)


def arrays(n: int, shape: tuple[int, ...], dtype: str) -> list[Any]:
    return list(RANDOM.integers(0, 2, (n, *shape)).astype(dtype))


SAMPLES: dict[str, list[Any]] = {
    **{dtype: arrays(3, (2, 3), dtype) for dtype in ("uint8", "bool", "int64", "float16", "complex64")},
    "tensors": [torch.full((2, 2), i, dtype=torch.bfloat16) for i in range(4)],
    "tensors with strides": [torch.arange(12).reshape(3, 4).t()[::2] + i for i in range(3)],
    "expanded": [torch.ones(1).expand(4) for _ in range(2)],
    "empty tensors": [torch.ones(0, 3) for _ in range(2)],
    "scalars": [torch.tensor(i) for i in range(3)],
    "arrays with strides": [np.arange(12).reshape(3, 4)[::-1, ::2] + i for i in range(3)],
    "numbers": [1, 2, 3],
    "floats": [1.5, 2.5],
    "mixed numbers": [1.5, 2],
    "truths": [True, False],
    "NumPy's numbers": [np.float32(1), np.float32(2)],
    "NumPy's truths": [np.bool_(True), np.bool_(False)],
    "zero dimensions": [np.array(1), np.array(2)],
    "text": ["a", "b"],
    "bytes": [b"a", b"b"],
    "pairs": [(np.ones((2, 2), np.uint8), i) for i in range(3)],
    "named tuples": [Pair(torch.ones(2), i) for i in range(3)],
    "dicts": [
        {"image": np.ones(3, "f4"), "name": "x", "more": [i, {"deep": torch.ones(2)}]} for i in range(3)
    ],
    "ordered dicts": [OrderedDict(b=torch.ones(1), a=i) for i in range(2)],
    "lists": [[1, 2.5, "x"], [3, 4.5, "y"]],
    "one sample": [np.ones(3)],
    "mixed dtypes": [torch.ones(2), torch.ones(2, dtype=torch.float64)],
    "arrays of mixed dtypes": [np.ones(2, "f4"), np.ones(2, "f8")],
    "conjugated": [torch.ones(2, dtype=torch.complex64).conj() * 1j for _ in range(2)],
    "no samples of arrays": [(), ()],
}


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have `collate` take this process for a worker."""
    monkeypatch.setattr(batches, "get_worker_info", SimpleNamespace)
    monkeypatch.setattr(pool, "_pool", None)
    yield
    gc.collect()


def assert_equal(ours: Any, theirs: Any) -> None:
    assert type(ours) is type(theirs)
    if isinstance(theirs, torch.Tensor):
        assert ours.dtype == theirs.dtype
        assert ours.shape == theirs.shape
        assert torch.equal(ours, theirs)
    elif isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        assert_equal(list(ours.values()), list(theirs.values()))
    elif isinstance(theirs, list | tuple):
        assert len(ours) == len(theirs)
        for ours_, theirs_ in zip(ours, theirs, strict=True):
            assert_equal(ours_, theirs_)
    else:
        assert ours == theirs


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.usefixtures("worker")
def test_batches_are_those_of_default_collate(name: str) -> None:
    arrived = pickle.loads(ForkingPickler.dumps(collate(SAMPLES[name])))
    assert_equal(arrived, default_collate(SAMPLES[name]))


@pytest.mark.usefixtures("worker")
def test_dtypes_of_torch_only_are_left_to_default_collate() -> None:
    ours = collate([torch.zeros(2, dtype=torch.uint8).view(torch.bits8)] * 2)
    assert (type(ours), ours.dtype, ours.shape) == (torch.Tensor, torch.bits8, (2, 2))


@pytest.mark.parametrize(
    "samples",
    [
        [torch.ones(2), torch.ones(3)],
        [np.ones(2), np.ones(3)],
        [np.array(["a"]), np.array(["b"])],
        [object(), object()],
        [[1, 2], [1]],
        [np.ones(2, ">f4"), np.ones(2, ">f4")],
        [np.ones(2, np.longdouble), np.ones(2, np.longdouble)],
    ],
)
@pytest.mark.usefixtures("worker")
def test_what_default_collate_refuses_is_refused_alike(samples: list[Any]) -> None:
    with pytest.raises(Exception) as theirs:  # noqa: PT011 (of whatever type)
        default_collate(samples)
    with pytest.raises(type(theirs.value)) as ours:
        collate(samples)
    assert str(ours.value) == str(theirs.value)


@pytest.mark.usefixtures("worker")
def test_a_batch_is_sent_as_one_handle() -> None:
    samples = [
        {"image": np.full((64, 64, 3), i, np.uint8), "label": i, "box": torch.ones(4)} for i in range(32)
    ]
    data = ForkingPickler.dumps(collate(samples))
    assert len(data) < 600
    batch = pickle.loads(data)
    memory = [
        line for line in Path("/proc/self/maps").read_text().splitlines() if "memfd:numpy_bridge" in line
    ]
    spans = [[int(x, 16) for x in line.split()[0].split("-")] for line in memory]
    homes = {low for t in batch.values() for low, high in spans if low <= t.data_ptr() < high}
    assert len(homes) == 1
    assert all(t.data_ptr() % 64 == 0 for t in batch.values())


@pytest.mark.usefixtures("worker")
def test_memory_is_used_again_when_the_batch_is_gone_and_not_before() -> None:
    def batch(value: int) -> Any:
        return pickle.loads(ForkingPickler.dumps(collate([np.full(10_000, value, np.uint8)] * 4)))

    kept = [batch(i) for i in range(100)]
    for i in range(100):
        assert batch(200)[0, 0] == 200
        assert (kept[i] == i).all()
    slots = pool._pool._slots  # type: ignore[union-attr]
    assert len(slots) == pool._MOST
    del kept
    gc.collect()
    generations = [slot.segment.label.generation for slot in slots]
    for _ in range(50):
        batch(1)
    assert sum(slot.segment.label.generation for slot in slots) == sum(generations) + 50


@pytest.mark.usefixtures("worker")
def test_batches_of_another_size_take_the_place_of_old_ones() -> None:
    for n in (*range(1_000, 200_000, 3_000), 10, 10, 10):
        arrived = pickle.loads(ForkingPickler.dumps(collate([np.zeros(n, np.uint8)])))
        assert arrived.shape == (1, n)
        del arrived
    assert len(pool._pool._slots) <= pool._MOST  # type: ignore[union-attr]


@pytest.mark.usefixtures("worker")
def test_a_batch_that_was_sent_twice_is_kept_for_both() -> None:
    """In either order, until the last one has arrived and has gone."""
    for order in ((0, 1), (1, 0)):
        batch = collate([np.full(1000, 7, np.uint8)])
        messages = [ForkingPickler.dumps(batch) for _ in range(2)]
        del batch
        for index in order:
            arrived = pickle.loads(messages[index])
            collate([np.full(1000, 9, np.uint8)])
            assert (arrived == 7).all()
            del arrived
            gc.collect()
            collate([np.full(1000, 9, np.uint8)])
    (slot, *_) = pool._pool._slots  # type: ignore[union-attr]
    assert slot.is_free()


@pytest.mark.usefixtures("worker")
def test_a_batch_that_was_never_sent_gives_its_memory_back() -> None:
    for _ in range(100):
        collate([np.zeros(10)])
    assert len(pool._pool._slots) == 1  # type: ignore[union-attr]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_data_loader(method: str, workers: int) -> None:
    """Batches that are kept outlive the workers, and can be written."""
    if workers == 0 and method != "fork":
        pytest.skip("there are no processes to start")
    context = method if workers else None
    loader = DataLoader(
        Samples(40), batch_size=4, num_workers=workers, collate_fn=collate, multiprocessing_context=context
    )
    kept = list(loader)
    for i, (image, label) in enumerate(kept):
        assert label.tolist() == [4 * i + j for j in range(4)]
        assert image[:, 0, 0, 0].tolist() == label.tolist()
        image += 1
    assert [int(image[0, 1, 1, 1]) for image, _ in kept] == [4 * i + 1 for i in range(10)]


# Functions around `collate`, in the worker

CHANGES: dict[str, Any] = {
    "arithmetic": lambda x: x.float() / 2 + 1,
    "in place": lambda x: x.mul_(3),
    "a row": lambda x: x[1],
    "transposed": lambda x: x.t(),
    "an array": lambda x: torch.from_numpy(x.numpy() + 1),
    "both": lambda x: (x[:1], x.add_(1)),
    "other data": lambda x: setattr(x, "data", x.data[:, :1]) or x,
    "requires grad": lambda x: x.requires_grad_(),
    "a copy": copy.copy,
    "a deep copy": copy.deepcopy,
    "an attribute": lambda x: setattr(x, "label", "x") or x,
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.usefixtures("worker")
def test_the_batch_in_the_worker_is_made_of_tensors(name: str) -> None:
    samples = arrays(3, (2,), "float32")
    (ours,), theirs = collate([(each,) for each in samples]), default_collate(samples)
    assert isinstance(ours, torch.Tensor)
    assert torch.equal(ours, theirs)
    arrived = pickle.loads(ForkingPickler.dumps(CHANGES[name](ours)))
    assert_equal(arrived, CHANGES[name](theirs))


@pytest.mark.usefixtures("worker")
def test_a_view_of_a_batch_keeps_its_memory() -> None:
    row = collate([np.full(4, i, np.float32) for i in range(3)])[1]
    for _ in range(3):
        collate([np.zeros(4, np.float32)] * 3)
    assert row.tolist() == [1] * 4
    del row
    collate([np.zeros(4, np.float32)] * 3)
    assert len(pool._pool._slots) == 2  # type: ignore[union-attr]


@pytest.mark.usefixtures("worker")
def test_leaving_a_loop_early_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker waits at its end for what others may still ask for, and batches are not of these."""
    monkeypatch.setattr(in_flight, "_ledger", None)
    lost = ForkingPickler.dumps(collate([np.zeros(10)]))
    assert [awaited for _, awaited in in_flight.ledger()._held.values()] == [False]
    slept: list[float] = []
    monkeypatch.setattr(in_flight, "parent_process", lambda: SimpleNamespace(is_alive=lambda: True))
    monkeypatch.setattr(in_flight.time, "sleep", slept.append)
    in_flight.ledger().wait()
    assert not slept
    pickle.loads(lost)


def test_leaving_a_loop_early() -> None:
    loader = DataLoader(Samples(1000), batch_size=4, num_workers=2, collate_fn=collate)
    for _ in range(3):
        for image, _ in loader:
            assert image[1, 0, 0, 0] == 1
            break


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")
def test_batches_that_are_kept_take_no_descriptors() -> None:
    """As many as one likes, where torch's own sharing takes a descriptor each."""
    loader = DataLoader(Samples(600), batch_size=1, num_workers=1, collate_fn=collate)
    before = len(list(Path("/proc/self/fd").iterdir()))
    kept = list(loader)
    assert len(list(Path("/proc/self/fd").iterdir())) < before + 50
    assert [int(label) for _, label in kept] == list(range(600))
