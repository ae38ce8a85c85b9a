"""The C exchange API of a View, called through ctypes as another library calls it."""

from __future__ import annotations

import ctypes
from ctypes import CFUNCTYPE, POINTER, PYFUNCTYPE, byref, c_char_p, c_int, c_int32, c_void_p, py_object
from typing import Any

import numpy_bridge as bridge
from fakes import Borrow, DLTensor, ExchangeTable, FromObject, Versioned, capsule_pointer

SetError = CFUNCTYPE(None, c_void_p, c_char_p, c_char_p)
Allocate = CFUNCTYPE(c_int, POINTER(DLTensor), POINTER(c_void_p), c_void_p, SetError)
ToObject = PYFUNCTYPE(c_int, c_void_p, POINTER(c_void_p))
CurrentWorkStream = PYFUNCTYPE(c_int, c_int32, c_int32, POINTER(c_void_p))
Deleter = CFUNCTYPE(None, c_void_p)


def table() -> Any:
    address = capsule_pointer(bridge.View.__dlpack_c_exchange_api__, b"dlpack_exchange_api")
    return ExchangeTable.from_address(address)


def managed_tensor_from_object(x: object) -> Any:
    """A Versioned structure that the caller must give to `delete`."""
    out = c_void_p()
    assert FromObject(table().managed_tensor_from_object)(x, byref(out)) == 0
    return Versioned.from_address(out.value)


def managed_tensor_to_object(managed: Any) -> Any:
    out = c_void_p()
    address = None if managed is None else ctypes.addressof(managed)
    assert ToObject(table().managed_tensor_to_object)(address, byref(out)) == 0
    result = ctypes.cast(out, py_object).value
    ctypes.pythonapi.Py_DecRef(py_object(result))  # the reference that the function gave
    return result


def tensor_from_object(x: object) -> Any:
    out = DLTensor()
    assert Borrow(table().tensor_from_object)(x, byref(out)) == 0
    return out


def allocate(prototype: Any) -> tuple[Any, list[tuple[str, str]]]:
    """The tensor or None, and the errors that were told."""
    errors: list[tuple[str, str]] = []
    tell = SetError(lambda _, kind, message: errors.append((kind.decode(), message.decode())))
    out = c_void_p()
    status = Allocate(table().allocate)(byref(prototype), byref(out), None, tell)
    return (Versioned.from_address(out.value) if status == 0 else None), errors


def current_work_stream(device_type: int) -> int | None:
    out = c_void_p(1)
    assert CurrentWorkStream(table().current_work_stream)(device_type, 0, byref(out)) == 0
    return out.value


def delete(managed: Any) -> None:
    Deleter(managed.deleter)(ctypes.addressof(managed))
