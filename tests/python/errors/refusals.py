"""Every text with which a protocol refuses, and what provokes it.

"..." in a text stands for what differs from run to run, or is long and checked by another row.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

import numpy_bridge as bridge
from fakes import FakeBuffer, FakeTensor, byref, exchange_type, get_buffer, new_capsule
from fakes import PyBuffer as Buffer
from numpy_bridge import _core, from_pointer, view
from support import byte_swapped, with_odd_strides

values_of = _core.values_of
"""As `view`, but for numbers only."""


class Both(FakeBuffer, FakeTensor):
    """Supports two protocols, and neither well."""

    def __init__(self) -> None:
        FakeTensor.__init__(self, version=(2, 0))
        FakeBuffer.__init__(self, ndim=65)


def exchanged(managed: Any) -> Any:
    return exchange_type(lambda _: managed)()


def ask(x: Any, flags: int) -> None:
    get_buffer(view(x), byref(Buffer()), flags)


def cuda() -> bridge.View:
    return from_pointer(4096, (2,), "f4", device="cuda:0")


def released() -> memoryview:
    exporter = memoryview(b"ab")
    exporter.release()
    return exporter


MATRIX = np.zeros((4, 4))
CAST = "np.frombuffer(x, 'u1')"
REFUSALS: list[tuple[Callable[[], Any], str]] = [
    # The buffer protocol, import
    (
        lambda: view(FakeBuffer(ndim=65)),
        "buffer: ndim: expected 0 to 64 dimensions, got 65; merge some dimensions first",
    ),
    (lambda: view(FakeBuffer(ndim=-1)), "buffer: ndim: expected 0 to 64 dimensions, got -1"),
    (lambda: view(FakeBuffer(itemsize=0)), "buffer: itemsize: expected an itemsize of 1 byte or more, got 0"),
    (
        lambda: values_of((ctypes.c_wchar * 1)()),
        "buffer: format: expected a plain number per element, got format '...', 4 bytes; "
        f"text holds no numbers; share its bytes: {CAST}",
    ),
    (
        lambda: view((ctypes.c_void_p * 1)()),
        "buffer: format: expected a plain number per element, got format '<P', 8 bytes; share its bytes: "
        f"{CAST}",
    ),
    (
        lambda: values_of(memoryview(np.zeros(1, "i4,f4"))),
        "buffer: format: expected a plain number per element, got format 'T{i:f0:f:f1:}', 8 bytes; "
        "a structured element has several dtypes; share one field at a time: np.asarray(x)['f0']",
    ),
    (
        lambda: view(memoryview(np.zeros(1, "O"))),
        "buffer: format: expected a plain number per element, got format 'O', 8 bytes; "
        "the elements are Python objects, such as mixed or missing values; convert them to numbers "
        "first",
    ),
    (
        lambda: values_of((ctypes.c_longdouble * 1)()),
        "buffer: format: expected a plain number per element, got format '<g', 16 bytes; "
        "long double differs between platforms; convert with np.frombuffer(x, 'g').astype('float64')",
    ),
    (
        lambda: values_of(memoryview(np.zeros(1, "G"))),
        "buffer: format: ...; long double differs between platforms; "
        "convert with np.frombuffer(x, 'G').astype('complex128')",
    ),
    (
        lambda: view(FakeBuffer(suboffsets=(0,))),
        "buffer: suboffsets: expected one block of memory, got rows behind pointers; "
        "copy it first: memoryview(x).tobytes()",
    ),
    (lambda: view(FakeBuffer(ndim=2, shape=None)), "buffer: shape: expected 2 extents, got NULL"),
    (lambda: view(FakeBuffer(shape=(-3,))), "buffer: shape: expected non-negative extents, got (-3,)"),
    (
        lambda: view(FakeBuffer(shape=(2**60,))),
        f"buffer: shape: expected a size in bytes below 2**63, got ({2**60},) of 8-byte elements",
    ),
    (
        lambda: view(FakeBuffer(strides=(2**62,))),
        f"buffer: strides: expected strides that reach less than 2**63 bytes, got ({2**62},) for shape (3,)",
    ),
    (
        lambda: view(FakeBuffer(buf=None)),
        "buffer: data: expected a pointer to 3 elements, got NULL; "
        "this object has a shape but no memory behind it",
    ),
    (
        lambda: view(FakeBuffer(buf=2**64 - 8)),
        f"buffer: data: expected elements inside the address space, got address {2**64 - 8} with "
        f"bytes [0, 24)",
    ),
    (lambda: view(FakeBuffer(len=23)), "buffer: len: expected 24 bytes for shape (3,), got 23"),
    (
        lambda: view(released()),
        "buffer: export: expected a buffer, got ValueError: ...released memoryview...",
    ),
    # The buffer protocol, export
    (
        lambda: ask(b"ab", 1),
        "buffer: request: expected writable memory, got uint8 (2,), strides (1,), read-only, on cpu",
    ),
    (
        lambda: ask(MATRIX.T, 0x38),
        "buffer: request: expected C-contiguous memory, got float64 (4, 4), strides (8, 32), on cpu",
    ),
    (lambda: ask(MATRIX.T, 0x0), "buffer: request: expected C-contiguous memory, got float64 (4, 4), ..."),
    (
        lambda: ask(MATRIX, 0x58),
        "buffer: request: expected Fortran-contiguous memory, got float64 (4, 4), ...",
    ),
    (
        lambda: ask(MATRIX[:, ::2], 0x98),
        "buffer: request: expected contiguous memory, got float64 (4, 2), ...",
    ),
    (lambda: ask(b"ab", 4), "buffer: request: expected PyBUF_ND together with PyBUF_FORMAT, got uint8 ..."),
    (
        lambda: memoryview(cuda()),
        "buffer: request: expected memory on the host, got float32 (2,), strides (4,), on cuda:0",
    ),
    (
        lambda: memoryview(from_pointer(4096, (2,), "bfloat16")),
        "buffer: request: expected a dtype that PEP 3118 has a format for, got bfloat16 (2,), ...",
    ),
    # DLPack, import
    (lambda: view(FakeTensor(ndim=65)), "DLPack: ndim: expected 0 to 64 dimensions, got 65; ..."),
    (
        lambda: view(FakeTensor(dtype=(3, 64, 1))),
        "DLPack: dtype: expected a supported number dtype, got code 3, 64 bits, 1 lanes; "
        "the elements are handles, such as Python objects; convert them to numbers first",
    ),
    (
        lambda: view(FakeTensor(dtype=(2, 32, 4))),
        "DLPack: dtype: expected a supported number dtype, got code 2, 32 bits, 4 lanes; "
        "vector elements are another dimension: share x as (..., lanes) of one-lane elements",
    ),
    (
        lambda: view(FakeTensor(device=(99, 0))),
        "DLPack: device: expected a device type of DLPack 1.3, got unknown device type 99",
    ),
    (
        lambda: view(FakeTensor(device=(1, -1))),
        "DLPack: device: expected a non-negative device index, got -1",
    ),
    (lambda: view(FakeTensor(shape=None, ndim=3)), "DLPack: shape: expected 3 extents, got NULL"),
    (lambda: view(FakeTensor(shape=(-1,))), "DLPack: shape: expected non-negative extents, got (-1,)"),
    (
        lambda: view(FakeTensor(shape=(2**61,))),
        f"DLPack: shape: expected a size in bytes below 2**63, got ({2**61},) of 4-byte elements",
    ),
    (
        lambda: view(FakeTensor(strides=(2**61,))),
        f"DLPack: strides: expected byte strides below 2**63, got ({2**61},)",
    ),
    (
        lambda: view(FakeTensor(strides=(2**60,))),
        f"DLPack: strides: expected strides that reach less than 2**63 bytes, got ({2**62},) for shape (6,)",
    ),
    (
        lambda: view(FakeTensor(byte_offset=2**64 - 1)),
        f"DLPack: byte_offset: expected an offset inside the address space, got {2**64 - 1}",
    ),
    (lambda: view(FakeTensor(data=None)), "DLPack: data: expected a pointer to 6 elements, got NULL; ..."),
    (
        lambda: view(FakeTensor(version=(2, 1))),
        "DLPack: version: expected DLPack major version 1, got 2.1; "
        "versions with another layout cannot be read",
    ),
    (
        lambda: view(FakeTensor(flags=2)),
        "DLPack: flags: expected the producer's own memory, got a copy that the producer made; "
        "share a copy: numpy_bridge.view(numpy_bridge.to_numpy(x, copy=True))",
    ),
    (
        lambda: bridge.to_numpy(FakeTensor(flags=2)),
        "DLPack: flags: expected the producer's own memory, got a copy that the producer made; "
        "pass copy=None or copy=True to take the copy",
    ),
    (
        lambda: bridge.shares_memory(FakeTensor(flags=2), b"ab"),
        "DLPack: flags: expected the producer's own memory, got a copy that the producer made; "
        "take a copy: numpy_bridge.to_numpy(x, copy=True)",
    ),
    (
        lambda: view(FakeTensor(flags=4, dtype=(17, 4, 2))),
        "DLPack: flags: expected packed elements of less than a byte, got padded ones; ...",
    ),
    (lambda: view(FakeTensor(answer=5)), "DLPack: __dlpack__: expected a capsule, got an object of type int"),
    (
        lambda: view(FakeTensor(error=ValueError("no"))),
        "DLPack: __dlpack__: expected a capsule, got ValueError: no",
    ),
    (
        lambda: view(FakeTensor(name=b"used_dltensor")),
        "DLPack: capsule name: expected a capsule named 'dltensor_versioned' or 'dltensor', got "
        "'used_dltensor'; "
        "a capsule can be imported only once; ask its producer for a new one",
    ),
    (
        lambda: view(FakeTensor(answer=new_capsule(1, None, None))),
        "DLPack: capsule name: expected a capsule named 'dltensor_versioned' or 'dltensor', got 'NULL'; ...",
    ),
    (
        lambda: view(exchanged(None)),
        "DLPack: exchange API: expected a tensor, got a failure without an exception",
    ),
    (
        lambda: view(Both()),
        "refusals.Both: protocols: expected one protocol that can share it, got buffer: "
        "expected 0 to 64 dimensions, got 65\nDLPack: expected DLPack major version 1, got 2.0; "
        "merge some dimensions first",
    ),
    # DLPack, export
    (lambda: view(b"").__dlpack__(stream=1), "DLPack: stream: expected None for memory on the CPU, got 1"),
    (
        lambda: view(MATRIX).__dlpack__(dl_device=(2, 0)),
        "DLPack: dl_device: expected cpu, got (2, 0); pass copy=True to copy it to another device",
    ),
    (
        lambda: view(MATRIX).__dlpack__(dl_device=(1, 1), copy=True),
        "DLPack: dl_device: expected cpu, got (1, 1); copies are made on the CPU and on CUDA devices",
    ),
    (
        lambda: view(b"").__dlpack__(),
        "DLPack: max_version: expected (1, 0) or more, which can mark memory as read-only, got None; "
        "unversioned capsules cannot mark memory as read-only",
    ),
    (
        lambda: view(b"").__dlpack__(max_version=(0, 8)),
        "DLPack: max_version: expected (1, 0) or more, which can mark memory as read-only, got an older "
        "version; ...",
    ),
    (
        lambda: view(byte_swapped(np.zeros(2))).__dlpack__(),
        "DLPack: byte order: expected the machine's own byte order, got >f8; "
        "pass copy=True for a copy in native byte order",
    ),
    (
        lambda: view(np.zeros(2)[::-1]).__dlpack__(),
        "DLPack: strides: expected strides of 0 or more, got (-8,) bytes; "
        "pass copy=True, or share the unreversed array and flip it in the other library",
    ),
    (
        lambda: view(with_odd_strides(np.zeros(5))).__dlpack__(),
        "DLPack: strides: expected strides that are multiples of the itemsize 8, got (9,) bytes; "
        "pass copy=True, or use strides that are multiples of the itemsize",
    ),
    # Pointers
    (lambda: from_pointer(8, (1,) * 65, "u1"), "pointer: ndim: expected 0 to 64 dimensions, got 65; ..."),
    (lambda: from_pointer(8, (2,), "u1", strides=()), "pointer: strides: expected 1 byte strides, got 0"),
    (
        lambda: from_pointer(8, (1,), "f3"),
        "pointer: dtype: expected the name of a number dtype, such as 'float32', or a typestr, such "
        "as '>f4', got 'f3'",
    ),
    (
        lambda: from_pointer(8, (1,), "u1", device="x"),
        "pointer: device: expected 'cpu', a name and an index such as 'cuda:0', or the pair of "
        "__dlpack_device__, got 'x'; the names are cpu, cuda, cuda_host, cuda_managed, rocm, rocm_host, "
        "metal, opencl, vulkan, oneapi, vpi, extension, webgpu, hexagon, maia, trainium",
    ),
    (
        lambda: from_pointer(-1, (1,), "u1"),
        "pointer: ptr: expected an address that fits this machine, got -0x1",
    ),
]
