"""Objects to explain: of every kind, shareable and not. Each call makes a new one."""

from __future__ import annotations

import array
import ctypes
import mmap
import multiprocessing
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import numpy_bridge as bridge
from producers import Legacy, Versioned
from support import LAYOUTS, TENSOR_LAYOUTS, base_array, base_tensor, readonly, torch

Maker = Callable[[], Any]


def _mapped() -> mmap.mmap:
    block = mmap.mmap(-1, 24)
    block[:] = bytes(range(24))
    return block


class Interface:
    """Speaks nothing but `__array_interface__`."""

    def __init__(self) -> None:
        self.memory = base_array("float32")
        self.__array_interface__ = self.memory.__array_interface__

    def __getitem__(self, index: Any) -> Any:
        return self.memory[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        self.memory[index] = value


ARRAYS: dict[str, Maker] = {
    f"{dtype} {name}": lambda dtype=dtype, layout=layout: layout(base_array(dtype))
    for dtype in ("float32", "float64", "int16", "bool", "complex64")
    for name, layout in LAYOUTS.items()
    if not (dtype == "bool" and name in ("odd-strides", "byte-swapped"))
}
ARRAYS |= {
    "large": lambda: np.arange(6000.0),
    "large reversed": lambda: np.arange(6000.0)[::-1],
    "large in 3-d": lambda: np.arange(6000, dtype="f4").reshape(10, 20, 30)[:, ::-1],
    "large float32": lambda: np.arange(6000, dtype="f4"),
    "readonly": lambda: readonly(np.arange(24.0)),
    "readonly large": lambda: readonly(np.arange(6000, dtype="f4")),
    "readonly reversed": lambda: readonly(np.arange(24.0))[::-1],
    "recarray": lambda: np.arange(24.0).view(np.recarray),
    "uint8": lambda: np.arange(24, dtype="u1"),
    "misaligned": lambda: np.zeros(200, "u1")[1:193].view("c16"),
}

BUFFERS: dict[str, Maker] = {
    "bytearray": lambda: bytearray(range(24)),
    "bytearray large": lambda: bytearray(10_000),
    "bytes": lambda: bytes(range(24)),
    "array": lambda: array.array("d", range(24)),
    "array large": lambda: array.array("f", range(6000)),
    "memoryview": lambda: memoryview(array.array("d", range(24))),
    "memoryview readonly": lambda: memoryview(bytes(range(24))),
    "memoryview large": lambda: memoryview(bytearray(10_000)),
    "ctypes": lambda: (ctypes.c_int32 * 24)(*range(24)),
    "ctypes large": lambda: (ctypes.c_int32 * 6000)(*range(6000)),
    "mmap": _mapped,
    "multiprocessing": lambda: multiprocessing.Array("d", range(24)),
    "view": lambda: bridge.view(np.arange(24.0)),
    "view readonly": lambda: bridge.view(np.arange(24.0), readonly=True),
    "view of odd order": lambda: bridge.view(np.arange(24.0)[::-1]),
    "legacy DLPack": lambda: Legacy(np.arange(24.0)),
    "versioned DLPack": lambda: Versioned(np.arange(24.0)),
    "array interface": Interface,
}

NOTHING: dict[str, Maker] = {
    "integer": lambda: 5,
    "list": lambda: [1.0, 2.0],
    "None": lambda: None,
    "text": lambda: "text",
    "class": lambda: np.ndarray,
    "objects": lambda: np.array([None, 1]),
    "structured": lambda: np.zeros(3, "i4,O"),
    "masked": lambda: np.ma.masked_array(np.arange(4.0), [0, 1, 0, 1]),
}


def _sparse_rows() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.eye(3).to_sparse_csr()


def _emptied(tensor: Any) -> Any:
    tensor.untyped_storage().resize_(0)
    return tensor


TENSORS: dict[str, Maker] = {}
VALUELESS: dict[str, Maker] = {}
if torch is not None:
    TENSORS = {
        f"tensor {dtype} {name}": lambda dtype=dtype, layout=layout: layout(base_tensor(dtype))
        for dtype in ("float32", "int64", "bool")
        for name, layout in TENSOR_LAYOUTS.items()
    }
    TENSORS |= {
        "tensor large": lambda: torch.arange(6000.0),
        "tensor with offset": lambda: torch.arange(24.0)[1:],
        "parameter": lambda: torch.nn.Parameter(torch.arange(24.0)),
        "requires grad": lambda: torch.arange(24.0, requires_grad=True),
        "in a graph": lambda: torch.arange(24.0, requires_grad=True) * 2,
        "negative": lambda: torch.arange(24.0)._neg_view(),
        "conjugate": lambda: (torch.arange(24.0) + 1j).conj(),
        "imaginary part of a conjugate": lambda: (torch.arange(24.0) + 1j).conj().imag,
        "from numpy": lambda: torch.from_numpy(np.arange(24.0)),
        "bfloat16": lambda: torch.arange(24, dtype=torch.bfloat16),
        "float8": lambda: torch.arange(24).to(torch.float8_e4m3fn),
        "complex32": lambda: torch.zeros(4, dtype=torch.complex32),
    }
    VALUELESS = {
        "meta": lambda: torch.empty(3, device="meta"),
        "sparse": lambda: torch.eye(3).to_sparse(),
        "sparse rows": _sparse_rows,
        "emptied": lambda: _emptied(torch.ones(3)),
    }

WITH_MEMORY = {**ARRAYS, **BUFFERS, **TENSORS}
WITHOUT_MEMORY = {**NOTHING, **VALUELESS}
EVERYTHING = {**WITH_MEMORY, **WITHOUT_MEMORY}
