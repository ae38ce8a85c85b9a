"""add_ and copy_ on device memory without kernels in the wheel, or without a driver to run them."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from numpy_bridge import CudaError, add_, copy_, from_pointer
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
        "device: expected memory on the host, as this wheel was built without CUDA kernels, got cuda:0; "
        "build it where nvcc is in PATH: "
        "pip install --config-settings=cmake.define.NUMPY_BRIDGE_CUDA=ON . in a clone"
    )
    assert run_python(code).splitlines() == [f"{name}: {why}" for name in ("add_", "copy_", "copy_")]


@pytest.mark.skipif(not has_kernels, reason="this wheel was built without CUDA kernels")
def test_a_machine_without_a_usable_device_says_why() -> None:
    from numpy_bridge import _cuda

    why = _cuda.info()["unavailable"]
    if why is None:
        pytest.skip("CUDA can be used here")
    x = from_pointer(4096, (2,), "f4", device="cuda:0")
    calls = (lambda: add_(x, 1), lambda: add_(x, x), lambda: copy_(x, np.zeros(2, "f4")))
    for call in calls:
        with refused("device", hint=f"{why} (numpy-bridge info tells more)"):
            call()


@pytest.mark.skipif(not has_kernels, reason="this wheel was built without CUDA kernels")
def test_what_is_wrong_anyway_is_said_first() -> None:
    x = from_pointer(4096, (2,), "f4", device="cuda:0")
    with refused("shape"):
        add_(x, from_pointer(4096, (3,), "f4", device="cuda:0"))
    with refused("device", hint="copy_ moves"):
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
