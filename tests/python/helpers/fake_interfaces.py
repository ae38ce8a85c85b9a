"""Producers of the array interfaces and of `__array__` that can be made to lie, entry by entry."""

from __future__ import annotations

import ctypes
from ctypes import CFUNCTYPE, POINTER, Structure, c_char, c_int, c_ssize_t, c_void_p
from typing import Any, ClassVar

import numpy as np

from fakes import integers, new_capsule

MISSING = object()  # leaves an entry out


class Values:
    """Six float32, 0 to 5."""

    def __init__(self) -> None:
        self.values = (ctypes.c_float * 6)(*range(6))

    @property
    def address(self) -> int:
        return ctypes.addressof(self.values)


class FakeInterface(Values):
    """Six float32 behind `__array_interface__`. Keywords replace entries of the dictionary."""

    def __init__(self, **lies: Any) -> None:
        super().__init__()
        fields = {"version": 3, "shape": (6,), "typestr": "<f4", "data": (self.address, False), **lies}
        self.fields: Any = {key: value for key, value in fields.items() if value is not MISSING}

    @property
    def __array_interface__(self) -> Any:
        return self.fields


class FakeCudaInterface(FakeInterface):
    """The same behind `__cuda_array_interface__`, as if its memory were on a GPU."""

    __array_interface__ = property()  # type: ignore[assignment]

    @property
    def __cuda_array_interface__(self) -> Any:
        return self.fields


class FreshBytes(Values):
    """Makes new bytes at every request, as Pillow does."""

    def __init__(self) -> None:
        super().__init__()
        self.requests = 0

    @property
    def __array_interface__(self) -> Any:
        self.requests += 1
        return {"version": 3, "shape": (6,), "typestr": "<f4", "data": bytes(self.values)}


class Wandering(Values):
    """Gives another address at every request."""

    @property
    def __array_interface__(self) -> Any:
        self.values, self.old = (ctypes.c_float * 6)(*range(6)), self.values
        return {"version": 3, "shape": (6,), "typestr": "<f4", "data": (self.address, False)}


class ArrayStruct(Structure):
    _fields_: ClassVar[Any] = [
        ("two", c_int),
        ("nd", c_int),
        ("kind", c_char),
        ("itemsize", c_int),
        ("flags", c_int),
        ("shape", POINTER(c_ssize_t)),
        ("strides", POINTER(c_ssize_t)),
        ("data", c_void_p),
        ("descr", ctypes.py_object),
    ]


NOT_SWAPPED, WRITEABLE, HAS_DESCR = 0x200, 0x400, 0x800
Destructor = CFUNCTYPE(None, c_void_p)


class FakeStruct(Values):
    """Six float32 behind `__array_struct__`. Keywords replace fields; `fresh=True` copies at each request."""

    def __init__(self, *, fresh: bool = False, **lies: Any) -> None:
        super().__init__()
        self.fresh, self.lies = fresh, lies
        self.released = 0
        self.kept: list[Any] = []
        self.destructor = ctypes.PYFUNCTYPE(None, c_void_p)(self.release)

    def release(self, _: int) -> None:
        self.released += 1

    @property
    def __array_struct__(self) -> object:
        if "answer" in self.lies:
            return self.lies["answer"]
        if self.fresh:
            self.values = (ctypes.c_float * 6)(*self.values)
        fields = {
            **{"two": 2, "nd": 1, "kind": b"f", "itemsize": 4, "flags": NOT_SWAPPED | WRITEABLE},
            **{"shape": (6,), "strides": (4,), "data": self.address, **self.lies},
        }
        struct = ArrayStruct()
        for name, value in fields.items():
            setattr(struct, name, integers(c_ssize_t, value) if name in ("shape", "strides") else value)
        self.kept.append((struct, self.values))
        destructor = ctypes.cast(self.destructor, c_void_p)
        return new_capsule(ctypes.addressof(struct), None, destructor)


class ArrayMethod:
    """Answers `__array__` with what `make` returns, and counts the calls."""

    def __init__(self, make: Any) -> None:
        self.make, self.calls = make, 0

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        self.calls += 1
        return self.make()


class OldArrayMethod(ArrayMethod):
    """Knows no keywords, as before NumPy 2."""

    def __array__(self) -> Any:  # type: ignore[override]
        return super().__array__()


def wrapper(array: np.ndarray) -> ArrayMethod:
    return ArrayMethod(lambda: array)
