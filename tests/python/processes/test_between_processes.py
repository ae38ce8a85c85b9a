"""Messages that really leave the process, and many threads that send at once."""

from __future__ import annotations

import gc
import mmap
import multiprocessing
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from sending import out_of_band, through_bytes
from support import needs_torch, torch

pytestmark = [needs_torch, pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")]


def send(connection: Connection, x: Any) -> None:
    buffers: list[Any] = []
    data = bridge.dumps(x, buffer_callback=buffers.append)
    connection.send_bytes(data)
    connection.send(len(buffers))
    for buffer in buffers:
        connection.send_bytes(buffer.raw())


def receive(connection: Connection) -> Any:
    assert connection.poll(60), "the other process does not answer"
    data = connection.recv_bytes()
    return bridge.loads(data, [connection.recv_bytes() for _ in range(connection.recv())])


def answer(connection: Connection) -> None:
    """Write through one alias, and send all back."""
    tensor, array, view = receive(connection)
    tensor += 1
    send(connection, [tensor, np.array(array), view])


@pytest.mark.parametrize("start", ["fork", "spawn", "forkserver"])
def test_a_message_to_a_process_and_back(start: Any) -> None:
    context = multiprocessing.get_context(start)
    ours, theirs = context.Pipe()
    process = context.Process(target=answer, args=(theirs,))
    process.start()
    source = torch.arange(12.0).view(3, 4)
    send(ours, [source, source[1].numpy(), bridge.view(b"abc")])
    tensor, array, view = receive(ours)
    process.join(60)
    assert torch.equal(tensor, source + 1)
    assert array.tolist() == [5, 6, 7, 8]  # the alias of the tensor that was written there
    assert bytes(view) == b"abc"
    assert view.readonly
    assert source[0].tolist() == [0, 1, 2, 3]


def write_privately(path: str, data: bytes, connection: Connection) -> None:
    with Path(path).open("rb") as file:
        pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    (tensor,) = bridge.loads(data, [pages])
    tensor.fill_(7)
    (anonymous,) = re.findall(r"RssAnon:\s+(\d+)", Path("/proc/self/status").read_text())
    connection.send((float(tensor.sum()), int(anonymous)))


def test_writes_of_readers_reach_nobody(tmp_path: Path) -> None:
    path = tmp_path / "store"
    tensor = torch.zeros(1 << 20)
    with path.open("wb") as file:
        data = bridge.dumps([tensor], buffer_callback=lambda buffer: file.write(buffer.raw()))
    pages = np.memmap(path, np.float32, "r")
    context = multiprocessing.get_context("spawn")
    readers = []
    for _ in range(2):
        ours, theirs = context.Pipe()
        reader = context.Process(target=write_privately, args=(str(path), data, theirs))
        reader.start()
        readers.append((reader, ours))
    for reader, ours in readers:
        assert ours.poll(60)
        assert ours.recv()[0] == 7 * (1 << 20)
        reader.join(60)
    assert not pages.any()


def test_threads_that_send_the_same_memory() -> None:
    block = torch.arange(1000.0)
    views = [bridge.view(block[i : i + 500]) for i in range(4)]
    started = threading.Barrier(4)

    def many(number: int) -> None:
        started.wait()
        for _ in range(200):
            (first, second) = out_of_band([views[number], block[number:]])
            assert np.asarray(first)[0] == second[0] == number
            (copied,) = through_bytes([block[number:]])
            assert copied[0] == number

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(many, range(4)))


def test_policies_of_threads_are_their_own() -> None:
    data = bridge.dumps(torch.zeros(3), buffer_callback=lambda _: None)

    def load(policy: Any) -> list[str]:
        results = []
        for _ in range(200):
            try:
                bridge.loads(data, [bytes(12)], readonly=policy)
                results.append("copy")
            except bridge.SharingError:
                results.append("refuse")
        return results

    with ThreadPoolExecutor(4) as pool:
        policies = ["copy", "refuse"] * 2
        assert [set(found) for found in pool.map(load, policies)] == [{policy} for policy in policies]


@pytest.mark.resident
def test_nothing_is_left_behind() -> None:
    def anonymous() -> int:
        gc.collect()
        (kib,) = re.findall(r"RssAnon:\s+(\d+)", Path("/proc/self/status").read_text())
        return int(kib) << 10

    def once() -> None:
        tensor = torch.zeros(1 << 18)
        out_of_band([tensor, tensor[5:], tensor[::2], bridge.view(tensor)])
        through_bytes(tensor)

    for _ in range(20):
        once()
    before = anonymous()
    for _ in range(200):  # of 3 MiB each
        once()
    assert anonymous() - before < 100 << 20  # what malloc keeps varies
