"""Eight threads convert, export, compare and drop the same and different objects at once.

Each test takes half a second here; `--seconds=60` makes it a minute, as `nox -s soak` and `nox -s tsan` do.
"""

from __future__ import annotations

import gc
import hashlib
import random
import sys
import sysconfig
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fakes import FakeTensor
from producers import Legacy, Versioned
from support import needs_torch, run_python, run_together, torch

ROUNDS_BETWEEN_LOOKS_AT_THE_CLOCK = 50


def after_a_fake(x: Any) -> Any:
    fake = FakeTensor()
    assert bridge.to_numpy(fake)[5] == 5
    assert fake.deleted == 1
    return bridge.view(x)


def after_a_refusal(x: Any) -> Any:
    with pytest.raises(bridge.SharingError):
        bridge.view(FakeTensor(ndim=65))
    with pytest.raises(BufferError):
        bridge.view(x, readonly=True).__dlpack__(max_version=None)
    return bridge.view(x)


# Ways to share the numbers 0 to 7 in x, which can be read through what they return
ALIASES: dict[str, Callable[[Any], Any]] = {
    "view": bridge.view,
    "readonly": lambda x: bridge.view(x, readonly=True),
    "view-of-view": lambda x: bridge.view(bridge.view(x)),
    "to_numpy": bridge.to_numpy,
    "copy": lambda x: bridge.to_numpy(x, copy=True),
    "memoryview": lambda x: memoryview(bridge.view(x)),
    "asarray": lambda x: np.asarray(bridge.view(x)),
    "from_dlpack": lambda x: np.from_dlpack(bridge.view(x)),
    "fake": after_a_fake,
    "refused": after_a_refusal,
}
if torch is not None:
    ALIASES["to_torch"] = bridge.to_torch
    ALIASES["torch.from_dlpack"] = lambda x: torch.from_dlpack(bridge.view(x))
    ALIASES["to_torch-to_numpy"] = lambda x: bridge.to_numpy(bridge.to_torch(x))

# What else can be asked of it
QUESTIONS: dict[str, Callable[[Any], Any]] = {
    "digest": lambda x: hashlib.sha1(bridge.view(x)).digest(),
    "capsule": lambda x: bridge.view(x).__dlpack__(max_version=(1, 0)),
    "capsule-readonly": lambda x: bridge.view(x, readonly=True).__dlpack__(max_version=(1, 0)),
    "unversioned": lambda x: bridge.view(x).__dlpack__(),
    "struct": lambda x: bridge.view(x).__array_struct__,
    "shares_memory": lambda x: bridge.shares_memory(x, bridge.view(x)),
    "repr": lambda x: repr(bridge.view(x)),
    "equality": lambda x: bridge.view(x) == bridge.view(x),
}

BLOCKS: dict[str, Callable[[], Any]] = {
    "ndarray": lambda: np.arange(8.0),
    "bytearray": lambda: bytearray(range(8)),
    "memoryview": lambda: memoryview(bytearray(range(8))),
    "view": lambda: bridge.view(np.arange(8.0)),
    "view-of-buffer": lambda: bridge.view(memoryview(np.arange(8.0))),
    "legacy": lambda: Legacy(np.arange(8.0)),
    "versioned": lambda: Versioned(np.arange(8.0)),
}
if torch is not None:
    BLOCKS["tensor"] = lambda: torch.arange(8.0)


def alias(dice: random.Random, x: Any) -> Any:
    made = dice.choice(list(ALIASES.values()))(x)
    assert np.asarray(made)[3] == 3
    return made


def alias_or_answer(dice: random.Random, x: Any) -> Any:
    ask = dice.random() < len(QUESTIONS) / len(QUESTIONS | ALIASES)
    return dice.choice(list(QUESTIONS.values()))(x) if ask else alias(dice, x)


def run_in_threads(work: Callable[[random.Random], None], seconds: float, count: int = 8) -> None:
    """Let threads repeat `work`, all from the same moment on, and raise what one of them raised."""
    failures: list[BaseException] = []
    start = threading.Barrier(count)

    def repeat(seed: int) -> None:
        dice = random.Random(seed)
        try:
            start.wait()
            end = time.monotonic() + seconds
            while not failures and time.monotonic() < end:
                for _ in range(ROUNDS_BETWEEN_LOOKS_AT_THE_CLOCK):
                    work(dice)
        except BaseException as failure:
            failures.append(failure)

    run_together(threading.Thread(target=repeat, args=(seed,)) for seed in range(count))
    if failures:
        raise failures[0]


@pytest.mark.parametrize("make", BLOCKS.values(), ids=BLOCKS)
def test_threads_share_one_object(make: Callable[[], Any], seconds: float) -> None:
    x = make()
    for convert in (ALIASES | QUESTIONS).values():
        convert(x)  # what a first time leaves behind
    gc.collect()
    before = sys.getrefcount(x)
    run_in_threads(lambda dice: alias_or_answer(dice, x), seconds)
    gc.collect()
    assert sys.getrefcount(x) == before
    alias(random.Random(0), x)


def test_threads_meet_the_collector(seconds: float) -> None:
    """Without the GIL, a collection sees Views that other threads are just making."""
    x = bridge.view(np.arange(8.0))
    run_in_threads(lambda dice: gc.collect() if dice.random() < 0.005 else bridge.view(x), seconds)
    alias(random.Random(0), x)


def test_threads_share_objects_of_their_own(seconds: float) -> None:
    def work(dice: random.Random) -> None:
        block = bytearray(np.full(64, 7.0))
        aliases = [bridge.view(block), bridge.to_numpy(block), np.from_dlpack(bridge.view(block))]
        aliases[1][5] = 9
        assert aliases[2][5] == 9
        dice.shuffle(aliases)
        while aliases:
            with pytest.raises(BufferError):
                block.append(1)
            aliases.pop()
        block.append(1)

    run_in_threads(work, seconds)


def test_threads_drop_what_others_made(seconds: float) -> None:
    """Owners, views, exports and unused capsules end on whichever thread comes along."""
    shelf: list[Any] = [None] * 64
    common = [make() for make in BLOCKS.values()]
    before = [sys.getrefcount(x) for x in common]

    def work(dice: random.Random) -> None:
        x = dice.choice(common) if dice.random() < 0.5 else dice.choice(list(BLOCKS.values()))()
        shelf[dice.randrange(len(shelf))] = alias_or_answer(dice, x)

    run_in_threads(work, seconds)
    shelf.clear()
    gc.collect()
    assert [sys.getrefcount(x) for x in common] == before
    common[1].extend(b"not locked")


@pytest.mark.skipif(not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this Python has a GIL")
def test_threads_need_no_gil() -> None:
    """A module that does not say so turns the GIL on when it is imported."""
    assert run_python("import sys, numpy_bridge; print(sys._is_gil_enabled())") == "False\n"


@needs_torch
def test_threads_use_torch_for_the_first_time() -> None:
    run_python(
        """
import threading, numpy as np, numpy_bridge as bridge
results = []
def work():
    array = np.zeros(2)
    bridge.to_torch(array)[0] = 5
    results.append(array[0])
threads = [threading.Thread(target=work) for _ in range(8)]
[t.start() for t in threads], [t.join() for t in threads]
assert results == [5.0] * 8, results
"""
    )


def test_threads_call_objects_while_others_watch_them(seconds: float) -> None:
    """Listeners come and go, each for the first time, while calls of a C type's objects report to them.

    In a process of its own: only one type can be watched in a process.
    """
    run_python(
        """
import sys, threading, time
from numpy_bridge import _core
call, heard, failed = (1).__add__, set(), []  # an object of a C type, as torch.FloatTensor is
end = time.monotonic() + float(sys.argv[1])

def new_listener():
    return lambda *given: heard.add(given) if given[0] is call else None

def watch():
    _core.watch_calls(type(call), new_listener())
    _core.watch_calls(type(call), new_listener())
    _core.unwatch_calls()

def use():
    if call(2) != 3:
        failed.append(call(2))

def repeat(work):
    while time.monotonic() < end:
        for _ in range(100):
            work()

watch()
threads = [threading.Thread(target=repeat, args=(work,)) for work in (watch, use, use, use)]
[t.start() for t in threads], [t.join() for t in threads]
assert not failed, failed
assert heard == {(call, (2,), None, 3)}, heard
""",
        str(seconds),
    )
