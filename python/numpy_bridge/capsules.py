"""What PyCapsules hold, read through CPython's own C functions."""

from __future__ import annotations

import ctypes


def name_of(capsule: object) -> bytes | None:
    """Return the name of a PyCapsule."""
    function = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)
    name: bytes | None = function(("PyCapsule_GetName", ctypes.pythonapi))(capsule)
    return name


def pointer_in(capsule: object) -> int:
    """Return the address that a PyCapsule holds, whatever its name."""
    function = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
    return function(("PyCapsule_GetPointer", ctypes.pythonapi))(capsule, name_of(capsule)) or 0
