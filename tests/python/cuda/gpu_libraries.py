"""Array libraries on the device and on the host, behind one interface: blocks go in, blocks come out."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

Block = Any
"""A one-dimensional, contiguous array of a library's own."""


@dataclass(frozen=True)
class Library:
    """A library, and how a block of memory gets into it and out of it.

    `put` makes a block with the elements of an ndarray, and `get` an ndarray of what a block holds; both wait
    until that is done. `lacks` names the dtypes and layouts that it does not have.
    """

    name: str
    module: str
    put: Callable[[np.ndarray], Block]
    get: Callable[[Block], np.ndarray]
    host: bool = False
    writable: bool = True
    lacks: frozenset[str] = frozenset()

    def require(self) -> None:
        """Skip the test unless the library can be used."""
        pytest.importorskip(self.module, reason=f"{self.module} is not installed")

    def has(self, *features: str) -> bool:
        """Whether it has all of these dtypes and layouts."""
        return self.lacks.isdisjoint(features)


def bytes_of(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def tensor_of(array: np.ndarray, device: str) -> Any:
    import torch

    tensor = torch.empty(len(array), dtype=getattr(torch, array.dtype.name), device=device)
    tensor.view(torch.uint8)[:] = torch.from_numpy(bytes_of(array).copy()).to(device)
    return tensor


def array_of(tensor: Any) -> np.ndarray:
    """Its elements, for dtypes that NumPy lacks too."""
    import torch

    name = str(tensor.dtype).removeprefix("torch.")
    dtype = getattr(importlib.import_module("ml_dtypes"), name) if name == "bfloat16" else name
    return np.asarray(tensor.cpu().view(torch.uint8).numpy()).view(dtype)


def _cupy_put(array: np.ndarray) -> Block:
    import cupy

    block = cupy.asarray(array)
    cupy.cuda.get_current_stream().synchronize()
    return block


def _cupy_get(block: Block) -> np.ndarray:
    import cupy

    return np.asarray(cupy.asnumpy(block))


def _numba_put(array: np.ndarray) -> Block:
    from numba import cuda

    return cuda.to_device(array)


def _jax_put(array: np.ndarray) -> Block:
    import jax

    with jax.enable_x64(True):
        return jax.device_put(array, jax.devices("gpu")[0]).block_until_ready()


LIBRARIES = (
    Library(
        "numpy",
        "numpy",
        put=np.array,
        get=np.array,
        host=True,
    ),
    Library(
        "torch-cpu",
        "torch",
        put=lambda array: tensor_of(array, "cpu"),
        get=array_of,
        host=True,
        lacks=frozenset({"reversed"}),
    ),
    Library(
        "torch",
        "torch",
        put=lambda array: tensor_of(array, "cuda"),
        get=array_of,
        lacks=frozenset({"reversed"}),
    ),
    Library(
        "cupy",
        "cupy",
        put=_cupy_put,
        get=_cupy_get,
        lacks=frozenset({"bfloat16"}),
    ),
    Library(
        "numba",
        "numba.cuda",
        put=_numba_put,
        get=lambda block: np.asarray(block.copy_to_host()),
        lacks=frozenset({"bfloat16", "0-d", "empty", "transposed", "reversed"}),  # its T is a copy
    ),
    Library(
        "jax",
        "jax",
        put=_jax_put,
        get=np.array,
        writable=False,
        lacks=frozenset({"offset", "transposed", "every-second", "block", "reversed"}),  # it copies those
    ),
)
