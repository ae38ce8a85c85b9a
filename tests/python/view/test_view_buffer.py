"""View speaks the buffer protocol by CPython's own rules, to everything that takes a buffer."""

from __future__ import annotations

import ctypes
import gc
import hashlib
import io
import itertools
import socket
import struct
import sys
import weakref
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fakes import PyBuffer, byref, get_buffer, release_buffer
from numpy_bridge import view
from support import (
    FORWARD,
    LAYOUTS,
    NUMBERS,
    assert_aliases,
    base_array,
    needs_ml_dtypes,
    peek,
    readonly,
    run_python,
    strided,
)

# Requests: every combination of PyBUF flags, against memoryview, whose rules are CPython's

WRITABLE, FORMAT, ND, STRIDES = 0x1, 0x4, 0x8, 0x18
C_CONTIGUOUS, F_CONTIGUOUS, ANY_CONTIGUOUS, INDIRECT = 0x38, 0x58, 0x98, 0x118
BITS = (WRITABLE, FORMAT, ND, 0x10, 0x20, 0x40, 0x80, 0x100)
COMBINATIONS = (sum(bits) for n in range(len(BITS) + 1) for bits in itertools.combinations(BITS, n))
ALL_FLAGS = [flags for flags in COMBINATIONS if flags != 0x100]  # alone it is PyBUF_READ, no request
NAMED_REQUESTS = {
    "SIMPLE": 0,
    "CONTIG": ND | WRITABLE,
    "CONTIG_RO": ND,
    "STRIDED": STRIDES | WRITABLE,
    "STRIDED_RO": STRIDES,
    "RECORDS": STRIDES | WRITABLE | FORMAT,
    "RECORDS_RO": STRIDES | FORMAT,
    "FULL": INDIRECT | WRITABLE | FORMAT,
    "FULL_RO": INDIRECT | FORMAT,
}

REQUESTED: dict[str, Callable[[], np.ndarray]] = {
    "1-d": lambda: np.arange(6.0),
    "0-d": lambda: np.array(3.0),
    "c-order": lambda: np.arange(6.0).reshape(2, 3),
    "f-order": lambda: np.arange(6.0).reshape(2, 3).T,
    "both-orders": lambda: np.arange(6.0).reshape(1, 6, 1),
    "strided": lambda: np.arange(6.0)[::2],
    "reversed": lambda: np.arange(6.0)[::-1],
    "broadcast": lambda: strided(np.arange(6.0), (2, 3), (0, 8)),
    "3-d": lambda: np.arange(24.0).reshape(2, 3, 4)[:, ::2],
    "empty": lambda: np.zeros((4, 3))[:0],
    "readonly": lambda: readonly(np.arange(6.0)),
    "readonly-strided": lambda: readonly(np.arange(6.0))[::2],
    "swapped": lambda: np.arange(6.0).astype(">f8"),
}


def answer(exporter: Any, flags: int) -> Any:
    """What PyObject_GetBuffer gives, copied out, or the type of what it raises."""
    buffer = PyBuffer()
    try:
        get_buffer(exporter, byref(buffer), flags)
    except BufferError:
        assert buffer.obj is None
        return BufferError
    assert buffer.obj == id(exporter)

    def items(pointer: Any) -> Any:
        return tuple(pointer[: buffer.ndim]) if pointer else None

    copied = {
        "bytes": ctypes.string_at(buffer.buf, buffer.len) if items(buffer.strides) is None else buffer.buf,
        "len": buffer.len,
        "itemsize": buffer.itemsize,
        "readonly": buffer.readonly,
        "ndim": buffer.ndim,
        "format": buffer.format,
        "shape": items(buffer.shape),
        "strides": items(buffer.strides),
        "suboffsets": items(buffer.suboffsets),
    }
    release_buffer(byref(buffer))
    return copied


@pytest.mark.parametrize("name", REQUESTED)
def test_every_request_is_answered_as_memoryview_does(name: str) -> None:
    array = REQUESTED[name]()
    shared, reference = view(array), memoryview(array)
    before = sys.getrefcount(shared)
    for flags in ALL_FLAGS:
        assert answer(shared, flags) == answer(reference, flags), hex(flags)
    assert sys.getrefcount(shared) == before


@pytest.mark.parametrize("request_name", NAMED_REQUESTS)
@pytest.mark.parametrize("name", REQUESTED)
def test_named_requests_are_met_or_refused_for_a_reason(name: str, request_name: str) -> None:
    array, flags = REQUESTED[name](), NAMED_REQUESTS[request_name]
    met = answer(view(array), flags)
    impossible = (flags & WRITABLE and not array.flags.writeable) or (
        flags & STRIDES != STRIDES and not array.flags.c_contiguous
    )
    assert (met is BufferError) == bool(impossible)


def test_failure_is_a_sharing_error_in_words() -> None:
    with pytest.raises(bridge.SharingError) as caught:
        get_buffer(view(b"abc"), byref(PyBuffer()), WRITABLE)
    assert (caught.value.protocol, caught.value.expected) == ("buffer", "writable memory")
    assert caught.value.got == "uint8 (3,), strides (1,), read-only, on cpu"


def test_a_buffer_keeps_everything_alive() -> None:
    array = np.arange(4.0)
    seen = weakref.ref(array)
    exported = memoryview(view(array))
    del array
    gc.collect()
    exported[2] = 9
    assert exported.tolist() == [0, 1, 9, 3]
    exported.release()
    assert seen() is None


def test_formats_outlive_their_view() -> None:
    """CPython keeps the pointer in some places after the buffer is gone."""
    for array in (np.ones(2), np.ones(2, ">i2"), np.ones(2, "c8")):
        buffer = PyBuffer()
        get_buffer(view(array), byref(buffer), NAMED_REQUESTS["FULL_RO"])
        text, address = buffer.format, ctypes.c_void_p.from_buffer(buffer, PyBuffer.format.offset).value
        release_buffer(byref(buffer))
        gc.collect()
        junk = [bytes(range(n)) for n in range(64)]
        assert ctypes.string_at(address) == text
        del junk


# memoryview and NumPy


@pytest.mark.parametrize("layout", LAYOUTS)
def test_memoryview(layout: str) -> None:
    array = LAYOUTS[layout](base_array("int32"))
    seen, reference = memoryview(view(array)), memoryview(array)
    assert (seen.shape, seen.strides, seen.ndim) == (array.shape, array.strides, array.ndim)
    assert (seen.nbytes, seen.itemsize, seen.readonly) == (array.nbytes, array.itemsize, False)
    assert (seen.c_contiguous, seen.f_contiguous) == (reference.c_contiguous, reference.f_contiguous)
    assert seen.tobytes() == array.tobytes()
    assert_aliases(array, np.asarray(seen))


@pytest.mark.parametrize("name", NUMBERS)
def test_memoryview_of_every_dtype(name: str) -> None:
    array = base_array(name)
    seen = memoryview(view(array))
    assert np.asarray(seen).dtype == array.dtype
    assert seen.cast("B").tolist() == array.view("u1").tolist()
    seen.cast("B")[0] = 1 - seen.cast("B")[0]
    assert seen.tobytes() == array.tobytes()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_asarray(layout: str) -> None:
    array = LAYOUTS[layout](base_array("int32"))
    seen = np.asarray(view(array))
    assert (seen.dtype, seen.shape, seen.strides) == (array.dtype, array.shape, array.strides)
    assert_aliases(array, seen)


@needs_ml_dtypes
@pytest.mark.parametrize("layout", FORWARD)
def test_asarray_of_dtypes_without_a_format(layout: str) -> None:
    array = FORWARD[layout](base_array("bfloat16"))
    seen = np.asarray(view(array))
    assert (seen.dtype, seen.strides) == (array.dtype, array.strides)
    assert_aliases(array, seen)


@pytest.mark.parametrize("name", ["float64", pytest.param("bfloat16", marks=needs_ml_dtypes)])
def test_array_arguments_of_numpy(name: str) -> None:
    array = base_array(name)
    shared = view(array)
    copies = [
        np.array(shared),
        np.array(shared, copy=True),
        np.asarray(shared, dtype="f4"),
        shared.__array__("f4"),
    ]
    for copy in [*copies, shared.__array__(copy=True)]:
        assert peek(copy) == peek(array)
        assert not np.shares_memory(copy, array)
    if np.lib.NumpyVersion(np.__version__) >= "2.0.0":
        assert_aliases(array, np.asarray(shared, copy=False))
        with pytest.raises(ValueError, match="copy"):
            np.asarray(shared, dtype="f4", copy=False)
        with pytest.raises(ValueError, match="copy"):
            shared.__array__("f4", copy=False)


def test_numpy_functions_take_views() -> None:
    shared = view(np.arange(6.0).reshape(2, 3))
    assert np.sum(shared) == 15
    np.add(shared, 1, out=np.asarray(shared))
    assert np.frombuffer(shared).tolist() == [1, 2, 3, 4, 5, 6]


# Everything else that takes a buffer

BLOCK = bytes(range(48))


@pytest.fixture
def block() -> np.ndarray:
    return np.frombuffer(bytearray(BLOCK), "i4").reshape(3, 4)


def test_hashlib_and_friends(block: np.ndarray) -> None:
    assert hashlib.sha256(view(block)).digest() == hashlib.sha256(BLOCK).digest()
    assert zlib.crc32(view(block)) == zlib.crc32(BLOCK)
    assert bytes(view(block)) == BLOCK
    assert b"".join([view(block), b"!"]) == BLOCK + b"!"
    assert bytes(view(block.T)) == block.T.tobytes()
    with pytest.raises(BufferError, match="contiguous"):
        hashlib.sha256(view(block.T))


def test_socket(block: np.ndarray) -> None:
    left, right = socket.socketpair()
    with left, right:
        assert left.send(view(block)) == 48
        received = np.zeros_like(block)
        assert right.recv_into(view(received)) == 48
    assert received.tolist() == block.tolist()


def test_file(block: np.ndarray, tmp_path: Any) -> None:
    path = tmp_path / "block"
    with path.open("wb") as file:
        assert file.write(view(block)) == 48
    assert path.read_bytes() == BLOCK
    read = np.zeros_like(block)
    with path.open("rb") as file:
        assert file.readinto(view(read)) == 48
    assert read.tolist() == block.tolist()
    with io.BytesIO() as stream:
        stream.write(view(block, readonly=True))
        assert stream.getvalue() == BLOCK
        stream.seek(0)
        with pytest.raises(TypeError, match="read-write"):
            stream.readinto(view(block, readonly=True))


def test_struct(block: np.ndarray) -> None:
    shared = view(block)
    assert struct.unpack_from("<4i", shared, 16) == tuple(block[1])
    struct.pack_into("<2i", shared, 40, 7, -8)
    assert block[2].tolist()[2:] == [7, -8]
    with pytest.raises((TypeError, BufferError)):
        struct.pack_into("<i", view(block, readonly=True), 0, 1)


def test_ctypes_and_slices(block: np.ndarray) -> None:
    (ctypes.c_int32 * 12).from_buffer(view(block))[11] = 99
    assert block[2, 3] == 99
    target = bytearray(48)
    target[:] = view(block)
    assert target == block.tobytes()
    memoryview(view(block)).cast("B")[:4] = b"\0\0\0\1"
    assert block[0, 0] == 1 << 24


def test_views_travel_to_other_libraries_while_python_ends() -> None:
    run_python("import numpy_bridge as b; m = memoryview(b.view(bytearray(8))); f = b.view(b'x')")
