"""multiprocessing's pickler with our reducers: one copy, into shared memory, and a handle that is sent."""

from __future__ import annotations

import gc
import multiprocessing
import pickle
import resource
import subprocess
import sys
from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge.errors import SharingError
from numpy_bridge.processes import in_flight, segment
from support import readonly, torch

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="shared blocks need Linux")

N = 1 << 16  # of four bytes: as few as are put into shared memory


class Pickler(ForkingPickler):
    """One of our own, so that no other test meets the reducers."""


@pytest.fixture(autouse=True)
def reducers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ForkingPickler, "_extra_reducers", dict(ForkingPickler._extra_reducers))  # type: ignore[attr-defined]
    bridge.register_reducers(Pickler, shared_memory=True)


SENT: dict[str, Callable[[], Any]] = {
    "array": lambda: np.arange(N, dtype="f4"),
    "Fortran order": lambda: np.asfortranarray(np.arange(4 * N, dtype="i2").reshape(4, N)),
    "every second": lambda: np.arange(4 * N, dtype="f4")[::2],
    "reversed": lambda: np.arange(N, dtype="f4")[::-1],
    "read-only": lambda: readonly(np.arange(N, dtype="f4")),
    "View": lambda: bridge.view(np.arange(N, dtype="f4")),
}
if torch is not None:
    SENT |= {
        "tensor": lambda: torch.arange(N, dtype=torch.float32),
        "bfloat16": lambda: torch.arange(2 * N).to(torch.bfloat16),
        "transposed": lambda: torch.arange(2 * N, dtype=torch.float32).reshape(2, N).t(),
        "broadcast": lambda: torch.arange(N, dtype=torch.float32).expand(3, N),
    }


def values(x: Any) -> Any:
    return bridge.to_numpy(x, copy=True).tolist()


@pytest.mark.parametrize("name", SENT)
def test_what_arrives_is_writable_memory_of_its_own(name: str) -> None:
    x = SENT[name]()
    before = values(x)
    message = bytes(Pickler.dumps(x))
    assert len(message) < 1000
    y = pickle.loads(message)
    assert type(y) is type(x)
    assert values(y) == before
    assert getattr(y, "dtype", None) == getattr(x, "dtype", None)
    assert not bridge.shares_memory(x, y)
    given, arrived = bridge.view(x), bridge.view(y)
    assert (arrived.readonly, arrived.shape) == (given.readonly, given.shape)
    if name not in ("every second", "reversed"):
        assert arrived.strides == given.strides
    if not arrived.readonly:
        bridge.to_numpy(y)[...] = 7
        assert values(x) == before


def test_a_message_is_for_one_receiver() -> None:
    message = Pickler.dumps(np.ones(N, "f4"))
    pickle.loads(message)
    in_flight.ledger().release()
    with pytest.raises(SharingError):
        pickle.loads(message)


@pytest.mark.parametrize("n", [0, 1, N - 1])
def test_little_is_sent_with_the_message(n: int) -> None:
    message = bytes(Pickler.dumps(np.arange(n, dtype="f4")))
    assert len(message) >= 4 * n
    for _ in range(2):
        assert pickle.loads(message).tolist() == list(range(n))


def test_nothing_stays_with_the_sender() -> None:
    ledger = in_flight.ledger()
    gc.collect()
    ledger.release()
    held, files = len(ledger._held), len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(100):
        pickle.loads(Pickler.dumps(np.ones(N, "f4")))
    ledger.release()
    ledger.release()
    assert len(ledger._held) <= held
    assert len(list(Path("/proc/self/fd").iterdir())) <= files


def test_what_nobody_takes_does_not_use_up_the_descriptors() -> None:
    """Nor what was never sent, as another part of the message could not be pickled."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(list(Path("/proc/self/fd").iterdir()))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 200, most[1]))
    try:
        for _ in range(used + 300):
            with pytest.raises((AttributeError, pickle.PicklingError)):
                Pickler.dumps([np.ones(N, "f4"), lambda: 0])
        assert Path("/dev/null").read_bytes() == b""
        assert pickle.loads(Pickler.dumps(np.ones(N, "f4"))).sum() == N
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, most)
        in_flight._ledger = None


@pytest.mark.parametrize("pickler", [None, {}, pickle.Pickler])
def test_picklers_whose_bytes_may_go_anywhere_are_refused(pickler: Any) -> None:
    with pytest.raises(ValueError, match="only for picklers of multiprocessing and loky"):
        bridge.register_reducers(pickler, shared_memory=True)


def test_without_shared_memory_the_values_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise SharingError("shared memory", "size", "room", "none")

    monkeypatch.setattr(segment, "create", refuse)
    message = bytes(Pickler.dumps(np.arange(N, dtype="f4")))
    assert len(message) > 4 * N
    assert pickle.loads(message).tolist() == list(range(N))


PROGRAM = """
import multiprocessing, numpy as np, numpy_bridge as bridge
from multiprocessing.reduction import ForkingPickler
bridge.register_reducers(ForkingPickler, shared_memory=True)

def double(given, taken):
    x = given.get()
    x *= 2
    taken.put(x)

if __name__ == "__main__":
    context = multiprocessing.get_context(METHOD)
    given, taken = context.Queue(), context.Queue()
    process = context.Process(target=double, args=(given, taken))
    process.start()
    x = np.arange(1 << 20, dtype="f4")
    given.put(x)
    y = taken.get(timeout=100)
    process.join(100)
    print(process.exitcode, bool((y == np.arange(1 << 20) * 2).all()), float(x[1]))
"""


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_queue_there_and_back(method: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.replace("METHOD", repr(method)))
    done = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, check=False, timeout=200
    )
    assert (done.stdout, done.stderr) == ("0 True 1.0\n", "")
