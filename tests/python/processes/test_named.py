"""Shared memory in files with a name, for systems without nameless ones. NUMPY_BRIDGE_MEMFD=0 asks for it."""

from __future__ import annotations

import errno
import io
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from block_workers import Sender, run
from numpy_bridge.processes import named, nameless, shared_file

FOLDERS = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else Path(os.environ.get("TMPDIR", "/tmp"))
WITH_NAMES = {**os.environ, "NUMPY_BRIDGE_MEMFD": "0"}


def folders_of(process: int) -> list[Path]:
    return list(FOLDERS.glob(f"numpy_bridge-{os.geteuid()}-*-{process}"))


def run_with_names(code: str, **options: Any) -> str:
    """What a program prints that has names; nothing of it is left behind."""
    end = "\nprint(os.getpid())"
    done = run(f"import os\n{code}{end}", env=WITH_NAMES, **options)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    *printed, process = done.stdout.splitlines()
    assert not folders_of(int(process))
    return "\n".join(printed)


@pytest.fixture
def sender(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sender]:
    monkeypatch.setenv("NUMPY_BRIDGE_MEMFD", "0")
    with Sender() as started:
        yield started
    named._remove_abandoned()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_blocks_go_to_another_process_and_back(method: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(f"""
import multiprocessing, os
import numpy_bridge as bridge

def work(questions, answers):
    block = questions.get()
    bridge.to_numpy(block)[:] += 1
    result = bridge.shared_empty(3, "int16")
    bridge.to_numpy(result)[:] = 7
    answers.put(result)
    answers.put(block)  # attached here, and sent on

if __name__ == "__main__":
    context = multiprocessing.get_context("{method}")
    questions, answers = context.Queue(), context.Queue()
    child = context.Process(target=work, args=(questions, answers))
    child.start()
    block = bridge.shared_empty((2, 2), "float32")
    array = bridge.to_numpy(block)
    array[:] = 4
    questions.put(block)
    result, same = answers.get(), answers.get()
    child.join()
    print(array.tolist(), bridge.to_numpy(result).tolist(), bridge.shares_memory(same, array))
    print(os.getpid(), child.pid)
""")
    command = [sys.executable, "-W", "always", str(program)]
    done = subprocess.run(command, env=WITH_NAMES, capture_output=True, text=True, timeout=60, check=True)
    printed, processes = done.stdout.splitlines()
    assert printed == "[[5.0, 5.0], [5.0, 5.0]] [7, 7, 7] True"
    assert done.stderr == ""
    assert not [left for each in processes.split() for left in folders_of(int(each))]


ATTACH = "import pickle, numpy_bridge as bridge; block = pickle.loads(bytes.fromhex(input()))\n"


def test_a_reader_outlives_its_writer_and_sends_on(sender: Sender) -> None:
    code = f"""{ATTACH}
import signal, subprocess, sys
os.kill({sender.process.pid}, signal.SIGKILL)
again = pickle.dumps(block)
child = "import pickle, numpy_bridge as b; b.to_numpy(pickle.loads(bytes.fromhex(input())))[0] = 9"
subprocess.run([sys.executable, "-c", child], input=again.hex(), text=True, check=True)
print(bridge.to_numpy(block)[:3].tolist())
"""
    assert run_with_names(code, input=sender.handle.hex()) == "[9.0, 1.0, 2.0]"


def test_what_a_killed_process_leaves_is_removed_by_the_next_one(sender: Sender) -> None:
    (folder,) = folders_of(sender.process.pid)
    assert len(list(folder.iterdir())) == 2  # the lock and the block
    run_with_names("import numpy_bridge as bridge; bridge.shared_empty(1, 'u1')")
    assert folder.exists()  # it runs
    sender.kill()
    run_with_names("import numpy_bridge as bridge; bridge.shared_empty(1, 'u1')")
    assert not folder.exists()


def test_a_forked_child_sends_what_its_parent_made() -> None:
    code = """
import pickle, sys
import numpy_bridge as bridge
block = bridge.shared_empty(1, "int64")
read, write = os.pipe()
if os.fork() == 0:
    os.write(write, pickle.dumps(block))
    os._exit(0)
handle = os.read(read, 1000)
os.wait()
bridge.to_numpy(block)[:] = 6
print(bridge.to_numpy(pickle.loads(handle)).tolist())
folder, = bridge.processes.named._root().glob(f"numpy_bridge-*-{os.getpid()}")
print(len(list(folder.iterdir())))
del block
print(len(list(folder.iterdir())))
"""
    assert run_with_names(code).splitlines() == ["[6]", "2", "1"]


REFUSED = """
try:
    pickle.loads(bytes.fromhex(input()))
except bridge.SharingError as error:
    print(error.field, "-", error)
"""


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ("", "handle", "which has let go of it or has ended"),
        ("._replace(identity=bytes(16))", "handle", "which has let go of it or has ended"),
        ("._replace(process=1)", "handle", "process 1, which"),
        ("._replace(nbytes=1 << 20)", "size", "expected 4,096 bytes at 64"),
        ("._replace(generation=1)", "handle", "as generation 0"),
        ("._replace(host=bytes(8))", "host", "one of another machine"),
    ],
)
def test_handles_that_are_refused(change: str, field: str, words: str, sender: Sender) -> None:
    _, (packed, *layout) = sender_parts(sender.handle)
    code = f"""
import numpy_bridge as bridge
from numpy_bridge.processes.handle import Handle, attach
try:
    attach(Handle.unpacked({packed!r}){change}.packed(), *{layout!r})
except bridge.SharingError as error:
    print(error.field, "-", error)
"""
    if not change:
        sender.kill()
        run_with_names("import numpy_bridge as bridge; bridge.shared_empty(1, 'u1')")  # removes what is left
    printed = run_with_names(code)
    assert printed.startswith(f"{field} - ")
    assert words in printed


def sender_parts(handle: bytes) -> tuple[str, tuple[Any, ...]]:
    """The function and the arguments of a pickled block."""
    found: list[Any] = []

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            return lambda *arguments: found.append((name, arguments))

    Unpickler(io.BytesIO(handle)).load()
    (result,) = found
    return result


def test_a_sole_writer_is_the_only_one_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMPY_BRIDGE_MEMFD", "0")
    with Sender(options=", sole_writer=True") as started:
        _, (packed, *layout) = sender_parts(started.handle)
        code = f"""
import numpy_bridge as bridge
from numpy_bridge.processes.handle import Handle, attach
handle = Handle.unpacked({packed!r})
try:
    print(attach(handle.packed(), *{layout!r}).readonly)
except bridge.SharingError as error:
    print(error.field)
"""
        assert run_with_names(code) == "True"
        forged = code.replace("handle.packed", "handle._replace(sole_writer=False).packed")
        assert run_with_names(forged) == "writable"
    named._remove_abandoned()


def test_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    """Those that only have such a name, and those that are links."""
    others = [
        FOLDERS / f"numpy_bridge_shard-{os.geteuid()}-of-8",
        FOLDERS / f"numpy_bridge-{os.geteuid()}-1-x",
    ]
    link = FOLDERS / f"numpy_bridge-{os.geteuid()}-1-999999999"
    link.symlink_to(tmp_path)
    kept = tmp_path / "kept"
    kept.touch()
    try:
        for other in others:
            other.mkdir()
        run_with_names("import numpy_bridge as bridge; bridge.shared_empty(1, 'u1')")
        assert all(other.exists() for other in others)
        assert list(tmp_path.iterdir()) == [kept]
    finally:
        link.unlink()
        for other in others:
            other.rmdir()


def test_a_block_can_be_found_until_the_last_part_of_it_goes(sender: Sender) -> None:
    """Threads that attach and drop the same block at the same time."""
    code = f"""
import pickle, sys, threading
import numpy_bridge as bridge
from numpy_bridge.processes import segment
from numpy_bridge.processes.handle import Handle
sys.setswitchinterval(1e-6)
handle = Handle.unpacked({sender_parts(sender.handle)[1][0]!r})
lost = []

def work():
    for _ in range(300):
        held = handle.attach(keep=True)
        if not any(bridge.processes.named._own[0].glob("block-*")):
            lost.append(held)
        del held

threads = [threading.Thread(target=work) for _ in range(3)]
[t.start() for t in threads]
[t.join() for t in threads]
print(len(lost))
"""
    assert run_with_names(code) == "0"


def test_a_fork_while_another_thread_makes_its_folder() -> None:
    code = """
import threading, warnings
import numpy_bridge as bridge
from numpy_bridge.processes import named
warnings.simplefilter("ignore", DeprecationWarning)  # of a fork where there are threads, which is the point
bridge.shared_empty(1, "u1")
named._making.acquire()
child = []

def fork():
    child.append(os.fork())
    if child[0] == 0:
        bridge.shared_empty(1, "u1")
        named._remove_own()
        os._exit(0)

thread = threading.Thread(target=fork)
thread.start()
thread.join()
print(os.waitpid(child[0], 0)[1])
named._making.release()
"""
    assert run_with_names(code) == "0"


@pytest.mark.parametrize("missing", ["posix_fallocate", "meminfo"])
def test_systems_without_what_linux_has(missing: str) -> None:
    code = f"""
from pathlib import Path
import numpy_bridge as bridge
if "{missing}" == "meminfo":
    from numpy_bridge.processes import reserving
    reserving.Path = lambda *names: Path("/nowhere", *(str(name).strip("/") for name in names))
else:
    del os.posix_fallocate
block = bridge.shared_empty(17 << 20, "u1")
print(int(bridge.to_numpy(block).sum()))
"""
    assert run_with_names(code) == "0"


@pytest.mark.parametrize("missing", [errno.ENOSYS, errno.EPERM, None])
def test_they_are_used_where_memfd_create_is_missing(
    missing: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> int:
        if missing is None:
            raise AttributeError("memfd_create")
        raise OSError(missing, os.strerror(missing))

    monkeypatch.delenv("NUMPY_BRIDGE_MEMFD", raising=False)
    assert shared_file.files.__wrapped__() is nameless
    monkeypatch.setattr(nameless, "_memfd_create", lambda: refused)
    assert shared_file.files.__wrapped__() is named


def test_a_process_with_names_and_one_without_do_not_meet(sender: Sender) -> None:
    without = {name: value for name, value in os.environ.items() if name != "NUMPY_BRIDGE_MEMFD"}
    code = f"import pickle, numpy_bridge as bridge\n{REFUSED}"
    done = run(code, env=without, input=sender.handle.hex())
    assert done.stdout.startswith("host - "), done.stderr
