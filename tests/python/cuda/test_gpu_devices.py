"""Several devices: work goes where the memory is, and the caller's current device stays what it was."""

from __future__ import annotations

from typing import Any

import pytest

import numpy_bridge as bridge
from gpu_streams import sleep, torch
from numpy_bridge import add_, copy_, from_pointer
from support import run_python

COUNT = 1 << 20

needs_two = pytest.mark.skipif(torch.cuda.device_count() < 2, reason="there are no two CUDA devices here")


def on(device: int, value: float = 1, **options: Any) -> Any:
    return torch.full((COUNT,), float(value), device=f"cuda:{device}", **options)


@needs_two
@pytest.mark.parametrize("current", [0, 1])
def test_the_current_device_does_not_matter_and_stays(current: int) -> None:
    for device in (0, 1):
        x = on(device)
        with torch.cuda.device(current):
            add_(x, 1)
            add_(x, x)
            copy_(x[1:], x[:-1])
            assert torch.cuda.current_device() == current
        assert (x == 4).all()


@needs_two
def test_operands_on_two_devices_are_not_added() -> None:
    with pytest.raises(bridge.SharingError) as caught:
        add_(on(0), on(1))
    assert caught.value.field == "device"
    assert "cuda:0" in str(caught.value)
    assert "cuda:1" in str(caught.value)


@needs_two
@pytest.mark.parametrize("how", ["packed", "strided", "cast"])
def test_copies_between_devices(how: str) -> None:
    x, y = on(0, 0), on(1, 3, dtype=torch.float16 if how == "cast" else torch.float32)
    step = 2 if how == "strided" else 1
    copy_(x[::step], y[::step])
    assert (x[::step] == 3).all()
    assert (x[1::2] == (0 if how == "strided" else 3)).all()


@needs_two
def test_copies_between_devices_are_in_order_with_both() -> None:
    x, y = on(0, 0), on(1, 0)
    torch.cuda.synchronize(0)
    torch.cuda.synchronize(1)
    first, second = torch.cuda.Stream(0), torch.cuda.Stream(1)
    with torch.cuda.stream(first), torch.cuda.stream(second):
        with torch.cuda.device(1):
            sleep()
        y.fill_(3)
        copy_(x, y)
        y.fill_(100)
        seen = x.clone()
    first.synchronize()
    assert (seen == 3).all()


@needs_two
def test_no_context_is_made_on_another_device() -> None:
    """Half a gigabyte of device 0 is not taken by a process that uses device 1."""
    lines = run_python(
        """
import ctypes
import torch
import numpy_bridge as bridge

driver = ctypes.CDLL("libcuda.so.1")

def is_active(device):
    flags, active = ctypes.c_uint(), ctypes.c_int()
    assert driver.cuDevicePrimaryCtxGetState(device, ctypes.byref(flags), ctypes.byref(active)) == 0
    return bool(active.value)

x = torch.ones(1 << 20, device="cuda:1")
print(is_active(0))
bridge.add_(x, 1)
bridge.add_(x[1:], x[:-1])
bridge.copy_(torch.zeros(1 << 20), x)
bridge.view(x).__dlpack__(stream=2, copy=True)
bridge.from_pointer(x.data_ptr(), 1 << 20, "f4", device="cuda:1", owner=x)
print(is_active(0), is_active(1), torch.cuda.current_device())
"""
    ).splitlines()
    if lines[0] == "True":
        pytest.skip("this torch has made a context on device 0 itself")
    assert lines == ["False", "False True 0"]


@needs_two
def test_managed_memory_is_on_every_device() -> None:
    """That of device 0 is added to memory of device 1, there."""
    cupy = pytest.importorskip("cupy", reason="cupy is not installed")
    with cupy.cuda.Device(0), cupy.cuda.using_allocator(cupy.cuda.malloc_managed):
        block = cupy.full(COUNT, 2, "f4")
        cupy.cuda.Device(0).synchronize()
    y = from_pointer(block.data.ptr, COUNT, "f4", device="cuda_managed:0", owner=block)
    x = on(1)
    add_(x, y)
    assert (x == 3).all()
    add_(y, x)
    torch.cuda.synchronize(1)
    assert (cupy.asnumpy(block) == 5).all()


def test_the_host_and_a_device_are_not_added() -> None:
    for x, y in ((on(0), torch.ones(COUNT)), (torch.ones(COUNT), on(0))):
        with pytest.raises(bridge.SharingError) as caught:
            add_(x, y)
        assert caught.value.field == "device"
        assert (x == 1).all()
