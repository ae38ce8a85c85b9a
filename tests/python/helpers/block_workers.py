"""What other processes do with blocks. A module, so that processes that are spawned can import it."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from multiprocessing import util
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

import numpy_bridge as bridge
from numpy_bridge.processes import in_flight


def total(block: bridge.SharedBlock) -> float:
    """Sum the block, and write into it, to show that it is shared."""
    array = bridge.to_numpy(block)
    found = float(array.sum())
    array.reshape(-1)[0] = -1
    return found


def total_and_leave(block: bridge.SharedBlock, answers: Any) -> None:
    answers.put(total(block))


def answer(questions: Any, answers: Any) -> None:
    answers.put(total(questions.get(timeout=60)))


def answer_pipe(pipe: Connection) -> None:
    pipe.send(total(pipe.recv()))
    pipe.send(filled(5))


def filled(value: float, n: int = 4) -> bridge.SharedBlock:
    """A block that only its receiver holds as soon as this function has returned."""
    block = bridge.shared_empty(n, "float32")
    bridge.to_numpy(block)[:] = value
    return block


def put_filled(queue: Any, value: float, ending: Connection) -> None:
    """Send a block, and say so when the queue has written it and only the wait for its arrival is left."""
    in_flight._SECONDS_AT_EXIT = 60.0  # the machine may be slow
    queue.put(filled(value))
    util.Finalize(None, ending.send, args=(True,), exitpriority=-7)  # between the queue's thread and the wait


def fill_torch(block: bridge.SharedBlock, queue: Any) -> None:
    bridge.to_torch(block)[:] = 3
    queue.put(float(np.asarray(block).sum()))


def run(code: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Another Python, warnings and all."""
    command = [sys.executable, "-W", "always", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)


class Sender:
    """A Python that makes a block of float32 0, 1, 2, ... and prints its handle; then it runs `then`."""

    def __init__(self, then: str = "", n: int = 1024, options: str = "") -> None:
        code = f"""
import os, pickle, sys, time
import numpy as np, numpy_bridge as bridge
block = bridge.shared_empty({n}, "float32"{options})
bridge.to_numpy(block)[:] = np.arange({n})
handle = pickle.dumps(block)
descriptor = block.owner.mapping.descriptor
{then}
sys.stdout.buffer.write(handle)
sys.stdout.flush()
os.close(1)
time.sleep(60)
"""
        self.process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        self.handle = self.process.stdout.read()
        self.process.stdout.close()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Sender:
        return self

    def __exit__(self, *exception: object) -> None:
        self.kill()


def inode(block: bridge.SharedBlock) -> int:
    return os.fstat(block.owner.mapping.descriptor).st_ino


def holders(number: int) -> set[int]:
    """The processes that have a descriptor or a mapping of the file in memory with this inode."""
    found = set()
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and _holds(process, number):
            found.add(int(process.name))
    return found


def shared_files() -> set[str]:
    """The names in /dev/shm that are ours: named so, or in use by this process or a child of it.

    Other programs of the machine put theirs there, too, and other libraries of this one.
    """
    used = "".join(_used_by(process) for process in (os.getpid(), *_children()))
    others = ("sem.", "torch_", "psm_", "pym-", "joblib_")
    names = {path.name for path in Path("/dev/shm").iterdir() if not path.name.startswith(others)}
    return {name for name in names if "numpy_bridge" in name or f"/dev/shm/{name}" in used}


def _used_by(process: int) -> str:
    """The files that a process has mapped or open, as text."""
    folder = Path(f"/proc/{process}")
    with suppress(OSError):
        return (folder / "maps").read_text() + "".join(map(_target, (folder / "fd").iterdir()))
    return ""


def _target(link: Path) -> str:
    with suppress(OSError):
        return f"{link.readlink()}\n"
    return ""


def _children() -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "stat").read_text().rpartition(")")[2].split()[1] == str(os.getpid()):
                found.append(int(process.name))
    return found


def _holds(process: Path, number: int) -> bool:
    try:
        maps = (process / "maps").read_text()
        if any(f" {number} " in line and "/memfd:numpy_bridge" in line for line in maps.splitlines()):
            return True
        return any(link.stat().st_ino == number for link in (process / "fd").iterdir() if _is_file(link))
    except OSError:
        return False


def _is_file(link: Path) -> bool:
    try:
        return str(link.readlink()).startswith("/memfd:numpy_bridge")
    except OSError:
        return False


class Samples:
    """A dataset of small images and their numbers."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, i: int) -> tuple[np.ndarray, int]:
        if i >= self.n:
            raise IndexError(i)
        return np.full((8, 8, 3), i, np.int32), i
