"""Types for annotations: what `view`, `to_numpy` and `to_torch` accept, by protocol.

They are for type checkers. ``isinstance`` does not work with them: an object may have a protocol and still no
memory to share. Call `numpy_bridge.view`, or ask `numpy_bridge.explain`.

>>> from numpy_bridge.typing import Shareable
>>> def total(x: Shareable) -> float:
...     return float(bridge.to_numpy(x).sum())
>>> total(bytearray([1, 2]))
3.0
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, Union

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import SynchronizedBase

    from typing_extensions import Buffer as SupportsBuffer
elif sys.version_info >= (3, 12):
    from collections.abc import Buffer as SupportsBuffer
else:

    class SupportsBuffer(Protocol):
        """The buffer protocol (PEP 3118, PEP 688): bytes, memoryview, mmap, array.array, ctypes."""

        def __buffer__(self, flags: int, /) -> memoryview: ...


__all__ = [
    "CudaStream",
    "Shareable",
    "SupportsArray",
    "SupportsArrayInterface",
    "SupportsArrayStruct",
    "SupportsBuffer",
    "SupportsCudaArrayInterface",
    "SupportsCudaStream",
    "SupportsDLPack",
]


class SupportsDLPack(Protocol):
    """DLPack, as in the array API standard: torch, jax, CuPy, NumPy, MLX and many others."""

    def __dlpack__(self, *args: Any, **keywords: Any) -> Any: ...

    def __dlpack_device__(self) -> tuple[Any, int]: ...


class SupportsArrayInterface(Protocol):
    """NumPy's array interface, as a dict."""

    @property
    def __array_interface__(self) -> Any: ...


class SupportsArrayStruct(Protocol):
    """NumPy's array interface, as a capsule of a C structure."""

    @property
    def __array_struct__(self) -> Any: ...


class SupportsCudaArrayInterface(Protocol):
    """The CUDA array interface: CuPy, Numba, torch."""

    @property
    def __cuda_array_interface__(self) -> Any: ...


class SupportsArray(Protocol):
    """An object that makes an ndarray of itself: pandas, polars, xarray, awkward."""

    def __array__(self, *args: Any, **keywords: Any) -> Any: ...


Shareable: TypeAlias = Union[
    SupportsBuffer,
    SupportsDLPack,
    SupportsArrayInterface,
    SupportsArrayStruct,
    SupportsCudaArrayInterface,
    SupportsArray,
    "SynchronizedBase[Any]",
]
"""Anything with a protocol that describes memory. Whether this memory can be shared is known at run time."""


class SupportsCudaStream(Protocol):
    """A CUDA stream by the protocol of cuda.core: a pair of the version 0 and a handle."""

    def __cuda_stream__(self) -> tuple[int, int]: ...


class _TorchStream(Protocol):
    @property
    def cuda_stream(self) -> int: ...


class _CupyStream(Protocol):
    @property
    def ptr(self) -> int: ...


CudaStream: TypeAlias = int | SupportsCudaStream | _TorchStream | _CupyStream
"""A CUDA stream: 1 (the legacy default one), 2 (that of the thread), a handle, or a library's stream."""
