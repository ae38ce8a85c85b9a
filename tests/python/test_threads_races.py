"""Eight threads convert, export, compare and drop the same and different objects at once.

A round is short here; `--seconds=60` makes it a minute, which `nox -s tsan` does under ThreadSanitizer.
"""

from __future__ import annotations

import gc
import hashlib
import random
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from support import needs_torch, readonly, torch

COUNT = 64
ROUNDS_BETWEEN_LOOKS_AT_THE_CLOCK = 50


def assert_sevens(x: Any) -> None:
    assert bridge.to_numpy(x).sum() == 7 * COUNT


def refused_writable(x: Any) -> None:
    with pytest.raises(BufferError):
        bridge.view(x, readonly=True).__dlpack__(max_version=None)


CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "view": bridge.view,
    "to_numpy": bridge.to_numpy,
    "asarray": lambda x: np.asarray(bridge.view(x)),
    "from_dlpack": lambda x: np.from_dlpack(bridge.view(x, readonly=False)),
    "copy": lambda x: bridge.to_numpy(x, copy=True),
    "memoryview": lambda x: memoryview(bridge.view(x))[1:],
    "digest": lambda x: hashlib.sha1(bridge.view(x)).digest(),
    "capsule": lambda x: bridge.view(x).__dlpack__(max_version=(1, 0)),
    "unversioned": lambda x: bridge.view(x).__dlpack__(),
    "shares_memory": lambda x: bridge.shares_memory(x, bridge.view(x)),
    "repr": lambda x: repr(bridge.view(x)),
    "equality": lambda x: bridge.view(x) == bridge.view(x),
    "values": assert_sevens,
    "refused": refused_writable,
}
TENSORS: dict[str, Callable[[Any], Any]] = {
    "to_torch": bridge.to_torch,
    "torch.from_dlpack": lambda x: torch.from_dlpack(bridge.view(x)),
}


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

    threads = [threading.Thread(target=repeat, args=(seed,)) for seed in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def sevens() -> np.ndarray:
    return np.full(COUNT, 7.0)


MAKERS: dict[str, Any] = {
    "ndarray": sevens,
    "view": lambda: bridge.view(sevens()),
    "view-of-buffer": lambda: bridge.view(memoryview(sevens())),
    "tensor": pytest.param(lambda: torch.full((COUNT,), 7.0), marks=needs_torch),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_threads_convert_one_object(make: Callable[[], Any], seconds: float) -> None:
    x = make()
    conversions = list((CONVERSIONS | TENSORS if torch is not None else CONVERSIONS).values())
    for convert in conversions:
        convert(x)
    gc.collect()
    before = sys.getrefcount(x)
    run_in_threads(lambda dice: dice.choice(conversions)(x), seconds)
    gc.collect()
    assert sys.getrefcount(x) == before
    assert_sevens(x)


def test_threads_convert_objects_of_their_own(seconds: float) -> None:
    def work(dice: random.Random) -> None:
        block = bytearray(sevens())
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
    shelf: list[Any] = [None] * 16
    array, fixed = sevens(), readonly(sevens())
    before = sys.getrefcount(array), sys.getrefcount(fixed)
    makers: list[Callable[[], Any]] = [
        lambda: bridge.view(array),
        lambda: bridge.to_numpy(bridge.view(array)),
        lambda: bridge.view(fixed).__dlpack__(max_version=(1, 0)),
        lambda: bridge.view(array).__dlpack__(),
        lambda: memoryview(bridge.view(fixed)),
        lambda: bridge.view(bytearray(8)),
    ]

    def work(dice: random.Random) -> None:
        shelf[dice.randrange(len(shelf))] = dice.choice(makers)()

    run_in_threads(work, seconds)
    shelf.clear()
    gc.collect()
    assert (sys.getrefcount(array), sys.getrefcount(fixed)) == before
