"""What can go wrong with blocks between processes, and what must hold then."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import numpy as np
import pytest

import block_workers as workers
import numpy_bridge as bridge
from block_workers import Sender, holders, inode, run, shared_files


def _becomes_true(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 20
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def test_a_reader_outlives_its_writer_and_the_memory_goes_with_the_reader() -> None:
    before = shared_files()
    with Sender() as sender:
        block = pickle.loads(sender.handle)
        number = inode(block)
        assert holders(number) == {sender.process.pid, os.getpid()}
    array = bridge.to_numpy(block)
    assert array.sum() == np.arange(1024).sum()
    again = pickle.loads(pickle.dumps(block))  # can be sent on
    array[0] = 5
    assert np.asarray(again)[0] == 5
    assert holders(number) == {os.getpid()}
    del block, array, again
    gc.collect()
    assert not holders(number)
    assert shared_files() == before


@pytest.mark.parametrize("victim", ["writer", "reader"])
def test_kill_9_in_a_loop_leaves_nothing(victim: str) -> None:
    """At any moment: both make, send, receive and drop blocks as fast as they can."""
    before, fork = shared_files(), multiprocessing.get_context("fork")
    kept = bridge.shared_empty(1 << 16, "uint8")
    bridge.to_numpy(kept)[:] = 1
    number = inode(kept)
    for round_ in range(25):
        there, here = fork.Pipe()
        child = fork.Process(target=_make_and_send if victim == "writer" else _receive, args=(there, kept))
        child.start()
        there.close()
        unanswered = 0
        end = time.monotonic() + 0.004 * (round_ % 9) + 0.002
        try:
            while time.monotonic() < end:
                if victim == "writer":
                    if here.poll(0.001):
                        assert bridge.to_numpy(here.recv())[0] == 7
                elif unanswered < 3:  # what the reader does not take stays with us
                    here.send(workers.filled(7))
                    unanswered += 1
                elif here.poll(0.001):
                    here.recv()
                    unanswered -= 1
            assert child.pid is not None
            os.kill(child.pid, signal.SIGKILL)
        except (BrokenPipeError, ConnectionResetError, EOFError):
            pass
        child.join()
        here.close()
    gc.collect()
    assert shared_files() == before
    assert holders(number) == {os.getpid()}
    assert bridge.to_numpy(kept).all()


def _make_and_send(pipe: multiprocessing.connection.Connection, kept: bridge.SharedBlock) -> None:
    while True:
        pipe.send(workers.filled(7))
        pickle.loads(pickle.dumps(kept))


def _receive(pipe: multiprocessing.connection.Connection, kept: bridge.SharedBlock) -> None:
    blocks = [kept]
    while True:
        blocks.append(pipe.recv())
        pipe.send(None)
        del blocks[:-3]


def test_what_was_sent_to_a_reader_that_was_killed_goes_with_the_sender() -> None:
    code = """
import multiprocessing, os, signal, time
from multiprocessing.reduction import ForkingPickler
import block_workers as workers
lost = [bytes(ForkingPickler.dumps(workers.filled(1))) for _ in range(3)]
print(*(os.stat(f"/proc/self/fd/{fd}").st_ino for fd in os.listdir("/proc/self/fd")
        if os.path.exists(f"/proc/self/fd/{fd}") and "block" in os.readlink(f"/proc/self/fd/{fd}")))
"""
    done = run(code, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    numbers = [int(n) for n in done.stdout.split()]
    assert len(numbers) == 3, done.stderr
    assert not any(holders(n) for n in numbers)
    assert done.stderr == ""


def test_a_fork_shares_the_memory_and_its_end_takes_nothing_away() -> None:
    block = bridge.shared_empty(4, "int64")
    array, number = bridge.to_numpy(block), inode(block)
    for leave in (os._exit, sys.exit):
        child = multiprocessing.get_context("fork").Process(target=_write_and_leave, args=(block, leave))
        child.start()
        child.join()
        assert array[1] == child.pid
    assert holders(number) == {os.getpid()}
    assert pickle.loads(pickle.dumps(block)).ptr == block.ptr


def _write_and_leave(block: bridge.SharedBlock, leave: object) -> None:
    bridge.to_numpy(block)[1] = os.getpid()
    leave(0)  # type: ignore[operator]


def test_a_fork_sends_the_block_on_in_its_own_name() -> None:
    fork = multiprocessing.get_context("fork")
    block = workers.filled(3)
    there, here = fork.Pipe()
    child = fork.Process(target=_send_handle, args=(there, block))
    child.start()
    handle = here.recv()
    with_child = pickle.loads(handle)
    assert with_child.ptr == block.ptr  # this process has it already
    there.send(None)
    child.join()


def _send_handle(pipe: multiprocessing.connection.Connection, block: bridge.SharedBlock) -> None:
    pipe.send(pickle.dumps(block))
    pipe.close()


def test_a_fork_while_other_threads_attach_and_send() -> None:
    """No lock that another thread held stays locked in the child."""
    stop = threading.Event()
    block = workers.filled(1)

    def busy() -> None:
        while not stop.is_set():
            pickle.loads(pickle.dumps(block))
            pickle.loads(ForkingPickler.dumps(workers.filled(2)))

    threads = [threading.Thread(target=busy) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            child = os.fork()
            if child == 0:
                signal.alarm(20)
                try:
                    mine = workers.filled(3)
                    pickle.loads(ForkingPickler.dumps(workers.filled(4)))
                    os._exit(0 if pickle.loads(pickle.dumps(mine)).ptr == mine.ptr else 1)
                finally:
                    os._exit(2)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_program_that_replaces_the_process_has_no_block() -> None:
    """The descriptors are closed, so the old handle is refused, and the memory is gone."""
    code = """
import os, pickle, shutil, sys
import numpy_bridge as bridge
block = bridge.shared_empty(1024, "float32")
sys.stdout.buffer.write(pickle.dumps(block).ljust(200))
sys.stdout.flush()
os.execv(shutil.which("sleep"), ["sleep", "60"])
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    handle = process.stdout.read(200)
    assert _becomes_true(lambda: "sleep" in Path(f"/proc/{process.pid}/comm").read_text())
    with pytest.raises(bridge.SharingError, match=r"let go of it|stale"):
        pickle.loads(handle)
    process.kill()
    process.wait()


@pytest.mark.parametrize("order", ["block, array", "array, block", "nothing"])
def test_exit_in_any_order_is_silent(order: str) -> None:
    code = f"""
import multiprocessing, numpy as np, numpy_bridge as bridge, pickle
from multiprocessing.reduction import ForkingPickler
block = bridge.shared_empty(10, "float32")
array = bridge.to_numpy(block)
again = pickle.loads(ForkingPickler.dumps(block))
nothing = lost = ForkingPickler.dumps(bridge.shared_empty(3, "uint8"))
del {order}
"""
    done = run(code)
    assert (done.returncode, done.stderr) == (0, "")


def test_threads_make_send_and_drop_blocks() -> None:
    wrong = []

    def work(mark: int) -> None:
        for _ in range(200):
            block = workers.filled(mark)
            handle = ForkingPickler.dumps(block)
            del block
            if bridge.to_numpy(pickle.loads(handle)).tolist() != [mark] * 4:
                wrong.append(mark)

    threads = [threading.Thread(target=work, args=(mark,)) for mark in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_names_cannot_be_used_again_as_there_are_none() -> None:
    """Two blocks at one descriptor, one after the other (ABA): the identity differs."""
    first, second = workers.filled(1), workers.filled(2)
    handle, descriptor = pickle.dumps(first), first.owner.mapping.descriptor
    del first
    os.dup2(second.owner.mapping.descriptor, descriptor)
    try:
        with pytest.raises(bridge.SharingError, match="another one: the descriptor is in use again"):
            pickle.loads(handle)
    finally:
        os.close(descriptor)
    assert not [name for name in shared_files() if "numpy_bridge" in name]
