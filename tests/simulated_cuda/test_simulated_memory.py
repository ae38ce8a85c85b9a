"""Where memory is, whose it is, and that a copy is new memory, released once."""

from __future__ import annotations

import ctypes
import gc
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fakes import IS_COPIED, READ_ONLY, Deleter, FakeTensor, read_capsule, rename_capsule
from numpy_bridge import add_, from_pointer, view
from simulated import OnStream, Simulation
from support import ARRAY_DTYPES, NUMBERS, base_array, refused


def shared_at(address: int, device: str, count: int = 4) -> bridge.View:
    return from_pointer(address, (count,), "float32", device=device)


# Views


@pytest.mark.parametrize("index", [0, 1])
def test_a_view_says_where_the_memory_is(cuda: Simulation, index: int) -> None:
    """The CUDA array interface does not: the driver is asked."""
    block = cuda.block(np.arange(12.0).reshape(3, 4), f"cuda:{index}")
    x = OnStream(block.T, 5 + 10 * index)
    shared = view(x)
    assert (shared.device, shared.__dlpack_device__()) == (f"cuda:{index}", (2, index))
    assert (shared.ptr, shared.shape, shared.strides) == (block.ctypes.data, (4, 3), (8, 32))
    assert shared.owner is x
    assert bridge.shares_memory(shared, OnStream(block[1:], None))
    assert not bridge.shares_memory(view(OnStream(block[:, :2])), OnStream(block[:, 2:]))
    capsule = shared.__dlpack__(stream=-1)
    tensor = read_capsule(capsule).tensor
    assert (tensor.data, tensor.device_type, tensor.device_index) == (block.ctypes.data, 2, index)
    assert (tensor.shape[:2], tensor.strides[:2]) == ([4, 3], [1, 4])


def test_an_address_that_the_driver_does_not_know(cuda: Simulation) -> None:
    with refused("data", "__cuda_array_interface__", hint=None):
        view(OnStream(np.ones(3)))


def test_managed_memory_that_prefers_the_host(cuda: Simulation) -> None:
    block = cuda.block(np.ones(3), "cuda_managed:-2")
    with pytest.raises(bridge.SharingError, match="managed memory whose place is the host") as caught:
        view(OnStream(block))
    assert caught.value.field == "data"
    assert "device='cuda_managed:0'" in caught.value.hint


def test_the_host_cannot_share_device_memory(cuda: Simulation) -> None:
    x = view(OnStream(cuda.block(np.arange(4.0)), 5))
    for share in (bridge.to_numpy, memoryview, np.asarray, np.from_dlpack):
        with pytest.raises((bridge.SharingError, BufferError, TypeError, RuntimeError)):
            share(x)
    with refused("dl_device", hint="copy=True"):
        x.__dlpack__(dl_device=(1, 0))


# Addresses


def test_addresses_of_a_device(cuda: Simulation) -> None:
    for device in ("cuda:0", "cuda:1", "cuda_managed:0", "cuda_host:0"):
        block = cuda.block(np.zeros(4, "f4"), device)
        shared = shared_at(block.ctypes.data, device)
        assert shared.device == device
        assert add_(shared, 1) is shared
        cuda.run()
        assert block.tolist() == [1] * 4
    managed = cuda.block(np.zeros(4, "f4"), "cuda_managed:1")
    assert shared_at(managed.ctypes.data, "cuda:0").device == "cuda:0", "it is on every device"


def test_addresses_that_are_elsewhere(cuda: Simulation) -> None:
    """Used, each of these would end a process on a device."""
    blocks = {
        name: cuda.block(np.zeros(4, "f4"), name)
        for name in ("cuda:0", "cuda:1", "cuda_host:0", "cuda_managed:0")
    }
    host = np.zeros(4, np.float32)
    for described, actual, expected in (
        ("cuda:0", "cuda:1", "cuda:1, where CUDA says that it is"),
        ("cuda:1", "cuda:0", "cuda:0, where CUDA says that it is"),
        ("cuda:0", "cuda_host:0", "cuda_host:0, where CUDA says that it is"),
        ("cuda_managed:0", "cuda:0", "cuda:0, where CUDA says that it is"),
        ("cuda_host:0", "cuda_managed:0", "cuda_managed:0, where CUDA says that it is"),
    ):
        with refused("device", "pointer", hint=None):
            shared_at(blocks[actual].ctypes.data, described)
        with pytest.raises(bridge.SharingError) as caught:
            shared_at(blocks[actual].ctypes.data, described)
        assert (caught.value.expected, caught.value.got) == (expected, described)
    for address in (host.ctypes.data, 4096, 2**47 - 4096):
        with refused("device", "pointer", hint="device='cpu'"):
            shared_at(address, "cuda:0")
    assert bridge.shares_memory(shared_at(host.ctypes.data, "cpu"), host)
    with refused("device", "pointer", hint=None):
        shared_at(blocks["cuda:0"].ctypes.data, "cuda:7")


def test_memory_that_ends_elsewhere(cuda: Simulation) -> None:
    block = cuda.block(np.zeros(4, "f4"))
    with refused("shape", "pointer", hint="count its elements, not its bytes"):
        shared_at(block.ctypes.data, "cuda:0", 16)
    backwards = from_pointer(block.ctypes.data + 12, (4,), "f4", strides=(-4,), device="cuda:0")
    assert backwards.shape == (4,)
    with refused("shape", "pointer", hint="count its elements"):
        from_pointer(block.ctypes.data + 12, (2,), "f4", strides=(4,), device="cuda:0")
    assert shared_at(0, "cuda:0", 0).shape == (0,), "empty memory is nowhere"


# Copies by DLPack


def consumed(capsule: Any) -> tuple[Any, Any]:
    """The tensor, as its consumer's own, and how it lets go of it."""
    managed = read_capsule(capsule)
    rename_capsule(capsule, b"used_dltensor_versioned")
    return managed, lambda: Deleter(managed.deleter)(ctypes.addressof(managed))


def values(managed: Any, dtype: Any) -> np.ndarray:
    count = int(np.prod(managed.tensor.shape[: managed.tensor.ndim]))
    memory = (ctypes.c_uint8 * (count * np.dtype(dtype).itemsize)).from_address(managed.tensor.data)
    return np.frombuffer(memory, np.uint8).view(dtype).reshape(managed.tensor.shape[: managed.tensor.ndim])


@pytest.mark.parametrize("name", ARRAY_DTYPES)
def test_a_copy_on_the_device(cuda: Simulation, name: str) -> None:
    """In C order, writable, marked as a copy, and released with its capsule or by its consumer, once."""
    base = base_array(name)
    block = cuda.block(base)
    shared = from_pointer(block.ctypes.data, (4, 6), name, device="cuda:0", owner=block, readonly=True)
    managed, release = consumed(shared.__dlpack__(copy=True, max_version=(1, 0)))
    cuda.run()
    cuda.release_finished()  # the memory that the copy was made from
    assert (managed.tensor.device_type, managed.tensor.device_index) == (2, 0)
    assert managed.flags & (IS_COPIED | READ_ONLY) == IS_COPIED
    assert managed.tensor.data != block.ctypes.data
    assert values(managed, base.dtype).tobytes() == base.tobytes()
    assert cuda.runtime.unreleased() == 1
    release()
    assert cuda.runtime.unreleased() == 0
    unused = shared.__dlpack__(copy=True, max_version=(1, 0))
    cuda.run()
    cuda.release_finished()
    assert cuda.runtime.unreleased() == 1
    del unused
    assert cuda.runtime.unreleased() == 0
    assert cuda.calls().count("cudaFree") == 2


@pytest.mark.parametrize("index", [0, 1])
def test_a_copy_to_another_place(cuda: Simulation, index: int) -> None:
    """Any device or the host, from any of them, whatever the strides and byte order."""
    wanted = np.arange(6.0).reshape(2, 3).T
    sources = [
        view(OnStream(cuda.block(wanted[::-1])[::-1], 5)),
        view(OnStream(cuda.block(wanted.astype(">f8"), "cuda:1"), 15)),
        view(wanted),
        view(OnStream(cuda.block(wanted, "cuda_managed:0"))),
    ]
    for source in sources:
        managed, release = consumed(
            source.__dlpack__(copy=True, dl_device=(2, index), max_version=(1, 0), stream=None)
            if source.device != "cpu"
            else source.__dlpack__(copy=True, dl_device=(2, index), max_version=(1, 0))
        )
        cuda.run()
        assert (managed.tensor.device_type, managed.tensor.device_index) == (2, index)
        np.testing.assert_array_equal(values(managed, "f8"), wanted)
        assert shared_at(managed.tensor.data, f"cuda:{index}"), "it is there, as CUDA has it"
        release()
        fetched, release = consumed(source.__dlpack__(copy=True, dl_device=(1, 0), max_version=(1, 0)))
        assert fetched.tensor.device_type == 1
        np.testing.assert_array_equal(values(fetched, "f8"), wanted)
        release()
    gc.collect()


@pytest.mark.parametrize("device", ["cuda_managed:0", "cuda_host:0"])
def test_a_copy_of_what_the_host_reads_is_on_the_cpu(cuda: Simulation, device: str) -> None:
    wanted = np.arange(4, dtype="f4")
    block = cuda.block(wanted, device)
    shared = from_pointer(block.ctypes.data, (4,), "f4", device=device, owner=block)
    managed, release = consumed(shared.__dlpack__(copy=True, max_version=(1, 0)))
    assert (managed.tensor.device_type, managed.tensor.device_index) == (1, 0)
    np.testing.assert_array_equal(values(managed, "f4"), wanted)
    release()


def test_a_copy_is_independent(cuda: Simulation) -> None:
    block = cuda.block(np.zeros(3))
    shared = view(OnStream(block, 5))
    managed, release = consumed(shared.__dlpack__(stream=5, copy=True, max_version=(1, 0)))
    again = view(FakeTensor(device=(2, 0), data=managed.tensor.data, dtype=(2, 64, 1), shape=(3,)))
    assert not bridge.shares_memory(again, shared)
    add_(shared, 1)
    cuda.run()
    assert (values(managed, "f8").tolist(), block.tolist()) == ([0] * 3, [1] * 3)
    release()


def test_releasing_a_copy_waits_for_the_device(cuda: Simulation) -> None:
    """Nobody knows on which streams it has been used."""
    shared = view(OnStream(cuda.block(np.full(3, 7.0)), 5))
    managed, release = consumed(shared.__dlpack__(stream=6, copy=True, max_version=(1, 0)))
    seen = cuda.read((0, 5), values(managed, "f8"))
    cuda.read((0, 6), values(managed, "f8"))
    release()
    assert cuda.calls()[-3:] == ["cudaFree", "cudaThreadExchangeStreamCaptureMode", "cuCtxSetCurrent"]
    assert not np.isnan(seen).any(), "it came before the release"


def test_empty_memory_is_copied(cuda: Simulation) -> None:
    managed, release = consumed(
        view(OnStream(cuda.block(np.ones((0, 3))), 5)).__dlpack__(copy=True, max_version=(1, 0))
    )
    assert managed.tensor.data
    assert list(managed.tensor.shape[:2]) == [0, 3]
    release()


def test_managed_memory_at_work_is_copied_to_the_host(cuda: Simulation) -> None:
    """Sharing it there is refused; a copy waits for the stream."""
    block = cuda.block(np.zeros(3), "cuda_managed:0")
    producer = FakeTensor(device=(13, 0), data=block.ctypes.data, dtype=(2, 64, 1), shape=(3,))
    shared = view(producer)
    cuda.write((0, 1), block, 4)
    with refused("stream", "CUDA"):
        bridge.to_numpy(shared)
    assert bridge.to_numpy(shared, copy=True).tolist() == [4] * 3
    cuda.write((0, 1), block, 5)
    fetched, release = consumed(shared.__dlpack__(copy=True, dl_device=(1, 0), max_version=(1, 0)))
    assert values(fetched, "f8").tolist() == [5] * 3
    release()
    del shared  # or the refusal's traceback would let the collector clear the producer before it is released


@pytest.mark.parametrize("name", NUMBERS)
def test_the_cuda_array_interface_comes_back(cuda: Simulation, name: str) -> None:
    block = cuda.block(base_array(name).reshape(4, 6))
    again = view(view(OnStream(block[::2, 1:], 5)))
    told = again.__cuda_array_interface__
    assert (told["data"], told["shape"]) == ((block[:, 1:].ctypes.data, False), (2, 5))
    assert (told["typestr"], told["strides"]) == (block.dtype.str, block[::2, 1:].strides)
