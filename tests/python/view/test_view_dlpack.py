"""View speaks DLPack: both kinds of capsules, every keyword of the standard, nothing leaked."""

from __future__ import annotations

import numpy as np
import pytest

import numpy_bridge as bridge
from fakes import IS_COPIED, READ_ONLY, capsule_name, read_capsule
from numpy_bridge import view
from producers import (
    Once,
)
from support import (
    ARRAY_DTYPES,
    FORWARD,
    LAYOUTS,
    NUMBERS,
    TORCH_DTYPES,
    assert_aliases,
    assert_independent,
    base_array,
    dtype_layouts,
    needs_float8,
    needs_ml_dtypes,
    needs_numpy_2,
    needs_torch,
    peek,
    refused,
    torch,
)

CODES = {"int": 0, "uint": 1, "float": 2, "bfloat": 4, "complex": 5, "bool": 6}


# Consumers


@needs_numpy_2
@pytest.mark.parametrize(("name", "layout"), dtype_layouts(NUMBERS, FORWARD))
def test_numpy(name: str, layout: str) -> None:
    array = FORWARD[layout](base_array(name))
    seen = np.from_dlpack(view(array))
    assert (seen.dtype, seen.shape) == (array.dtype, array.shape)
    assert_aliases(array, seen)


@needs_torch
@pytest.mark.parametrize(("name", "layout"), dtype_layouts(TORCH_DTYPES, FORWARD))
def test_torch(name: str, layout: str) -> None:
    array = FORWARD[layout](base_array(name))
    for consume in (torch.from_dlpack, torch.utils.dlpack.from_dlpack):
        seen = consume(view(array))
        assert (seen.dtype, tuple(seen.shape)) == (getattr(torch, name), array.shape)
        assert_aliases(array, seen)


@needs_torch
@pytest.mark.parametrize("name", [*NUMBERS, "bfloat16", pytest.param("float8_e5m2", marks=needs_float8)])
def test_tensor_to_tensor(name: str) -> None:
    tensor = torch.ones(6).to(getattr(torch, name))[::2]
    assert_aliases(tensor, torch.from_dlpack(view(tensor)))


@needs_numpy_2
def test_readonly_reaches_numpy() -> None:
    seen = np.from_dlpack(view(base_array(), readonly=True))
    assert seen.tolist() == base_array().tolist()
    assert not seen.flags.writeable


@needs_numpy_2
@pytest.mark.parametrize("copy", [True, False, None])
def test_numpy_asks_for_a_copy(copy: bool | None) -> None:
    array = base_array()
    for shared in (view(array), view(array, readonly=True)):
        seen = np.from_dlpack(shared, device="cpu", copy=copy)
        assert seen.tolist() == array.tolist()
        assert bridge.shares_memory(seen, array) == (copy is not True)
    if copy:
        assert_independent(array, seen)


@needs_torch
def test_torch_asks_for_a_copy() -> None:
    array = base_array()
    assert_independent(array, torch.from_dlpack(view(array), copy=True))
    assert_aliases(array, torch.from_dlpack(view(array), copy=False))
    assert_aliases(array, torch.from_dlpack(view(array), device="cpu"))


# What is inside the capsule


@pytest.mark.parametrize("versioned", [True, False], ids=["versioned", "unversioned"])
@pytest.mark.parametrize(("name", "layout"), dtype_layouts(ARRAY_DTYPES, FORWARD))
def test_capsule(name: str, layout: str, versioned: bool) -> None:
    array = FORWARD[layout](base_array(name))
    capsule = view(array).__dlpack__(max_version=(1, 3) if versioned else None)
    managed = read_capsule(capsule)
    assert capsule_name(capsule) == (b"dltensor_versioned" if versioned else b"dltensor")
    if versioned:
        assert (managed.major, managed.flags) == (1, 0)
        assert managed.minor <= 3
    tensor = managed.tensor
    assert (tensor.device_type, tensor.device_index, tensor.ndim) == (1, 0, array.ndim)
    assert (tensor.bits, tensor.lanes) == (8 * array.itemsize, 1)
    family = name.rstrip("0123456789")
    assert tensor.code == (CODES[family] if family in CODES else float8_code(name))
    assert tuple(tensor.shape[: array.ndim]) == array.shape
    assert tensor.data + tensor.byte_offset == view(array).ptr
    for extent, step, stride in zip(array.shape, tensor.strides[: array.ndim], array.strides, strict=True):
        assert extent <= 1 or array.size == 0 or step * array.itemsize == stride


def float8_code(name: str) -> int:
    """The standard's enumeration from kDLFloat8_e3m4 = 7 on."""
    names = ["e3m4", "e4m3", "e4m3b11fnuz", "e4m3fn", "e4m3fnuz", "e5m2", "e5m2fnuz", "e8m0fnu"]
    return 7 + names.index(name.removeprefix("float8_"))


@pytest.mark.parametrize(
    ("max_version", "name"),
    [
        (None, b"dltensor"),
        ((0, 8), b"dltensor"),
        ((0, 0), b"dltensor"),
        ((1, 0), b"dltensor_versioned"),
        ((1, 3), b"dltensor_versioned"),
        ((1, 99), b"dltensor_versioned"),
        ((2, 0), b"dltensor_versioned"),  # a consumer of 2.0 must take 1.x
    ],
)
def test_max_version(max_version: tuple[int, int] | None, name: bytes) -> None:
    capsule = view(base_array()).__dlpack__(max_version=max_version)
    assert capsule_name(capsule) == name
    if name == b"dltensor_versioned":
        assert read_capsule(capsule).major == 1


@pytest.mark.parametrize("copy", [None, False, True])
def test_flags(copy: bool | None) -> None:
    def flags(shared: bridge.View) -> int:
        return read_capsule(shared.__dlpack__(max_version=(1, 0), copy=copy)).flags

    copied = IS_COPIED if copy else 0
    assert flags(view(base_array())) == copied
    assert flags(view(base_array(), readonly=True)) == (copied if copy else READ_ONLY)


@needs_numpy_2
def test_device() -> None:
    shared = view(base_array())
    assert shared.__dlpack_device__() == (1, 0)
    for device in (None, (1, 0), shared.__dlpack_device__()):
        assert_aliases(shared, np.from_dlpack(Once(shared.__dlpack__(dl_device=device, max_version=(1, 0)))))


# Copies


@needs_numpy_2
@pytest.mark.parametrize("max_version", [None, (1, 0)])
@pytest.mark.parametrize(("name", "layout"), dtype_layouts(["float32", "int16"], LAYOUTS))
def test_copy(name: str, layout: str, max_version: tuple[int, int] | None) -> None:
    """The values of the copy are those of the memory, whatever its strides and byte order."""
    array = LAYOUTS[layout](base_array(name))
    for shared in (view(array), view(array, readonly=True)):
        seen = np.from_dlpack(Once(shared.__dlpack__(copy=True, max_version=max_version)))
        assert seen.flags.writeable or max_version is None  # NumPy's choice for unversioned capsules
        assert peek(seen) == peek(array)
        assert not np.shares_memory(seen, array)


@needs_torch
@needs_ml_dtypes
def test_copy_of_bfloat16() -> None:
    array = base_array("bfloat16")
    seen = torch.from_dlpack(Once(view(array).__dlpack__(copy=True, max_version=(1, 0))))
    assert seen.dtype == torch.bfloat16
    assert_independent(array, seen)


# Requests that the standard allows, and others


def test_the_cpu_may_be_asked_for_where_the_host_reads_the_memory() -> None:
    array = base_array()
    for device in ("cuda_host:0", "cuda_managed:0", "rocm_host:0"):
        pinned = bridge.from_pointer(array.ctypes.data, (24,), "float64", device=device, owner=array)
        tensor = read_capsule(capsule := pinned.__dlpack__(dl_device=(1, 0), max_version=(1, 3))).tensor
        assert (tensor.device_type, tensor.device_index, tensor.data) == (1, 0, pinned.ptr)
        own = read_capsule(capsule := pinned.__dlpack__(max_version=(1, 3))).tensor
        assert (own.device_type, own.device_index) == pinned.__dlpack_device__()
        assert capsule is not None
    with refused("dl_device", "DLPack", hint="copy=True"):
        bridge.from_pointer(4096, (2,), "f4", device="cuda:0").__dlpack__(dl_device=(1, 0))
    with refused("dl_device", "DLPack", hint="copy=True"):
        view(array).__dlpack__(dl_device=(1, 1))


def test_streams_of_rocm_are_counted_as_the_standard_says() -> None:
    shared = bridge.from_pointer(4096, (2,), "f4", device="rocm:0")
    for stream in (None, -1, 0, 3):
        tensor = read_capsule(capsule := shared.__dlpack__(stream=stream)).tensor
        assert (tensor.device_type, tensor.data) == (10, 4096)
        assert capsule is not None
    for stream in (1, 2, -2):
        with refused("stream", "DLPack", hint=None):
            shared.__dlpack__(stream=stream)


@pytest.mark.parametrize(
    "version", [(1,), (1, 2, 3), "13", 1, 1.0, (1.5, 0), (-1, 0), ("1", "0"), (2**40, 0)]
)
def test_malformed_versions(version: object) -> None:
    with pytest.raises(TypeError):
        view(base_array()).__dlpack__(max_version=version)


@pytest.mark.parametrize("keywords", [{"dl_device": (1,)}, {"dl_device": "cpu"}, {"copy": "yes"}, {"new": 1}])
def test_malformed_requests(keywords: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        view(base_array()).__dlpack__(**keywords)
