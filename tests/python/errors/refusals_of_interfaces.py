"""Every text with which the array interfaces and `__array__` refuse. See `refusals.py`."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

from exchange import (
    CurrentWorkStream,
    managed_tensor_to_object,
    tensor_from_object,
)
from fake_interfaces import (
    HAS_DESCR,
    MISSING,
    NOT_SWAPPED,
    ArrayMethod,
    FakeCudaInterface,
    FakeInterface,
    FakeStruct,
    FreshBytes,
    Wandering,
)
from fakes import FakeBuffer, FakeTensor, exchange_type
from numpy_bridge import _core, from_pointer, view

values_of = _core.values_of
"""As `view`, but for numbers only."""

ROOM = "__array_interface__: data: expected room for shape (6,), strides (4,) from byte "
TUPLE = "a pointer and a read-only flag"


def interface(share: Callable[[Any], Any] = view, **lies: Any) -> Callable[[], Any]:
    return lambda: share(FakeInterface(**lies))


def cuda(**lies: Any) -> Callable[[], Any]:
    return lambda: view(FakeCudaInterface(**lies))


def struct(share: Callable[[Any], Any] = view, **lies: Any) -> Callable[[], Any]:
    return lambda: share(FakeStruct(**lies))


def method(result: Any) -> Callable[[], Any]:
    return lambda: view(ArrayMethod(lambda: result))


class Broken:
    @property
    def __array_interface__(self) -> Any:
        raise RuntimeError("broken")


class NoDictionary:
    __array_interface__ = 5


class Once:
    def __init__(self) -> None:
        self.answers: list[Any] = [FakeInterface().fields]

    def __getattr__(self, name: str) -> Any:
        if name == "__array_interface__" and self.answers:
            return self.answers.pop()
        raise AttributeError(name)


class Meta(type):
    @property
    def __dlpack_c_exchange_api__(cls) -> Any:
        raise RuntimeError("broken metaclass")


class OfMeta(metaclass=Meta):
    pass


class Refuses:
    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise ValueError("only copies")


class Everything(FakeBuffer, FakeInterface, Refuses):
    """Supports three protocols, and none of them well."""

    def __init__(self) -> None:
        FakeInterface.__init__(self, shape=[6])
        FakeBuffer.__init__(self, ndim=65)


def streamless() -> Any:
    """On a GPU, with an exchange table that cannot tell the current stream."""
    fake = FakeTensor(device=(2, 0))
    kind = exchange_type(lambda _: fake.managed)
    kind.fails = CurrentWorkStream(lambda *_: -1)
    kind.table.current_work_stream = ctypes.cast(kind.fails, ctypes.c_void_p)
    x = kind()
    x.fake = fake
    return x


REFUSALS_INTERFACES: list[tuple[Callable[[], Any], str]] = [
    # The dictionary
    (
        lambda: view(Broken()),
        "__array_interface__: attribute: expected an attribute that can be read, got RuntimeError: broken",
    ),
    (lambda: view(NoDictionary()), "__array_interface__: attribute: expected a dictionary, got 5"),
    (
        lambda: view(Once()),
        "__array_interface__: attribute: expected the same attribute at each request, got nothing at the "
        "second",
    ),
    (
        interface(version=MISSING),
        "__array_interface__: version: expected version 3, got nothing; "
        "the array interface requires this entry",
    ),
    (interface(version=2), "__array_interface__: version: expected version 3, got 2"),
    (
        interface(mask=np.ones(6)),
        "__array_interface__: mask: expected memory without a mask, got a mask; "
        "share the data and the mask one by one",
    ),
    (
        interface(typestr=5),
        "__array_interface__: typestr: expected a type such as '<f4', got 5",
    ),
    (
        interface(values_of, typestr="<M8[s]"),
        "__array_interface__: typestr: expected a plain number per element, such as '<f4', got '<M8[s]'; "
        "share the counts behind the times: np.asarray(x).view('i8')",
    ),
    (
        interface(typestr="|t4"),
        "__array_interface__: typestr: ..., got '|t4'; libraries pack elements of less than a byte in "
        "different ways; let its own library share their bytes, as uint8",
    ),
    (
        interface(descr=[("a", "<f4"), ("b", "<f4")]),
        "__array_interface__: descr: expected a list of one field with the type of typestr, got ...; "
        "share one field at a time, or the bytes: np.ascontiguousarray(x).view('u1')",
    ),
    (
        interface(descr=[("", "<i4")]),
        "__array_interface__: descr: expected the type of typestr, float32, got int32",
    ),
    (interface(shape=[6]), "__array_interface__: shape: expected a tuple of integers, got [6]"),
    (interface(shape=(6.0,)), "__array_interface__: shape: expected 64-bit integers, got 6.0"),
    (
        interface(shape=(2**63,)),
        "__array_interface__: shape: expected 64-bit integers, got 9223372036854775808",
    ),
    (interface(strides=(4, 4)), "__array_interface__: strides: expected 1 byte strides, got 2"),
    (interface(data=(1,)), f"__array_interface__: data: expected {TUPLE}, got (1,)"),
    (interface(data=(8, "no")), "__array_interface__: data: expected a bool as read-only flag, got 'no'"),
    (interface(data=("8", False)), "__array_interface__: data: expected an integer as pointer, got '8'"),
    (
        interface(data=(-8, False)),
        "__array_interface__: data: expected an address that fits this machine, got -8",
    ),
    (
        interface(offset=4),
        "__array_interface__: offset: expected no offset beside a pointer, got 4; it counts from a "
        "buffer's start",
    ),
    (
        interface(data=5),
        "__array_interface__: data: expected a pointer or a buffer, got TypeError: ...'int'...",
    ),
    (interface(data=bytes(23)), f"{ROOM}0, got 23 bytes"),
    (interface(data=bytes(24), offset=1), f"{ROOM}1, got 24 bytes"),
    (
        interface(data=FakeBuffer(buf=2**64 - 64, len=2**62)),
        "__array_interface__: data: expected elements inside the address space, "
        f"got address {2**64 - 64} with bytes [0, 24)",
    ),
    (
        lambda: view(FreshBytes()),
        "__array_interface__: data: expected the same memory at each request, got a fresh copy each time; "
        "share a copy: numpy_bridge.view(numpy_bridge.to_numpy(x, copy=True))",
    ),
    (
        lambda: view(Wandering()),
        "__array_interface__: data: expected the same address at each request, got another one; "
        "neither is kept alive; make an array of it first: numpy.array(x)",
    ),
    # The C structure
    (struct(answer=5), "__array_struct__: attribute: expected a capsule, got 5"),
    (
        struct(two=3),
        "__array_struct__: two: expected 2 in the first field, got 3; the capsule holds something else",
    ),
    (
        struct(values_of, kind=b"U"),
        "__array_struct__: typekind: expected a number, got 4 bytes of kind U; "
        "convert text to numbers, or share its code points: np.ascontiguousarray(x).view('u4')",
    ),
    (
        struct(values_of, kind=b"S", itemsize=3),
        "__array_struct__: typekind: ...; share the bytes: np.ascontiguousarray(x).view('u1')",
    ),
    (
        struct(values_of, kind=b"f", itemsize=16),
        "__array_struct__: typekind: ...; "
        "long double differs between platforms; convert with np.asarray(x).astype('float64') or 'complex128'",
    ),
    (
        struct(kind=b"O", itemsize=8),
        "__array_struct__: typekind: ...; "
        "the elements are Python objects, such as mixed or missing values; convert them to numbers first",
    ),
    (
        struct(kind=b"T", itemsize=16),
        "__array_struct__: typekind: expected a number, got 16 bytes of kind T; "
        "strings of variable length are behind pointers; convert them first, to fixed length or to numbers",
    ),
    (struct(shape=None), "__array_struct__: shape: expected 1 extents, got NULL"),
    (
        struct(flags=NOT_SWAPPED | HAS_DESCR, descr=[("", "<i4")]),
        "__array_struct__: descr: expected the type of typestr, float32, got int32",
    ),
    # CUDA
    (
        cuda(version=1),
        "__cuda_array_interface__: version: expected version 2 or 3, got 1",
    ),
    (
        cuda(typestr="<M8[s]"),
        "__cuda_array_interface__: typestr: ...; let its own library convert it to plain numbers first",
    ),
    (
        cuda(stream=0),
        "__cuda_array_interface__: stream: expected None, 1, 2 or a stream's handle, got 0; "
        "0 could mean either default stream: 1 legacy, 2 per thread",
    ),
    (cuda(data=5), f"__cuda_array_interface__: data: expected {TUPLE}, got 5"),
    (
        lambda: view(FakeCudaInterface(stream=7)).__dlpack__(stream=0),
        "DLPack: stream: expected None, -1, 1, 2 or a stream's handle, got 0; "
        "0 could mean either default stream: 1 legacy, 2 per thread",
    ),
    (
        lambda: from_pointer(4096, (2,), "f4", device="rocm:0").__dlpack__(stream=1),
        "DLPack: stream: expected None, -1, 0 or a stream's handle, got 1; "
        "0 is the default stream of ROCm; 1 and 2 are CUDA's",
    ),
    # __array__
    (
        lambda: view(Refuses()),
        "__array__: call: expected an array without a copy, got ValueError: only copies",
    ),
    (method([1]), "__array__: call: expected an ndarray, got an object of type list"),
    (
        method(np.zeros(1, "O")),
        "NumPy: dtype: expected a supported number dtype, got object; the elements are Python ...",
    ),
    # DLPack and the policy
    (
        lambda: view(FakeTensor(dtype=(15, 6, 1))),
        "DLPack: dtype: expected a supported number dtype, got code 15, 6 bits, 1 lanes; libraries pack ...",
    ),
    (
        lambda: view(FakeTensor(dtype=(2, 128, 1))),
        "DLPack: dtype: ...; let its own library share its bytes, as uint8",
    ),
    (
        lambda: view(FakeTensor(dtype=(99, 8, 1))),
        "DLPack: dtype: ...; later versions of DLPack may define it; the last known code is 17",
    ),
    (
        lambda: from_pointer(4100, (2,), "f8").__dlpack__(),
        "DLPack: alignment: expected an address that is a multiple of the itemsize 8, got address 4100; "
        "pass copy=True, as torch crashes on some of these",
    ),
    (lambda: view(OfMeta()), "DLPack: import: expected memory, got RuntimeError: broken metaclass"),
    (
        lambda: view(Everything()),
        "refusals_of_interfaces.Everything: protocols: expected one protocol that can share it, got "
        "buffer: expected 0 to 64 dimensions, got 65\n"
        "__array_interface__: expected a tuple of integers, got [6]\n"
        "__array__: expected an array without a copy, got ValueError: only copies; "
        "merge some dimensions first",
    ),
    (
        lambda: managed_tensor_to_object(None),
        "DLPack: exchange API: expected a tensor, got NULL",
    ),
    (
        lambda: tensor_from_object(view(b"ab")),
        "DLPack: readonly: expected writable memory, as a bare DLTensor cannot say otherwise, got read-only "
        "memory; ask for a managed tensor, which has a flag for it",
    ),
    (
        lambda: view(streamless()),
        "DLPack: stream: expected the producer's current stream, got a failure without an exception",
    ),
    (
        lambda: from_pointer(8, (1,), "qint8"),
        "pointer: dtype: ..., got 'qint8'; describe the bytes: dtype='uint8'",
    ),
    (
        lambda: from_pointer(8, (1,), "int4"),
        "pointer: dtype: ..., got 'int4'; describe the bytes: dtype='uint8'",
    ),
    (
        lambda: from_pointer(8, (1,), np.dtype("M8[s]")),
        "pointer: dtype: ..., got 'datetime64[s]'; describe the counts behind the times: dtype='int64'",
    ),
    (
        lambda: from_pointer(8, (1,), np.dtype("U4")),
        "pointer: dtype: ...; describe the code points: dtype='uint32'",
    ),
    (
        lambda: from_pointer(8, (1,), np.dtype("V4")),
        "pointer: dtype: ...; describe one field at a time, with its own dtype and strides",
    ),
    (
        lambda: from_pointer(8, (1,), np.dtype("O")),
        "pointer: dtype: ..., got 'object'; such elements are behind pointers of their own",
    ),
]
