"""Streams and lifetimes where torch alone shows nothing: captures of CuPy, memory that JAX reuses at once,
torch without its exchange table, cuda.core, and `stream=`.
"""

from __future__ import annotations

from typing import Any

import pytest

import numpy_bridge as bridge
from gpu_streams import sleep, torch
from numpy_bridge import add_, copy_, from_pointer
from support import run_python

COUNT = 1 << 20


def device_tensor(value: float) -> Any:
    return torch.full((COUNT,), float(value), device="cuda")


# CuPy


@pytest.mark.parametrize("before", [False, True], ids=["arrays", "views"])
def test_cupy_in_a_capture(before: bool) -> None:
    """Without a stream `__dlpack__` would let the legacy stream join, which ends the capture."""
    cupy = pytest.importorskip("cupy", reason="cupy is not installed")
    x, y = cupy.zeros(COUNT, "f4"), cupy.full(COUNT, 2, "f4")
    operands = (bridge.view(x), bridge.view(y)) if before else (x, y)
    add_(*operands)  # whatever is set up once
    x.fill(0)
    cupy.cuda.runtime.deviceSynchronize()
    with cupy.cuda.Stream(non_blocking=True) as stream:
        stream.begin_capture()
        add_(*operands)
        copy_(operands[1], operands[0])
        graph = stream.end_capture()
        assert not x.any()
        stream.synchronize()
        for _ in range(3):
            graph.launch(stream)
        stream.synchronize()
        assert (x == 8).all()
        assert (y == 8).all()


def test_a_view_outlives_cupys_stream() -> None:
    """Its handle is dead when the stream is; the array is used on the current one."""
    cupy = pytest.importorskip("cupy", reason="cupy is not installed")
    array = cupy.zeros(COUNT, "f4")
    cupy.cuda.runtime.deviceSynchronize()
    with cupy.cuda.Stream(non_blocking=True):
        shared = bridge.view(array)
    for _ in range(8):
        cupy.cuda.Stream(non_blocking=True)  # may get the same handle, and is destroyed
    add_(shared, 1)
    assert (bridge.to_torch(shared) == 1).all()


# JAX


def gpu_of_jax(jax: Any) -> Any:
    devices = [each for each in jax.devices() if each.platform == "gpu"]
    return devices[0] if devices else pytest.skip("this jax is built without CUDA")


@pytest.mark.parametrize("call", [add_, copy_])
def test_a_temporary_of_jax(call: Any) -> None:
    """XLA gives its memory to its next computation at once, while ours still waits for torch."""
    jax = pytest.importorskip("jax", reason="jax is not installed")
    device = gpu_of_jax(jax)
    t = device_tensor(0)
    torch.cuda.synchronize()
    with jax.default_device(device):
        make = jax.jit(lambda value: jax.numpy.zeros(COUNT, "float32") + value)
        make(0.0).block_until_ready()
        sleep()
        call(t, make(1.0))
        others = [make(100.0).block_until_ready() for _ in range(8)]
    torch.cuda.synchronize()
    assert (t == 1).all()
    assert len(others) == 8


def test_jax_is_ready_for_a_named_stream() -> None:
    jax = pytest.importorskip("jax", reason="jax is not installed")
    device = gpu_of_jax(jax)
    stream = torch.cuda.Stream()
    t = device_tensor(1)
    torch.cuda.synchronize()
    with jax.default_device(device):
        array = jax.numpy.full(COUNT, 2, "float32") * 3
    add_(t, array, stream=stream)
    with torch.cuda.stream(stream):
        seen = t.clone()
    stream.synchronize()
    assert (seen == 7).all()


# torch


def test_torch_without_an_exchange_table() -> None:
    """As before 2.9: work is in order with torch's current stream."""
    run_python(
        """
import torch
del torch.Tensor.__dlpack_c_exchange_api__
import numpy_bridge as bridge
from gpu_streams import handle, sleep
x, y = (torch.zeros(1 << 20, device="cuda") for _ in range(2))
torch.cuda.synchronize()
stream = torch.cuda.Stream()
with torch.cuda.stream(stream):
    assert bridge.view(x).__cuda_array_interface__["stream"] == handle(stream)
    sleep()
    x.fill_(1)
    y.fill_(2)
    bridge.add_(x, y)
    seen = x.clone()
stream.synchronize()
assert (seen == 3).all()
graph = torch.cuda.CUDAGraph()
with torch.cuda.graph(graph):
    bridge.add_(x, y)
graph.replay()
torch.cuda.synchronize()
assert (x == 5).all()
"""
    )


def test_a_view_from_before_a_capture_of_torch() -> None:
    x = device_tensor(0)
    shared = bridge.view(x)
    add_(shared, 1)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        add_(shared, 1)
        add_(shared[: COUNT // 2], 1)
    graph.replay()
    assert (x[: COUNT // 2] == 3).all()
    assert (x[COUNT // 2 :] == 2).all()


def test_pinned_memory_that_is_dropped() -> None:
    """torch's pool would give it to the next tensor while the copy has not begun."""
    x = device_tensor(0)
    torch.cuda.synchronize()
    sleep()
    source = torch.full((COUNT,), 7.0).pin_memory()
    address = source.data_ptr()
    copy_(x, source, non_blocking=True)
    del source
    others = [torch.full((COUNT,), 100.0, pin_memory=True) for _ in range(4)]
    assert address not in [other.data_ptr() for other in others]
    torch.cuda.synchronize()
    assert (x == 7).all()


def test_expandable_segments() -> None:
    """Their memory is mapped by the driver's virtual memory calls; addresses and copies are as ever."""
    run_python(
        """
import os
os.environ["PYTORCH_CUDA_ALLOC_CONF"] = os.environ["PYTORCH_ALLOC_CONF"] = "expandable_segments:True"
import numpy as np, torch
import numpy_bridge as bridge
x = torch.arange(1 << 22, dtype=torch.float32, device="cuda")
shared = bridge.from_pointer(x.data_ptr(), x.shape, "float32", device="cuda:0", owner=x)
bridge.add_(shared, 1)
bridge.add_(shared[1:], x[:-1])
again = bridge.to_torch(shared)
again[0] = 9
back = bridge.to_numpy(shared, copy=True)
assert back[:3].tolist() == [9, 3, 5], back[:3]
copied = torch.utils.dlpack.from_dlpack(shared.__dlpack__(copy=True, max_version=(1, 0)))
assert copied[:3].tolist() == [9, 3, 5]
"""
    )


# stream=


@pytest.mark.parametrize("call", [add_, copy_])
def test_an_operation_on_a_stream_of_the_callers(call: Any) -> None:
    """It waits for the tensors' current stream, and that waits for it."""
    stream = torch.cuda.Stream()
    x, y = device_tensor(0), device_tensor(0)
    torch.cuda.synchronize()
    sleep()
    x.fill_(1)
    y.fill_(2)
    call(x, y, stream=stream)
    seen = x.clone()
    y.fill_(100)
    with torch.cuda.stream(stream):
        there = x.clone()
    torch.cuda.synchronize()
    expected = 3 if call is add_ else 2
    assert (seen == expected).all()
    assert (there == expected).all()


def test_streams_of_cupy() -> None:
    cupy = pytest.importorskip("cupy", reason="cupy is not installed")
    stream = cupy.cuda.Stream(non_blocking=True)
    assert bridge.view(device_tensor(0), stream=stream).__cuda_array_interface__["stream"] == stream.ptr
    assert bridge.view(device_tensor(0), stream=cupy.cuda.Stream.null).__cuda_array_interface__["stream"] == 1
    x = device_tensor(1)
    add_(x, 1, stream=stream)
    assert (x == 2).all()


def test_an_address_on_a_stream() -> None:
    stream = torch.cuda.Stream()
    x = device_tensor(0)
    torch.cuda.synchronize()
    with torch.cuda.stream(stream):
        sleep()
        x.fill_(1)
        shared = from_pointer(x.data_ptr(), COUNT, "f4", device="cuda:0", owner=x, stream=stream)
        add_(shared, 1)
        seen = x.clone()
    stream.synchronize()
    assert (seen == 2).all()


def test_a_stream_and_memory_of_cuda_core() -> None:
    """Its memory is freed in the order of its own streams, of which none is current."""
    core = pytest.importorskip("cuda.core", reason="cuda.core is not installed")
    if not hasattr(core, "Device"):
        core = pytest.importorskip("cuda.core.experimental", reason="this cuda.core has no Device")
    device = core.Device(0)
    device.set_current()
    stream = device.create_stream()
    buffer = device.allocate(COUNT, stream=stream)
    ones = torch.ones(COUNT, dtype=torch.uint8, device="cuda")
    torch.cuda.synchronize()
    shared = bridge.view(buffer, stream=stream).cast("uint8")
    assert (shared.device, shared.nbytes) == ("cuda:0", COUNT)
    copy_(shared, ones)
    add_(shared, ones, stream=stream)
    add_(ones, shared, stream=stream)
    stream.sync()
    assert (ones == 3).all()
    add_(ones, bridge.view(buffer).cast("uint8"))  # without a stream it is used on that of the tensor
    assert (ones == 5).all()


def test_memory_of_others_that_names_no_stream() -> None:
    """Dropped at once, its block is given to the next tensor on the stream that it was made on."""
    x, side = device_tensor(1), torch.cuda.Stream()
    with torch.cuda.stream(side):
        y = device_tensor(2)
    torch.cuda.synchronize()
    sleep()
    add_(x, from_pointer(y.data_ptr(), COUNT, "f4", device="cuda:0", owner=y))
    del y
    with torch.cuda.stream(side):
        others = [device_tensor(100) for _ in range(4)]
    torch.cuda.synchronize()
    assert (x == 3).all()
    assert len(others) == 4
