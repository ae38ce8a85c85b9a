"""from_pointer: memory at a raw address, as described by the caller."""

from __future__ import annotations

import ctypes
import gc
import sys
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fakes import new_capsule
from numpy_bridge import from_pointer
from support import (
    assert_aliases,
    needs_torch,
    refused,
    torch,
)

INT64_MAX = 2**63 - 1


@pytest.fixture
def block() -> np.ndarray:
    return np.arange(12.0)


# The address


POINTERS: dict[str, Callable[[np.ndarray], Any]] = {
    "int": lambda a: a.ctypes.data,
    "numpy int": lambda a: np.uint64(a.ctypes.data),
    "c_void_p": lambda a: ctypes.c_void_p(a.ctypes.data),
    "ctypes of numpy": lambda a: a.ctypes.data_as(ctypes.POINTER(ctypes.c_double)),
    "POINTER": lambda a: ctypes.cast(a.ctypes.data, ctypes.POINTER(ctypes.c_char)),
    "pointer": lambda a: ctypes.pointer(ctypes.c_double.from_buffer(a)),
    "capsule": lambda a: new_capsule(a.ctypes.data, b"block", None),
    "nameless capsule": lambda a: new_capsule(a.ctypes.data, None, None),
}


@pytest.mark.parametrize("make", POINTERS.values(), ids=POINTERS)
def test_kinds_of_pointers(make: Callable[[np.ndarray], Any], block: np.ndarray) -> None:
    shared = from_pointer(make(block), (12,), "float64", owner=block)
    assert shared.ptr == block.ctypes.data
    assert_aliases(block, shared)


@needs_torch
def test_pointer_of_a_tensor() -> None:
    tensor = torch.arange(12.0)
    assert_aliases(tensor, from_pointer(tensor.data_ptr(), (12,), tensor.dtype, owner=tensor))


@pytest.mark.parametrize(
    "pointer", [None, "0x10", 1.5, b"abc", [1], np.arange(3.0)], ids=lambda p: type(p).__name__
)
def test_what_is_no_pointer(pointer: Any) -> None:
    kind = type(pointer)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    hint = "; use x.ctypes.data, or numpy_bridge.view(x)" if kind is np.ndarray else ""
    with pytest.raises(TypeError) as caught:
        from_pointer(pointer, (1,), "u1")
    assert str(caught.value) == f"ptr: expected an address (int) or a ctypes pointer, got {name}{hint}"


@needs_torch
def test_a_tensor_is_no_pointer() -> None:
    with pytest.raises(
        TypeError, match=r"got torch\.Tensor; use x\.data_ptr\(\), or numpy_bridge\.view\(x\)$"
    ):
        from_pointer(torch.ones(3), (3,), "f4")


@pytest.mark.parametrize(
    "pointer",
    [True, False, ctypes.c_char_p(b"ab"), ctypes.c_int(8), ctypes.c_wchar_p("ab"), (ctypes.c_int * 2)()],
    ids=lambda p: type(p).__name__,
)
def test_numbers_that_are_no_addresses(pointer: Any) -> None:
    with pytest.raises(TypeError, match=r"^ptr: expected an address \(int\) or a ctypes pointer, got "):
        from_pointer(pointer, (1,), "u1")


@pytest.mark.parametrize("pointer", [0, ctypes.c_void_p(), ctypes.POINTER(ctypes.c_int)()])
def test_null(pointer: Any) -> None:
    with refused("data", "pointer"):
        from_pointer(pointer, (1,), "u1")
    assert from_pointer(pointer, (0,), "u1").shape == (0,)


@pytest.mark.parametrize("name", [b"dltensor", b"dltensor_versioned", b"used_dltensor"])
def test_a_dlpack_capsule_is_no_pointer_to_elements(name: bytes) -> None:
    with refused("ptr", "pointer", hint="numpy_bridge.view"):
        from_pointer(new_capsule(4096, name, None), (1,), "u1")


def test_a_capsule_may_be_the_owner() -> None:
    """Its destructor runs once the memory is no longer used."""
    released = []
    destructor = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)(released.append)
    block = np.arange(3.0)
    capsule = new_capsule(block.ctypes.data, b"block", ctypes.cast(destructor, ctypes.c_void_p))
    array = bridge.to_numpy(from_pointer(capsule, (3,), "f8", owner=capsule))
    del capsule
    gc.collect()
    assert (released, array.tolist()) == ([], [0, 1, 2])
    del array
    gc.collect()
    assert len(released) == 1


@pytest.mark.parametrize("address", [-1, -(2**63), 2**64, 2**80])
def test_addresses_of_no_machine(address: int) -> None:
    with refused("ptr", "pointer", hint=None):
        from_pointer(address, (1,), "u1")


# Shape and strides


STRIDED: dict[str, tuple[tuple[int, ...], tuple[int, ...] | None, Callable[[np.ndarray], np.ndarray]]] = {
    "c-order": ((3, 4), None, lambda a: a.reshape(3, 4)),
    "transposed": ((4, 3), (8, 32), lambda a: a.reshape(3, 4).T),
    "every-second": ((6,), (16,), lambda a: a[::2]),
    "broadcast": ((2, 12), (0, 8), lambda a: np.broadcast_to(a, (2, 12))),
    "0-d": ((), None, lambda a: a[:1].reshape(())),
    "0-d with strides": ((), (), lambda a: a[:1].reshape(())),
    "empty": ((0, 5), None, lambda a: a[:0].reshape(0, 5)),
    "64-dim": ((1,) * 64, None, lambda a: a[:1]),
    "overlapping": ((3, 10), (8, 8), lambda a: np.lib.stride_tricks.sliding_window_view(a, 10)),
}


@pytest.mark.parametrize("name", STRIDED)
def test_shape_and_strides(name: str, block: np.ndarray) -> None:
    shape, strides, expected = STRIDED[name]
    shared = from_pointer(block.ctypes.data, shape, "float64", strides=strides, owner=block)
    assert shared.shape == shape
    assert strides in (None, shared.strides)
    assert memoryview(shared).tobytes() == expected(block).tobytes()
    block[0] = 100
    assert memoryview(shared).tobytes() == expected(block).tobytes()


def test_negative_strides_start_at_the_last_element(block: np.ndarray) -> None:
    last = block.ctypes.data + 11 * 8
    shared = from_pointer(last, (12,), "f8", strides=(-8,), owner=block)
    assert_aliases(block[::-1], shared)


@pytest.mark.parametrize(
    "shape", [12, [12], (12,), range(12, 13), np.array([12]), (np.int64(12),), np.int64(12)]
)
def test_spellings_of_a_shape(shape: Any, block: np.ndarray) -> None:
    assert from_pointer(block.ctypes.data, shape, "f8", owner=block).shape == (12,)


@pytest.mark.parametrize("shape", [None, "12", 1.5, (1.5,), ("a",)])
def test_what_is_no_shape(shape: Any, block: np.ndarray) -> None:
    with pytest.raises(TypeError):
        from_pointer(block.ctypes.data, shape, "f8")


# Impossible descriptions: shape, keywords, the field at fault
IMPOSSIBLE: dict[str, tuple[Any, dict[str, Any], str]] = {
    "negative extent": ((-1,), {}, "shape"),
    "negative beside zero": ((0, -1), {}, "shape"),
    "bytes overflow": ((2**60,), {}, "shape"),
    "elements overflow": ((2**32, 2**32), {}, "shape"),
    "extent overflows": ((2**63,), {}, "shape"),
    "huge extent": ((2**70,), {}, "shape"),
    "65 dimensions": ((1,) * 65, {}, "ndim"),
    "too few strides": ((2, 2), {"strides": (8,)}, "strides"),
    "too many strides": ((2,), {"strides": (8, 8)}, "strides"),
    "strides for 0-d": ((), {"strides": (8,)}, "strides"),
    "bounds overflow": ((3,), {"strides": (INT64_MAX // 2 + 1,)}, "strides"),
    "smallest stride": ((2,), {"strides": (-(2**63),)}, "strides"),
    "bounds cancel": ((3, 3), {"strides": (INT64_MAX // 2 + 1, -(INT64_MAX // 2) - 1)}, "strides"),
    "stride overflows": ((2,), {"strides": (2**63,)}, "strides"),
    "before address 0": ((3,), {"strides": (-(1 << 60),)}, "data"),
    "behind 57 bits": ((2,), {"strides": (2**57,)}, "data"),
    "far behind 57 bits": ((2,), {"strides": (2**62,)}, "data"),
    "behind 57 bits, CUDA": ((2,), {"strides": (2**62,), "device": "cuda"}, "data"),
    "device": ((1,), {"device": "gpu"}, "device"),
    "device index": ((1,), {"device": "cuda:x"}, "device"),
    "negative device index": ((1,), {"device": "cuda:-1"}, "device"),
    "empty device": ((1,), {"device": ""}, "device"),
    "device pair of no type": ((1,), {"device": (5, 0)}, "device"),
    "device pair with a negative index": ((1,), {"device": (2, -1)}, "device"),
    "device pair of large numbers": ((1,), {"device": (2**40, 0)}, "device"),
    "device pair beyond 64 bits": ((1,), {"device": (2, 2**64)}, "device"),
    "device of three numbers": ((1,), {"device": (1, 0, 0)}, "device"),
    "negative index of CUDA": ((1,), {"device": -1}, "device"),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_impossible_descriptions(name: str, block: np.ndarray) -> None:
    shape, keywords, field = IMPOSSIBLE[name]
    with refused(field, "pointer", hint=None):
        from_pointer(block.ctypes.data, shape, "f8", **keywords)


def test_null_needs_no_elements() -> None:
    for null in (0, ctypes.c_void_p(), ctypes.POINTER(ctypes.c_int)()):
        assert from_pointer(null, (0,), "f8").nbytes == 0
        with refused("data", "pointer"):
            from_pointer(null, (1,), "f8")
    with refused("data", "pointer", hint=None):
        from_pointer(2**64 - 8, (2,), "f8")  # past the end of the address space
    with refused("data", "pointer", hint=None):
        from_pointer(2**57, (2,), "f8")  # past the end of any process


# Device, owner, readonly


@pytest.mark.parametrize(
    ("device", "name", "dlpack"),
    [
        ("cpu", "cpu", (1, 0)),
        ("cuda", "cuda:0", (2, 0)),
        ("cuda:3", "cuda:3", (2, 3)),
        ("rocm:1", "rocm:1", (10, 1)),
        ("metal", "metal:0", (8, 0)),
        ("cuda_managed:0", "cuda_managed:0", (13, 0)),
        ("mps:0", "metal:0", (8, 0)),
        ("mps", "metal:0", (8, 0)),
        ("xpu:1", "oneapi:1", (14, 1)),
        ("hip:2", "rocm:2", (10, 2)),
        ("privateuseone:0", "extension:0", (12, 0)),
        ((1, 0), "cpu", (1, 0)),
        ([2, 3], "cuda:3", (2, 3)),
        ((np.int32(10), np.int64(1)), "rocm:1", (10, 1)),
        (0, "cuda:0", (2, 0)),
        (np.int64(3), "cuda:3", (2, 3)),
    ],
)
def test_device(device: Any, name: str, dlpack: tuple[int, int]) -> None:
    shared = from_pointer(4096, (1,), "f4", device=device)
    assert (shared.device, shared.__dlpack_device__()) == (name, dlpack)
    again = from_pointer(4096, (1,), "f4", device=shared.__dlpack_device__())
    assert again.device == from_pointer(4096, (1,), "f4", device=shared.device).device == name


@needs_torch
@pytest.mark.parametrize("name", ["cpu", "cuda", "cuda:1", "mps:0", "xpu:0", "hip:1", "maia:0", "vulkan:0"])
def test_devices_of_torch(name: str) -> None:
    by_torch = from_pointer(4096, (1,), "f4", device=torch.device(name))
    assert by_torch.device == from_pointer(4096, (1,), "f4", device=name).device


@pytest.mark.parametrize("device", [None, True, np.True_])
def test_what_is_no_device(device: Any) -> None:
    with pytest.raises(TypeError, match="device: expected a name, a pair or an index, got"):
        from_pointer(4096, (1,), "f4", device=device)


def test_host_memory_of_a_device_works_on_the_host(block: np.ndarray) -> None:
    pinned = from_pointer(block.ctypes.data, (12,), "f8", device="cuda_host:0", owner=block)
    assert_aliases(block, bridge.to_numpy(pinned))


def test_the_owner_is_kept_alive_by_everything() -> None:
    owner = np.arange(12.0)
    seen = weakref.ref(owner)
    shared = from_pointer(owner.ctypes.data, (12,), "f8", owner=owner)
    assert shared.owner is owner
    exported = [np.asarray(shared), memoryview(shared), np.from_dlpack(shared), bridge.view(shared)]
    del owner, shared
    for alias in exported[::-1]:
        gc.collect()
        seen()[0] += 1
        assert np.asarray(alias)[0] == seen()[0]
    del exported, alias
    gc.collect()
    assert seen() is None


def test_without_an_owner_nothing_is_kept(block: np.ndarray) -> None:
    before = sys.getrefcount(block)
    shared = from_pointer(block.ctypes.data, (12,), "f8")
    assert shared.owner is None
    assert sys.getrefcount(block) == before


def test_the_owner_may_be_a_view(block: np.ndarray) -> None:
    inner = bridge.view(block)
    assert from_pointer(inner.ptr, (3,), "f8", owner=inner).owner is block


def test_readonly(block: np.ndarray) -> None:
    shared = from_pointer(block.ctypes.data, (12,), "f8", owner=block, readonly=True)
    assert shared.readonly
    array = bridge.to_numpy(shared)
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1
    block[0] = 55
    assert array[0] == 55


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("ptr", lambda p, block: from_pointer(None, 6, "f8")),
        ("ptr", lambda p, block: from_pointer(ctypes.byref(ctypes.c_double()), 1, "f8")),
        ("ptr", lambda p, block: from_pointer(block, 6, "f8")),
        ("ptr", lambda p, block: from_pointer(float(p), 6, "f8")),
        ("shape", lambda p, block: from_pointer(p, None, "f8")),
        ("shape", lambda p, block: from_pointer(p, 2.0, "f8")),
        ("shape", lambda p, block: from_pointer(p, (2.0,), "f8")),
        ("shape", lambda p, block: from_pointer(p, "12", "f8")),
        ("shape", lambda p, block: from_pointer(p, {2, 3}, "f8")),
        ("shape", lambda p, block: from_pointer(p, {2: 3}, "f8")),
        ("shape", lambda p, block: from_pointer(p, frozenset([2]), "f8")),
        ("strides", lambda p, block: from_pointer(p, 6, "f8", strides=8.0)),
        ("strides", lambda p, block: from_pointer(p, 6, "f8", strides=[8.0])),
        ("strides", lambda p, block: from_pointer(p, 6, "f8", strides={8})),
        ("dtype", lambda p, block: from_pointer(p, 6, None)),
        ("dtype", lambda p, block: from_pointer(p, 6, object())),
    ],
)
def test_a_wrong_argument_is_named(argument: str, call: Any, block: np.ndarray) -> None:
    with pytest.raises(TypeError, match=rf"^{argument}\b"):
        call(block.ctypes.data, block)


def test_one_stride_may_be_a_number(block: np.ndarray) -> None:
    assert from_pointer(block.ctypes.data, 6, "f8", strides=16, owner=block).strides == (16,)


def test_wrong_arguments(block: np.ndarray) -> None:
    address = block.ctypes.data
    for call in (
        lambda: from_pointer(),
        lambda: from_pointer(address, (1,)),
        lambda: from_pointer(address, (1,), "f8", (8,)),
        lambda: from_pointer(
            address, (1,), "f8", strides=None, owner=block, device="cpu", readonly=True, x=1
        ),
        lambda: from_pointer(address, (1,), "f8", strides=(1.5,)),
        lambda: from_pointer(address, (1,), "f8", unknown=1),
    ):
        with pytest.raises(TypeError):
            call()
