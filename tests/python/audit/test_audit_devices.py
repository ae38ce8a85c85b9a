"""What an audit says of libraries for devices that are not here, by stand-ins at made-up addresses."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge.auditing.judging.calls import CALLS, Call
from numpy_bridge.auditing.judging.verdict import judge


class OnDevice:
    """As much of a `cupy.ndarray` as others ask for: four numbers at an address."""

    __module__ = "cupy"
    device = SimpleNamespace(id=1)
    dtype = np.dtype("float32")
    nbytes = 16

    def __init__(self, address: int) -> None:
        self.address = address

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {"shape": (4,), "typestr": "<f4", "data": (self.address, False), "version": 3}


THERE, ELSEWHERE, HERE = OnDevice(1 << 40), OnDevice(1 << 41), np.ones(4, np.float32)
MOVED = "it moves from cpu to cuda:1; the host does not wait"
MOVED_BACK = "it moves from cuda:1 to cpu; the host waits"
COPIES = "cupy.array copies unless it is told not to"
SAME = "the same memory"


@pytest.fixture
def cupy(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module whose functions return what they are told to."""
    module: Any = ModuleType("cupy")
    for name in ("array", "asarray", "from_dlpack", "asnumpy"):
        exec(f"def {name}(x): return result[0]", vars(module))
    module.result = [None]
    monkeypatch.setitem(sys.modules, "cupy", module)
    return module


@pytest.mark.parametrize(
    ("name", "source", "result", "outcome", "reason", "asked"),
    [
        ("asarray", HERE, THERE, "copied", MOVED, True),
        ("array", HERE, THERE, "copied", f"{MOVED}; {COPIES}", True),
        ("asarray", THERE, THERE, "shared", "the argument itself is returned", False),
        ("asarray", THERE, OnDevice(1 << 40), "shared", SAME, False),
        ("array", THERE, ELSEWHERE, "copied", COPIES, False),
        ("from_dlpack", THERE, OnDevice(1 << 40), "shared", SAME, False),
        ("asnumpy", THERE, HERE, "copied", MOVED_BACK, True),
    ],
)
def test_cupy(cupy: Any, name: str, source: Any, result: Any, outcome: str, reason: str, asked: bool) -> None:
    cupy.result[0] = result
    with bridge.audit() as log:
        assert {
            "array": lambda: cupy.array(source),
            "asarray": lambda: cupy.asarray(source),
            "from_dlpack": lambda: cupy.from_dlpack(source),
            "asnumpy": lambda: cupy.asnumpy(source),
        }[name]() is result
    (conversion,) = log
    assert conversion.call == f"cupy.{name}"
    assert (conversion.outcome, conversion.reason, conversion.asked) == (outcome, reason, asked)
    assert conversion.nbytes == 16


def test_every_call_of_cupy_that_is_watched_is_tried() -> None:
    assert {call.name for call in CALLS if call.module == "cupy"} == {
        "array",
        "asarray",
        "from_dlpack",
        "asnumpy",
    }


class OnDeviceOfTensorFlow:
    """A tensor that shows its memory as a copy only."""

    __module__ = "tensorflow.python.framework.ops"
    device = "/job:localhost/replica:0/task:0/device:GPU:0"
    dtype = SimpleNamespace(name="float32", size=4)
    shape = SimpleNamespace(num_elements=lambda: 4)

    def numpy(self) -> Any:
        return HERE.copy()

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.numpy()


def test_tensorflow_on_a_device_is_not_asked_for_its_memory() -> None:
    call = Call("tensorflow", "identity", "tf.identity")
    verdict = judge(call, {}, OnDeviceOfTensorFlow(), OnDeviceOfTensorFlow())
    assert (verdict.source.device, verdict.source.nbytes) == ("cuda:0", 16)
    assert (verdict.outcome, verdict.reason) == (
        "unknown",
        "TensorFlow shows memory of a device only as a copy on the host",
    )
    moved = judge(call, {}, HERE, OnDeviceOfTensorFlow())
    assert (moved.outcome, moved.reason, moved.asked) == ("copied", "it moves from cpu to cuda:0", True)
