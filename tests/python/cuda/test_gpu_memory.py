"""Device memory in and out: whose it is, where it is, and that sharing it copies nothing."""

from __future__ import annotations

import ctypes
import doctest
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from gpu_layouts import numbers
from gpu_libraries import Library
from gpu_streams import torch
from numpy_bridge import add_, copy_, from_pointer


def assert_aliases(a: Any, b: Any) -> None:
    """Writing through each side is read through the other, by torch and by add_."""
    a.fill_(3)
    assert (b == 3).all()
    b[0] = 9
    assert a[0] == 9
    add_(a, 1)
    assert b[0] == 10


# Views


def test_a_view_says_where_the_memory_is() -> None:
    tensor = torch.zeros(3, 4, device="cuda")
    shared = bridge.view(tensor)
    assert (shared.device, shared.__dlpack_device__()) == ("cuda:0", (2, 0))
    assert (shared.ptr, shared.shape, shared.strides) == (tensor.data_ptr(), (3, 4), (16, 4))
    assert_aliases(tensor, bridge.to_torch(shared))
    assert_aliases(tensor, torch.from_dlpack(shared))
    assert_aliases(tensor, torch.as_tensor(shared, device="cuda"))


def test_memory_of_every_library(device_library: Library) -> None:
    """As a tensor, and through a View; the library sees what torch writes."""
    block = device_library.put(numbers("float32", (1, 100)))
    tensor = bridge.to_torch(block)
    assert tensor.device == torch.device("cuda", 0)
    assert bridge.shares_memory(block, tensor)
    assert bridge.shares_memory(block[1:], tensor[:2])
    assert not bridge.shares_memory(block[:1], tensor[1:])
    tensor.fill_(7)
    torch.cuda.synchronize()
    assert (device_library.get(block) == 7).all()
    add_(bridge.view(block), tensor)
    torch.cuda.synchronize()
    assert (device_library.get(block) == 14).all()


def test_the_example_of_to_cupy() -> None:
    pytest.importorskip("cupy", reason="cupy is not installed")
    (test,) = doctest.DocTestFinder().find(bridge.to_cupy, globs={"torch": torch, "bridge": bridge})
    assert doctest.DocTestRunner().run(test).failed == 0


def test_jax_arrays_come_in_read_only() -> None:
    jax = pytest.importorskip("jax", reason="jax is not installed")
    if not [each for each in jax.devices() if each.platform == "gpu"]:
        pytest.skip("this jax is built without CUDA")
    array = jax.numpy.arange(5, dtype="float32")
    shared = bridge.view(array)
    assert (shared.device, shared.readonly) == ("cuda:0", True)
    tensor = torch.ones(5, device="cuda")
    assert add_(tensor, array).tolist() == [1, 2, 3, 4, 5]
    with pytest.raises(bridge.SharingError):
        add_(array, tensor)


def test_cupy_takes_views() -> None:
    cupy = pytest.importorskip("cupy", reason="cupy is not installed")
    tensor = torch.zeros(6, device="cuda")
    for array in (cupy.asarray(bridge.view(tensor)), cupy.from_dlpack(bridge.view(tensor))):
        array += 1
        assert bridge.shares_memory(array, tensor)
    cupy.cuda.runtime.deviceSynchronize()
    assert tensor.tolist() == [2] * 6


def test_numba_takes_views() -> None:
    cuda = pytest.importorskip("numba.cuda", reason="numba is not installed")
    tensor = torch.zeros(6, device="cuda")
    torch.cuda.synchronize()
    array = cuda.as_cuda_array(bridge.view(tensor))
    array[2] = 5
    cuda.synchronize()
    assert tensor.tolist() == [0, 0, 5, 0, 0, 0]


def test_managed_memory() -> None:
    cupy = pytest.importorskip("cupy", reason="cupy is not installed")
    with cupy.cuda.using_allocator(cupy.cuda.malloc_managed):
        array = cupy.zeros(1000, "f4")
    tensor = torch.ones(1000, device="cuda")
    add_(array, tensor)
    add_(array, 1)
    copy_(tensor, array)
    assert (tensor == 2).all()


def test_the_host_cannot_share_device_memory() -> None:
    tensor = torch.arange(4.0, device="cuda")
    for convert in (bridge.to_numpy, lambda x: bridge.to_numpy(bridge.view(x)), memoryview):
        with pytest.raises((bridge.SharingError, BufferError, TypeError)):
            convert(tensor)
    copied = bridge.to_numpy(tensor, copy=True)
    assert copied.tolist() == [0, 1, 2, 3]
    tensor += 1
    assert copied.tolist() == [0, 1, 2, 3]


def test_copies_on_the_device(device_library: Library) -> None:
    block = device_library.put(numbers("float32", (1, 100)))
    copied = bridge.to_torch(block, copy=True)
    assert copied.device == torch.device("cuda", 0)
    assert not bridge.shares_memory(block, copied)
    add_(block, 1)
    torch.cuda.synchronize()
    assert np.array_equal(copied.cpu().numpy() + 1, device_library.get(block))


# Pinned memory is memory of the host


def test_pinned_memory_is_shared_on_the_host() -> None:
    tensor = torch.zeros(5).pin_memory()
    assert bridge.view(tensor).device == "cpu"
    array = bridge.to_numpy(tensor)
    array[0] = 4
    assert tensor[0] == 4
    add_(array, tensor)
    assert tensor[0] == 8


# Addresses


def shared_at(pointer: int, device: str, owner: Any = None) -> bridge.View:
    return from_pointer(pointer, (4,), "float32", device=device, owner=owner)


def test_addresses_of_the_device() -> None:
    tensor = torch.zeros(4, device="cuda")
    shared = shared_at(tensor.data_ptr(), "cuda:0", tensor)
    assert_aliases(tensor, bridge.to_torch(shared))
    add_(shared, tensor)
    assert tensor.tolist() == [20, 8, 8, 8]


def test_addresses_that_are_not_the_devices() -> None:
    """Used, each of these would end the process, or every later use of CUDA in it."""
    array, pinned = np.zeros(4, np.float32), torch.zeros(4).pin_memory()
    for pointer, device in (
        (array.ctypes.data, "cuda:0"),
        (pinned.data_ptr(), "cuda:0"),
        (4096, "cuda:0"),
        (2**47 - 4096, "cuda:0"),
        (torch.zeros(4, device="cuda").data_ptr(), f"cuda:{torch.cuda.device_count()}"),
    ):
        with pytest.raises(bridge.SharingError) as caught:
            shared_at(pointer, device)
        assert (caught.value.protocol, caught.value.field) == ("pointer", "device")
    assert bridge.to_numpy(shared_at(pinned.data_ptr(), "cpu", pinned)).tolist() == [0] * 4
    assert torch.ones(1, device="cuda").item() == 1, "the device still works"


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="there are no two CUDA devices here")
def test_addresses_of_another_device() -> None:
    tensor = torch.zeros(4, device="cuda:1")
    with pytest.raises(bridge.SharingError):
        shared_at(tensor.data_ptr(), "cuda:0")
    assert shared_at(tensor.data_ptr(), "cuda:1", tensor).device == "cuda:1"


def test_elements_that_are_not_aligned() -> None:
    """A kernel that read them as they are would be the last of this process."""
    block = torch.arange(64, dtype=torch.uint8, device="cuda")
    expected = np.arange(64, dtype=np.uint8)
    odd = from_pointer(block.data_ptr() + 1, (8,), "float32", device="cuda:0", owner=block)
    even = torch.zeros(8, device="cuda")
    copy_(even, odd)
    np.testing.assert_array_equal(even.cpu().numpy(), np.frombuffer(expected[1:33].tobytes(), np.float32))
    assert block.tolist() == expected.tolist()


def test_a_capsule_outlives_its_view() -> None:
    tensor = torch.full((4,), 7.0, device="cuda")
    capsule = bridge.view(tensor).__dlpack__()
    address = tensor.data_ptr()
    del tensor
    torch.zeros(4, device="cuda")
    again = torch.utils.dlpack.from_dlpack(capsule)
    assert again.data_ptr() == address
    assert again.tolist() == [7] * 4


def test_a_capsule_of_a_copy() -> None:
    """On the device that it is asked for on, with the values of the memory, whatever its strides."""
    tensor = torch.arange(6.0, device="cuda").view(2, 3)
    for shared in (bridge.view(tensor.T), bridge.view(tensor.T, readonly=True)):
        again = torch.utils.dlpack.from_dlpack(shared.__dlpack__(copy=True, max_version=(1, 0)))
        assert (again.device, again.tolist()) == (tensor.device, [[0, 3], [1, 4], [2, 5]])
        assert again.is_contiguous()
        assert not bridge.shares_memory(again, tensor)
        fetched = torch.utils.dlpack.from_dlpack(shared.__dlpack__(copy=True, dl_device=(1, 0)))
        assert (fetched.device.type, fetched.tolist()) == ("cpu", again.tolist())
    sent = bridge.view(np.arange(3.0)[::-1]).__dlpack__(copy=True, dl_device=(2, 0))
    assert torch.utils.dlpack.from_dlpack(sent).tolist() == [2, 1, 0]


def test_memory_that_ends_elsewhere() -> None:
    tensor = torch.zeros(4, device="cuda")
    beyond = 1 << 42
    with pytest.raises(bridge.SharingError) as caught:
        from_pointer(tensor.data_ptr(), beyond, "float32", device="cuda:0")
    assert caught.value.field == "shape"


def test_addresses_by_ctypes() -> None:
    tensor = torch.zeros(4, device="cuda")
    shared = from_pointer(ctypes.c_void_p(tensor.data_ptr()), 4, "float32", device="cuda:0", owner=tensor)
    assert add_(shared, 1) is shared
    assert tensor.tolist() == [1] * 4
