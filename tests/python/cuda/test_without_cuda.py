"""add_ and copy_ on device memory without kernels in the wheel, or without a driver to run them."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from numpy_bridge import CudaError, add_, copy_, from_pointer, view
from support import refused, run_python

has_kernels = importlib.util.find_spec("numpy_bridge._cuda") is not None


def test_a_wheel_without_kernels_says_how_to_get_some() -> None:
    code = """
import sys
sys.modules["numpy_bridge._cuda"] = None  # as if the file were missing
import numpy as np
import numpy_bridge as bridge
x = bridge.from_pointer(4096, (2,), "f4", device="cuda:0")
for call in (lambda: bridge.add_(x, 1), lambda: bridge.copy_(x, x), lambda: bridge.copy_(np.zeros(2), x)):
    try:
        call()
    except bridge.SharingError as error:
        print(error)
"""
    why = (
        "cannot use these operands: expected memory on the host, as this wheel was built without CUDA "
        "kernels, "
        "got cuda:0. Build it where nvcc is in PATH: "
        "pip install --config-settings=cmake.define.NUMPY_BRIDGE_CUDA=ON . in a clone"
    )
    assert run_python(code).splitlines() == [
        f"{name} {why}. [{name}.device]" for name in ("add_", "copy_", "copy_")
    ]


def test_a_wheel_without_kernels_cannot_put_streams_in_order() -> None:
    """A consumer of DLPack must then be on the stream of the memory, or see to the order itself."""
    code = """
import sys
sys.modules["numpy_bridge._cuda"] = None
import numpy_bridge as bridge
from exchange import managed_tensor_from_object
from fake_interfaces import FakeCudaInterface
refused = {1: [2, 7], 2: [None, 1, 7], 7: [None, 1, 2, 8]}
for own, consumers in refused.items():
    shared = bridge.view(FakeCudaInterface(stream=own))
    assert shared.__dlpack__(stream=own) and shared.__dlpack__(stream=-1)
    calls = [lambda stream=stream: shared.__dlpack__(stream=stream) for stream in consumers]
    if own != 1:
        calls.append(lambda: managed_tensor_from_object(shared))
    for call in calls:
        try:
            call()
        except bridge.SharingError as error:
            print(error)
"""

    def capsule(own: int, consumer: int | None) -> str:
        return (
            f"cannot share this through DLPack: expected stream {own}, which has pending work on this "
            "memory, or -1, "
            f"got {consumer}. Wait for that stream yourself, and pass -1. [DLPack.stream]"
        )

    def table(own: int) -> str:
        return (
            "cannot share this through DLPack: expected work on the legacy default stream, got work on "
            f"stream {own}. "
            "Wait for that stream first, then call x.__dlpack__(stream=-1). [DLPack.stream]"
        )

    expected = [capsule(1, 2), capsule(1, 7), *(capsule(2, s) for s in (None, 1, 7)), table(2)]
    expected += [*(capsule(7, s) for s in (None, 1, 2, 8)), table(7)]
    assert run_python(code).splitlines() == expected


def test_a_wheel_without_kernels_copies_no_device_memory() -> None:
    code = """
import sys
sys.modules["numpy_bridge._cuda"] = None
import numpy as np
import numpy_bridge as bridge
there, here = bridge.from_pointer(4096, (2,), "f4", device="cuda:0"), bridge.view(np.zeros(2))
for shared, device in ((there, None), (there, (2, 0)), (there, (1, 0)), (here, (2, 0))):
    try:
        shared.__dlpack__(dl_device=device, copy=True)
    except bridge.SharingError as error:
        print(error.protocol, error.field, error.got)
"""
    assert run_python(code).splitlines() == [
        *["DLPack device cuda:0"] * 2,
        "copy_ device cuda:0",
        "DLPack device cuda:0",
    ]


@pytest.mark.skipif(not has_kernels, reason="this wheel was built without CUDA kernels")
def test_a_machine_without_a_usable_device_says_why() -> None:
    from numpy_bridge import _cuda

    why = _cuda.info()["unavailable"]
    if why is None:
        pytest.skip("CUDA can be used here")
    x = from_pointer(4096, (2,), "f4", device="cuda:0")
    calls = (
        lambda: add_(x, 1),
        lambda: add_(x, x),
        lambda: copy_(x, np.zeros(2, "f4")),
        lambda: x.__dlpack__(copy=True),
        lambda: x.__dlpack__(copy=True, dl_device=(1, 0)),
        lambda: view(np.zeros(2)).__dlpack__(copy=True, dl_device=(2, 0)),
    )
    for call in calls:
        with refused("device", hint=f"{why} (see numpy-bridge info)"):
            call()


@pytest.mark.skipif(not has_kernels, reason="this wheel was built without CUDA kernels")
def test_what_is_wrong_anyway_is_said_first() -> None:
    x = from_pointer(4096, (2,), "f4", device="cuda:0")
    with refused("shape"):
        add_(x, from_pointer(4096, (3,), "f4", device="cuda:0"))
    with refused("device", hint="numpy_bridge.copy_(new, y)"):
        add_(x, from_pointer(4096, (2,), "f4", device="cuda:1"))
    with refused("dtype"):
        copy_(np.zeros(2, "i4"), x)
    assert add_(from_pointer(0, (0,), "f4", device="cuda:0"), 1).shape == (0,)


def test_kernels_are_loaded_for_device_memory_only() -> None:
    code = """
import sys, numpy as np, numpy_bridge as bridge
bridge.copy_(bridge.add_(np.zeros(2), 1), np.ones(2))
print("numpy_bridge._cuda" in sys.modules)
"""
    assert run_python(code) == "False\n"


def test_the_error_of_cuda_calls() -> None:
    error = CudaError("cudaMemcpyAsync", "cudaErrorInvalidValue", "invalid argument")
    assert (error.call, error.name, error.text) == error.args
    assert str(error) == "cudaMemcpyAsync: cudaErrorInvalidValue: invalid argument"
    assert isinstance(error, RuntimeError)
    assert error.hint == ""


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        *((f"cudaError{name}", "earlier work") for name in ("Assert", "IllegalAddress", "LaunchFailure")),
        ("cudaErrorInvalidResourceHandle", "the stream may have been destroyed"),
    ],
)
def test_errors_that_may_not_come_from_the_call_that_reports_them(name: str, hint: str) -> None:
    error = CudaError("launch of add_", name, "its words")
    assert error.hint.startswith(hint)
    assert str(error).startswith(f"launch of add_: {name}: its words. {hint[0].upper()}{hint[1:]}")
