"""Blocks through everything that moves objects between processes: the same calls with fork and spawn."""

from __future__ import annotations

import gc
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest

import block_workers as workers
import numpy_bridge as bridge
from block_workers import filled, holders, inode
from numpy_bridge.processes import in_flight
from support import needs_torch, torch

METHODS = ("fork", "spawn", "forkserver")
SECONDS = 60


@pytest.fixture(params=METHODS)
def context(request: pytest.FixtureRequest) -> Any:
    return multiprocessing.get_context(request.param)


def attached(value: float, found: Any, block: bridge.SharedBlock) -> bool:
    """Whether the other process summed the block, and wrote -1 into it."""
    return found == 4 * value and bridge.to_numpy(block)[0] == -1


def test_process_arguments_queue_and_pipe(context: Any) -> None:
    answers, questions = context.Queue(), context.Queue()
    (here, there), blocks = context.Pipe(), [filled(i) for i in (1, 2, 3)]
    processes = [
        context.Process(target=workers.total_and_leave, args=(blocks[0], answers)),
        context.Process(target=workers.answer, args=(questions, answers)),
        context.Process(target=workers.answer_pipe, args=(there,)),
    ]
    for process in processes:
        process.start()
    questions.put(blocks[1])
    here.send(blocks[2])
    assert sorted(answers.get(timeout=SECONDS) for _ in range(2)) == [4, 8]
    assert attached(3, here.recv(), blocks[2])
    assert bridge.to_numpy(here.recv()).tolist() == [5] * 4
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert [bridge.to_numpy(block)[0] for block in blocks] == [-1, -1, -1]


def test_pool_and_executor(context: Any) -> None:
    blocks = [filled(i) for i in range(6)]
    with context.Pool(2) as pool:
        assert pool.map(workers.total, blocks[:3]) == [0, 4, 8]
        made = pool.map(filled, (7, 8))
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        assert list(executor.map(workers.total, blocks[3:])) == [12, 16, 20]
        made.append(executor.submit(filled, 9).result(timeout=SECONDS))
    assert [bridge.to_numpy(block)[0] for block in blocks] == [-1] * 6
    assert [bridge.to_numpy(block)[3] for block in made] == [7, 8, 9]  # after their makers have ended


def test_joblib() -> None:
    joblib = pytest.importorskip("joblib")
    blocks = [filled(i) for i in range(2)]
    parallel = joblib.Parallel(n_jobs=2)
    assert parallel(joblib.delayed(workers.total)(block) for block in blocks) == [0, 4]
    assert [bridge.to_numpy(block)[0] for block in blocks] == [-1, -1]
    made = parallel(joblib.delayed(filled)(value) for value in (5, 6))
    assert [bridge.to_numpy(block)[0] for block in made] == [5, 6]
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=True)
    assert [bridge.to_numpy(block)[1] for block in made] == [5, 6]


@needs_torch
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_torch_multiprocessing(method: str) -> None:
    context = torch.multiprocessing.get_context(method)
    block, queue = filled(1), context.Queue()
    process = context.Process(target=workers.fill_torch, args=(block, queue))
    process.start()
    assert queue.get(timeout=SECONDS) == 12
    assert bridge.to_torch(block).tolist() == [3] * 4
    process.join()


def test_plain_pickle_in_a_file(tmp_path: Any) -> None:
    block = filled(4)
    (tmp_path / "block").write_bytes(pickle.dumps(block))
    answers = multiprocessing.get_context("spawn").Queue()
    answers.put(tmp_path)
    assert bridge.to_numpy(pickle.loads((answers.get() / "block").read_bytes())).tolist() == [4] * 4


def test_what_was_sent_is_kept_until_it_arrives_and_no_longer() -> None:
    from multiprocessing.reduction import ForkingPickler

    block = filled(1)
    number = inode(block)
    handle = ForkingPickler.dumps(block)
    del block
    gc.collect()
    assert holders(number)
    received = pickle.loads(handle)
    assert received.shape == (4,)
    del received
    for _ in range(len(in_flight.ledger()._held) // 64 + 1):  # other tests have sent what nobody took
        in_flight.release()
    gc.collect()
    assert not holders(number)


def test_a_process_that_ends_waits_until_its_blocks_have_arrived(context: Any) -> None:
    """As it does for what its queues hold."""
    queue, (here, there) = context.Queue(), context.Pipe()
    process = context.Process(target=workers.put_filled, args=(queue, 6.0, there))
    process.start()
    assert here.poll(SECONDS)  # it has nothing else to do
    process.join(0.1)
    assert process.is_alive()
    assert bridge.to_numpy(queue.get(timeout=SECONDS)).tolist() == [6] * 4
    process.join()
    assert process.exitcode == 0


def test_many_blocks_through_one_queue() -> None:
    with multiprocessing.get_context("fork").Pool(1) as pool:
        for i, block in enumerate(pool.imap(filled, range(500))):
            assert bridge.to_numpy(block)[0] == i
