"""Producers that can be made to lie, field by field, and a reader for what Views hand out.

Structures are DLPack's and CPython's C structures, declared with ctypes.
"""

from __future__ import annotations

import ctypes
from ctypes import (
    CFUNCTYPE,
    POINTER,
    PYFUNCTYPE,
    Structure,
    byref,
    c_char_p,
    c_int,
    c_ssize_t,
    c_void_p,
    py_object,
)
from typing import Any, ClassVar

api = ctypes.pythonapi


def c_function(name: str, result: Any, *arguments: Any) -> Any:
    return PYFUNCTYPE(result, *arguments)((name, api))


_new_capsule = c_function("PyCapsule_New", py_object, c_void_p, c_char_p, c_void_p)
capsule_pointer = c_function("PyCapsule_GetPointer", c_void_p, py_object, c_char_p)
capsule_name = c_function("PyCapsule_GetName", c_char_p, py_object)
_set_name = c_function("PyCapsule_SetName", c_int, py_object, c_char_p)
_names: dict[bytes | None, bytes | None] = {}  # capsules refer to their name and do not keep it


def new_capsule(address: int | None, name: bytes | None, destructor: Any) -> Any:
    return _new_capsule(address, _names.setdefault(name, name), destructor)


def rename_capsule(capsule: object, name: bytes | None) -> None:
    assert _set_name(capsule, _names.setdefault(name, name)) == 0


# DLPack


class DLTensor(Structure):
    _fields_: ClassVar[Any] = [
        ("data", c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_index", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", POINTER(ctypes.c_int64)),
        ("strides", POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


Deleter = CFUNCTYPE(None, c_void_p)


class Unversioned(Structure):
    _fields_: ClassVar[Any] = [("tensor", DLTensor), ("context", c_void_p), ("deleter", c_void_p)]


class Versioned(Structure):
    _fields_: ClassVar[Any] = [
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("context", c_void_p),
        ("deleter", c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", DLTensor),
    ]


READ_ONLY, IS_COPIED = 1, 2
STRUCTURES = {b"dltensor": Unversioned, b"dltensor_versioned": Versioned}


def read_capsule(capsule: object) -> Any:
    """The structure inside an unused capsule; valid as long as the capsule is."""
    name = capsule_name(capsule)
    return STRUCTURES[name].from_address(capsule_pointer(capsule, name))


def integers(kind: Any, values: Any) -> Any:
    """An array in C; None stays NULL, and a number is an address that nobody may read."""
    if isinstance(values, int):
        return ctypes.cast(c_void_p(values), POINTER(kind))
    return None if values is None else (kind * max(1, len(values)))(*values)


class FakeTensor:
    """Six float32 in DLPack. Keywords replace single fields of the structure, or what holds it.

    `name` is the capsule's, `deleter=None` leaves it NULL, `answer` is returned instead of a capsule,
    `error` is raised. `handed_out` counts the capsules, `deleted` the calls of the deleter.
    """

    def __init__(self, *, versioned: bool = True, **lies: Any) -> None:
        self.values = (ctypes.c_float * 6)(*range(6))
        self.handed_out = self.deleted = 0
        self.lies = lies
        self.name = lies.pop("name", b"dltensor_versioned" if versioned else b"dltensor")
        shape, strides = lies.pop("shape", (6,)), lies.pop("strides", (1,))
        self.shape, self.strides = integers(ctypes.c_int64, shape), integers(ctypes.c_int64, strides)
        self._deleter = Deleter(self._delete)  # one closure for the life of the object
        self.managed = (Versioned if versioned else Unversioned)()
        deleter = lies.pop("deleter", self._deleter)
        self.managed.deleter = ctypes.cast(deleter, c_void_p) if deleter else None
        if versioned:
            self.managed.major, self.managed.minor = lies.pop("version", (1, 0))
            self.managed.flags = lies.pop("flags", 0)
        tensor = self.managed.tensor
        tensor.data = lies.pop("data", ctypes.addressof(self.values))
        self.ndim = lies.pop("ndim", len(shape) if isinstance(shape, tuple) else 0)
        tensor.code, tensor.bits, tensor.lanes = lies.pop("dtype", (2, 32, 1))
        tensor.device_type, tensor.device_index = lies.pop("device", (1, 0))
        tensor.byte_offset = lies.pop("byte_offset", 0)
        tensor.shape, tensor.strides, tensor.ndim = self.shape, self.strides, self.ndim

    def on_delete(self) -> None:
        """For tests to replace."""

    def _delete(self, managed: int) -> None:
        assert managed == ctypes.addressof(self.managed)
        self.deleted += 1
        self.on_delete()
        self.managed.tensor.ndim = -1  # nonsense for whoever reads on

    def __dlpack__(self, **keywords: Any) -> object:
        if "error" in self.lies:
            raise self.lies["error"]
        if "answer" in self.lies:
            return self.lies["answer"]
        self.hand_out()
        return new_capsule(ctypes.addressof(self.managed), self.name, None)

    def hand_out(self) -> Any:
        self.handed_out += 1
        self.managed.tensor.ndim = self.ndim
        return self.managed

    def __dlpack_device__(self) -> tuple[int, int]:
        tensor = self.managed.tensor
        return (tensor.device_type, tensor.device_index)


# The C exchange API


class ExchangeTable(Structure):
    _fields_: ClassVar[Any] = [
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("previous", c_void_p),
        ("allocate", c_void_p),
        ("managed_tensor_from_object", c_void_p),
        ("managed_tensor_to_object", c_void_p),
        ("tensor_from_object", c_void_p),
        ("current_work_stream", c_void_p),
    ]


FromObject = PYFUNCTYPE(c_int, py_object, POINTER(c_void_p))
Borrow = PYFUNCTYPE(c_int, py_object, POINTER(DLTensor))


def exchange_type(answer: Any, version: tuple[int, int] = (1, 3), previous: Any = None) -> type:
    """A type with an exchange API whose `managed_tensor_from_object` calls `answer(object)`.

    The answer is a Versioned structure, or None for -1 without an exception.
    """

    def from_object(x: object, out: Any) -> int:
        managed = answer(x)
        out[0] = None if managed is None else ctypes.addressof(managed)
        return -1 if managed is None else 0

    function = FromObject(from_object)
    table = ExchangeTable(*version)
    table.previous = None if previous is None else ctypes.addressof(previous.table)
    table.managed_tensor_from_object = ctypes.cast(function, c_void_p)
    capsule = new_capsule(ctypes.addressof(table), b"dlpack_exchange_api", None)
    return type("Exchanged", (), {"__dlpack_c_exchange_api__": capsule, "table": table, "function": function})


class Exchanging(exchange_type(lambda x: x.fake.hand_out())):
    """A FakeTensor behind the exchange API."""

    def __init__(self, **lies: Any) -> None:
        self.fake = FakeTensor(**lies)

    @property
    def values(self) -> Any:
        return self.fake.values


# Buffers


class PyBuffer(Structure):
    _fields_: ClassVar[Any] = [
        ("buf", c_void_p),
        ("obj", c_void_p),
        ("len", c_ssize_t),
        ("itemsize", c_ssize_t),
        ("readonly", c_int),
        ("ndim", c_int),
        ("format", c_char_p),
        ("shape", POINTER(c_ssize_t)),
        ("strides", POINTER(c_ssize_t)),
        ("suboffsets", POINTER(c_ssize_t)),
        ("internal", c_void_p),
    ]


get_buffer = c_function("PyObject_GetBuffer", c_int, py_object, POINTER(PyBuffer), c_int)
release_buffer = c_function("PyBuffer_Release", None, POINTER(PyBuffer))
_increment = c_function("Py_IncRef", None, py_object)
GetBuffer = PYFUNCTYPE(c_int, py_object, POINTER(PyBuffer), c_int)
ReleaseBuffer = PYFUNCTYPE(None, py_object, POINTER(PyBuffer))
_TP_AS_BUFFER = object.__basicsize__ + 144  # offset in PyTypeObject, 64-bit CPython


class FakeBuffer:
    """Three float64 behind a Py_buffer. Keywords replace its fields; `fail=True` exports nothing.

    `exports` and `releases` are counted.
    """

    DEFAULTS: ClassVar[dict[str, Any]] = {"shape": (3,), "strides": (8,), "suboffsets": None}

    def __init__(self, **lies: Any) -> None:
        self.lies = lies
        self.values = (ctypes.c_double * 3)(1, 2, 3)
        self.exports = self.releases = 0
        arrays = {**self.DEFAULTS, **{name: lies[name] for name in self.DEFAULTS.keys() & lies}}
        self.arrays = {name: integers(c_ssize_t, values) for name, values in arrays.items()}

    def __init_subclass__(cls) -> None:
        _install(cls)

    def fill(self, view: Any, flags: int) -> int:
        view.obj = None
        if self.lies.get("fail"):
            return -1
        view.buf = self.lies.get("buf", ctypes.addressof(self.values))
        view.len, view.itemsize = self.lies.get("len", 24), self.lies.get("itemsize", 8)
        view.readonly, view.ndim = self.lies.get("readonly", 0), self.lies.get("ndim", 1)
        view.format = self.lies.get("format", b"d")
        for name, values in self.arrays.items():
            setattr(view, name, values)
        if self.lies.get("obj", self) is not None:
            self.exports += 1
            _increment(self)
            view.obj = id(self)
        return 0

    def release(self, view: Any) -> None:
        self.releases += 1
        view.buf, view.ndim, view.shape = None, -1, None  # nonsense for whoever reads on


_fill = GetBuffer(lambda self, view, flags: self.fill(view.contents, flags))
_release = ReleaseBuffer(lambda self, view: self.release(view.contents))


def _install(cls: type) -> None:
    """Give a class the slots that Python code has no name for before 3.12."""
    slots = c_void_p.from_address(id(cls) + _TP_AS_BUFFER).value
    functions = (c_void_p * 2).from_address(slots)
    functions[:] = [ctypes.cast(function, c_void_p).value for function in (_fill, _release)]


_install(FakeBuffer)

__all__ = [
    "IS_COPIED",
    "READ_ONLY",
    "Deleter",
    "Exchanging",
    "FakeBuffer",
    "FakeTensor",
    "PyBuffer",
    "Unversioned",
    "Versioned",
    "byref",
    "capsule_name",
    "capsule_pointer",
    "exchange_type",
    "get_buffer",
    "new_capsule",
    "read_capsule",
    "release_buffer",
    "rename_capsule",
]
