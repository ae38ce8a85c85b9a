"""Owners, aliases and capsules let go of in every order, on every thread, and at the end of Python."""

from __future__ import annotations

import concurrent.futures
import gc
import itertools
import random
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fake_interfaces import FakeInterface, FakeStruct
from fakes import Exchanging, FakeBuffer, FakeTensor
from hostile import taken_and_given_back
from support import needs_numpy_2, needs_torch, run_python, torch

# Every order

OWNERS: dict[str, Any] = {
    "array": lambda: np.arange(3.0),
    "bytearray": lambda: bytearray(range(3)),
    "buffer": FakeBuffer,
    "capsule": lambda: FakeTensor(shape=(3,)),
    "unversioned capsule": lambda: FakeTensor(shape=(3,), versioned=False),
    "exchange API": lambda: Exchanging(shape=(3,)),
    "dictionary": lambda: FakeInterface(shape=(3,)),
    "structure": lambda: FakeStruct(shape=(3,)),
    "tensor": pytest.param(lambda: torch.arange(3.0), marks=needs_torch),
}
PARTS: dict[str, Callable[[Any], Any]] = {
    "view": bridge.view,
    "array": lambda x: bridge.to_numpy(bridge.view(x)),
    "memoryview": lambda x: memoryview(bridge.view(x)),
    "consumed": lambda x: np.from_dlpack(bridge.view(x)),
    "capsule": lambda x: bridge.view(x).__dlpack__(max_version=(1, 0)),
    "structure": lambda x: bridge.view(x).__array_struct__,
}
if torch is not None:
    PARTS["tensor"] = lambda x: bridge.to_torch(bridge.view(x))


def letting_go(owner: Any, order: tuple[str, ...], release: Callable[[Callable[[], None]], None]) -> None:
    """Share `owner` in every way, then let go of owner and aliases in this order, reading what is left."""
    before = sys.getrefcount(owner)
    held = {name: part(owner) for name, part in PARTS.items()}
    expected = held["array"].tolist()
    assert sys.getrefcount(owner) > before
    held["owner"] = owner
    for name in order:
        release(lambda name=name: held.__delitem__(name))
        for left in held.keys() & {"view", "array", "memoryview", "consumed", "tensor"}:
            assert np.asarray(held[left]).tolist() == expected, (order, name, left)
    assert not held
    assert sys.getrefcount(owner) == before
    if not isinstance(owner, (np.ndarray, bytearray)) and not is_tensor(owner):
        taken, given_back = taken_and_given_back(owner)
        assert taken == given_back
    if isinstance(owner, bytearray):
        owner.append(3)
        owner.pop()


def is_tensor(x: Any) -> bool:
    return torch is not None and isinstance(x, torch.Tensor)


each_owner = pytest.mark.parametrize("make", OWNERS.values(), ids=OWNERS)


@needs_numpy_2
@each_owner
@pytest.mark.parametrize("first", [*PARTS, "owner"])
def test_every_order(make: Callable[[], Any], first: str) -> None:
    owner, others = make(), [name for name in (*PARTS, "owner") if name != first]
    for rest in itertools.permutations(others, 3):
        left = tuple(name for name in others if name not in rest)
        letting_go(owner, (first, *rest, *left), lambda drop: drop())


@needs_numpy_2
@each_owner
def test_every_order_on_other_threads(make: Callable[[], Any]) -> None:
    owner, chance = make(), random.Random(0)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for _ in range(100):
            order = tuple(chance.sample([*PARTS, "owner"], len(PARTS) + 1))
            letting_go(owner, order, lambda drop: pool.submit(drop).result())


@needs_numpy_2
@each_owner
def test_the_owner_goes_first_and_for_good(make: Callable[[], Any]) -> None:
    """Nobody but the aliases holds it; the block must outlive it, and go with the last of them."""
    for order in itertools.permutations(["view", "array", "memoryview", "consumed"]):
        owner = make()
        values = np.asarray(bridge.view(owner)).tolist()
        held, written = {name: PARTS[name](owner) for name in order}, list(values)
        junk = [make() for _ in range(4)]
        del owner
        gc.collect(0)
        for name in order:
            assert np.asarray(held[name]).tolist() == written
            written[1] += 3
            np.asarray(held[name])[1] = written[1]
            assert all(np.asarray(bridge.view(other)).tolist() == values for other in junk)
            del held[name]


def test_a_cycle_through_everything_is_collected() -> None:
    log: list[int] = []
    producer = FakeTensor()
    producer.on_delete = lambda: log.append(1)
    array = bridge.to_numpy(bridge.view(producer)).view(type("Sub", (np.ndarray,), {}))
    array.cycle = [producer, array, bridge.view(array)]
    del array, producer
    gc.collect()
    assert log == [1]


# The end of the interpreter

# One process imports everything and forks for every way of leaving things behind. Modules clear their
# names in the order of definition; atexit comes before that, cycles and `sys` after it.
AT_EXIT = """
import atexit, itertools, os, sys, threading
import numpy as np
import numpy_bridge as bridge
{imports}
kinds = {kinds}

class Cycle:
    def __init__(self, made): self.made, self.me = made, self

def as_globals(made, owner_first):
    for name, pair in made.items():
        for i, part in enumerate(pair if owner_first else reversed(pair)):
            globals()[name + str(i)] = part

def use(made):
    for owner, shared in made.values():
        bridge.view(bridge.view(b"abc"))
        if isinstance(shared, (bridge.View, np.ndarray)):
            assert len(np.asarray(shared)) > 0
    made.clear()

def in_daemon_threads(made):
    def forever(owner, shared):
        while True:
            bridge.to_numpy(bridge.view(b"abc"))
            again = bridge.view(owner)
            del again
    for owner, shared in made.values():
        threading.Thread(target=forever, args=(owner, shared), daemon=True).start()

class Last:
    # lives as long as its module, and works with what it has while that is torn down
    def __init__(self, made): self.made = made
    def __del__(self):
        for owner, shared in self.made.values():
            try: bridge.view(owner)
            except (AttributeError, TypeError, ImportError): pass
        self.made.clear()

keep = []
ways = [
    keep.append,
    lambda made: as_globals(made, True),
    lambda made: as_globals(made, False),
    Cycle,
    lambda made: setattr(sys, "kept", made),
    lambda made: atexit.register(made.clear),
    lambda made: atexit.register(use, made),
    *([] if "torch" in sys.modules else [in_daemon_threads]),  # torch itself aborts there
    lambda made: setattr(sys.modules["numpy_bridge"], "kept", made),
    lambda made: setattr(threading.local(), "kept", made),
    lambda made: keep.append(Last(made)),
]
children = {{}}
for number, way in enumerate(ways):
    child = os.fork()
    children[child] = number
    if child == 0:
        made = {{}}
        for name, (make, share) in kinds.items():
            owner = make()
            made[name] = (owner, share(owner))
        way(made)
        del made, owner
        break
else:
    waited = {{number: os.waitpid(child, 0)[1] for child, number in children.items()}}
    statuses = {{number: os.waitstatus_to_exitcode(status) for number, status in waited.items()}}
    print(len(statuses), set(statuses.values()))
    assert not any(statuses.values()), statuses
"""
KINDS = """{
    "array": (lambda: np.ones(8), bridge.view),
    "bytearray": (lambda: bytearray(8), bridge.to_numpy),
    "capsule": (lambda: bridge.view(b"abc"), lambda v: v.__dlpack__(max_version=(1, 0))),
    "unconsumed": (lambda: bridge.view(bytearray(8)), lambda v: v.__dlpack__()),
    "consumed": (lambda: bridge.view(bytearray(8)), np.from_dlpack),
    "memoryview": (lambda: bridge.view(bytearray(8)), memoryview),
}"""
KINDS_TORCH = """{
    "to_torch": (lambda: np.ones(8), bridge.to_torch),
    "to_torch-bytearray": (lambda: bytearray(8), bridge.to_torch),
    "to_numpy": (lambda: torch.ones(8), bridge.to_numpy),
    "view": (lambda: torch.ones(8), bridge.view),
    "from_dlpack": (lambda: bridge.view(torch.ones(8)), torch.from_dlpack),
}"""


def test_the_interpreter_ends_with_everything_alive() -> None:
    assert run_python(AT_EXIT.format(imports="", kinds=KINDS)) == "11 {0}\n"


@needs_torch
def test_the_interpreter_ends_with_tensors_alive() -> None:
    assert run_python(AT_EXIT.format(imports="import torch", kinds=KINDS_TORCH)) == "10 {0}\n"


# Each process has a thousand chances a second to be caught while it waits for the GIL.
DELETERS_IN_DAEMON_THREADS = """
import ctypes, threading, time
import numpy as np
import numpy_bridge as bridge
from fakes import read_capsule, rename_capsule

def forever():
    view, used = bridge.view(np.ones(8)), b"used_dltensor_versioned"
    while True:
        capsule = view.__dlpack__(max_version=(1, 0))
        managed = read_capsule(capsule)
        rename_capsule(capsule, used)
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(managed.deleter)(ctypes.addressof(managed))

for _ in range(8):
    threading.Thread(target=forever, daemon=True).start()
time.sleep(0.05)
"""


@pytest.mark.parametrize("time", range(10))
def test_the_interpreter_ends_under_deleters_that_wait_for_the_gil(time: int) -> None:
    """Python ends their threads by unwinding, which C++ destructors do not survive."""
    run_python(DELETERS_IN_DAEMON_THREADS)


def test_a_sub_interpreter_is_refused() -> None:
    """NumPy refuses as well; without that, Python 3.11 would wait for a lock for ever."""
    run_python(
        """
import sys
if sys.version_info < (3, 13):
    import _xxsubinterpreters as interpreters
else:
    import _interpreters as interpreters
told = interpreters.run_string(interpreters.create(), '''
try:
    import numpy_bridge
except ImportError as error:
    assert "interpreter" in str(error), error
else:
    raise AssertionError("it was imported")
''')
assert told is None, told  # from Python 3.13 on it returns what was raised
"""
    )


PRODUCERS_IN_DAEMON_THREADS = """
import contextlib, threading, time
import numpy as np
import numpy_bridge as bridge

class Producer:
    def __init__(self): self.array = np.ones(3)
    def __dlpack__(self, **keywords): return self.array.__dlpack__(**keywords)
    def __dlpack_device__(self): return (1, 0)

class Refusing:
    def __dlpack__(self, **keywords): raise ValueError("no")
    def __dlpack_device__(self): return (1, 0)

def refused():
    with contextlib.suppress(bridge.SharingError):
        bridge.view(Refusing())

def forever():
    while True:
        {call}

for _ in range(3):
    threading.Thread(target=forever, daemon=True).start()
time.sleep(0.1)
"""


@pytest.mark.parametrize(
    "call",
    [
        "bridge.view(Producer())",
        "bridge.to_numpy(Producer())",
        "bridge.shares_memory(Producer(), Producer())",
        "bridge.add_(Producer(), Producer())",
        "bridge.to_numpy(Producer(), copy=True)",
        "refused()",
    ],
)
def test_the_interpreter_ends_while_producers_are_asked(call: str) -> None:
    """Their Python code waits for the GIL as well, below our functions."""
    run_python(PRODUCERS_IN_DAEMON_THREADS.format(call=call))


MAPPINGS_IN_DAEMON_THREADS = """
import tempfile, threading, time
from numpy_bridge import _core

file = tempfile.TemporaryFile()
file.write(bytes(4096))
file.flush()

def forever():
    while True:
        _core.Mapping(file.fileno(), 4096, False, False, False)

class Late:
    def __del__(self, sleep=time.sleep): sleep(0.05)

late = Late()  # the threads take the GIL back while the interpreter ends
for _ in range(3):
    threading.Thread(target=forever, daemon=True).start()
time.sleep(0.05)
"""


def test_the_interpreter_ends_while_functions_run_without_the_gil() -> None:
    """They take it back at the end of a scope, in a destructor."""
    run_python(MAPPINGS_IN_DAEMON_THREADS)
