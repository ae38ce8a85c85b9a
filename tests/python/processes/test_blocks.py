"""Shared blocks within one process: what they are, how long they live, how small their handles are."""

from __future__ import annotations

import copy
import gc
import pickle
import sys
import threading
import weakref
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import numpy as np
import pytest

import block_workers as workers
import numpy_bridge as bridge
from block_workers import holders, inode, run
from numpy_bridge.processes import in_flight
from support import EXTENSIONS, NUMBERS, needs_torch, torch


@pytest.mark.parametrize("dtype", [*NUMBERS, *EXTENSIONS, ">f4"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 3, 4)])
def test_a_block_is_a_zeroed_view_and_pickles_to_the_same_memory(dtype: str, shape: tuple[int, ...]) -> None:
    block = bridge.shared_empty(shape, dtype)
    assert isinstance(block, bridge.View)
    assert isinstance(block, bridge.SharedBlock)
    assert (block.shape, block.dtype, block.device, block.readonly) == (shape, dtype, "cpu", False)
    same = pickle.loads(pickle.dumps(block))
    data = bridge.from_pointer(block.ptr, block.nbytes, "uint8", owner=block)
    assert not bridge.to_numpy(data).any()
    bridge.to_numpy(data)[:] = 7
    assert bytes(bridge.from_pointer(same.ptr, same.nbytes, "uint8", owner=same)) == b"\7" * block.nbytes
    assert (same.shape, same.strides, same.dtype) == (block.shape, block.strides, block.dtype)


@needs_torch
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "uint8"])
def test_tensors_and_arrays_are_aliases(dtype: str) -> None:
    block = bridge.shared_empty((2, 3), getattr(torch, dtype))
    tensor, view = bridge.to_torch(block), torch.from_dlpack(block)
    tensor[1, 2] = 5
    assert view[1, 2] == 5
    if dtype != "bfloat16":
        array, data = np.asarray(block), memoryview(block)
        array[0, 0] = 9
        assert (int(tensor[0, 0]), data[0, 0]) == (9, 9)
    assert bridge.copy_(block, torch.ones(2, 3, dtype=tensor.dtype)) is block
    assert view.sum() == 6


@pytest.mark.parametrize("align", [1, 64, 256, 4096])
@pytest.mark.parametrize("n", [0, 1, 100_000])
def test_address_is_aligned(align: int, n: int) -> None:
    assert bridge.shared_empty(n, "uint8", align).ptr % max(align, 64) == 0


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((), "uint8"),
        ((2**32, 0), "float32"),
        ((3, 224, 224), "bfloat16"),
        ((1, 2, 3, 4, 5, 6, 7, 8), ">f8"),
    ],
)
def test_a_handle_is_smaller_than_200_bytes(shape: tuple[int, ...], dtype: str) -> None:
    block = bridge.shared_empty(shape, dtype)
    assert len(pickle.dumps(block)) < 200
    assert len(ForkingPickler.dumps(block)) < 200


def test_a_large_block_has_a_small_handle() -> None:
    assert len(pickle.dumps(bridge.shared_empty(50 << 20, "uint8"))) < 200


def test_attaching_twice_is_one_mapping_so_that_overlap_is_seen() -> None:
    block = bridge.shared_empty(10, "float64")
    a, b = (pickle.loads(pickle.dumps(block)) for _ in range(2))
    assert a.ptr == b.ptr == block.ptr
    assert bridge.shares_memory(a, b)
    found = []
    handle = pickle.dumps(block)
    threads = [threading.Thread(target=lambda: found.append(pickle.loads(handle).ptr)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [block.ptr] * 8


def test_a_copy_is_the_block_and_a_deep_copy_is_another() -> None:
    block = bridge.shared_empty((2, 2), "int32")
    array = bridge.to_numpy(block)
    array[:] = 4
    assert copy.copy(block) is block
    other = copy.deepcopy(block)
    array[:] = 5
    assert bridge.to_numpy(other).tolist() == [[4, 4], [4, 4]]


def test_memory_lives_as_long_as_anything_over_it_and_no_longer() -> None:
    block = bridge.shared_empty(1000, "float32")
    number, segment = inode(block), weakref.ref(block.owner)
    array = bridge.to_numpy(block)[10:20]
    del block
    gc.collect()
    array[:] = 1
    assert holders(number)
    assert array.sum() == 10
    del array
    gc.collect()
    assert segment() is None
    assert not holders(number)


def test_nothing_can_unmap_the_memory_under_an_array() -> None:
    """`mmap.close` and `SharedMemory.close` have to be refused; a block has no such method."""
    block = bridge.shared_empty(4, "uint8")
    for owner in (block, block.owner, block.owner.mapping):
        assert not {"close", "release", "unlink", "resize"} & set(dir(owner))


def test_a_cycle_through_a_block_is_collected() -> None:
    class Node:
        block: object

    node = Node()
    node.block = (bridge.shared_empty(4, "uint8"), node)
    gone = weakref.ref(node)
    del node
    gc.collect()
    assert gone() is None


def test_a_block_is_shown_as_one() -> None:
    assert repr(bridge.shared_empty((2, 3), "bfloat16")) == "<numpy_bridge.SharedBlock bfloat16 (2, 3)>"
    assert repr(bridge.shared_empty(5, "u1").owner).endswith(", 5 bytes>")


def test_explain_says_that_the_memory_stays() -> None:
    explained = bridge.explain(bridge.to_numpy(bridge.shared_empty(3, "float32")))
    assert "can move       no: memory that processes share stays mapped" in str(explained)


def test_blocks_are_made_by_shared_empty_only() -> None:
    with pytest.raises(TypeError, match="cannot create"):
        bridge.SharedBlock()
    with pytest.raises(TypeError, match="base type"):
        type("Mine", (bridge.SharedBlock,), {})


def test_import_loads_what_a_block_needs_only_when_one_is_made() -> None:
    done = run("import sys, numpy_bridge; print(*sys.modules)")
    late = {
        "multiprocessing",
        "hashlib",
        *(f"numpy_bridge.processes.{name}" for name in ("segment", "handle")),
    }
    assert not late & set(done.stdout.split()), done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="the files in memory of Linux")
def test_ten_thousand_blocks_at_once() -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 10_200 + len(list(Path("/proc/self/fd").iterdir()))
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"at most {hard} open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        blocks = [bridge.shared_empty(4, "int32") for _ in range(10_000)]
        arrays = [bridge.to_numpy(block) for block in blocks]
        for i, array in enumerate(arrays):
            array[:] = i
        assert [int(array[3]) for array in arrays] == list(range(10_000))
        assert len({block.owner.label.identity for block in blocks}) == 10_000
        del blocks, arrays, array
    finally:
        gc.collect()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_million_handles() -> None:
    """They cost no descriptor, and a block that was sent and arrived is let go of."""
    block = bridge.shared_empty(4, "int32")
    handles = [ForkingPickler.dumps(block) for _ in range(2_000)]
    for handle in handles:
        assert pickle.loads(handle).ptr == block.ptr
    for _ in range(1_000_000):
        block.__reduce__()
    for _ in range(len(handles) // 64 + 2):
        in_flight.release()
    held = in_flight.ledger()._held.values()
    assert not [memory for memory, _ in held if memory is block.owner]


def test_handles_that_nobody_takes_do_not_keep_what_has_arrived() -> None:
    lost = [workers.filled(i) for i in range(200)]
    nowhere = [ForkingPickler.dumps(block) for block in lost]
    held = in_flight.ledger()._held
    before = len(held)
    for i in range(1000):
        pickle.loads(ForkingPickler.dumps(workers.filled(i)))
        assert len(held) <= before + 64
    for handle in nowhere:
        pickle.loads(handle)
