"""Memory in numbers, as `_core` describes it: blocks, their overlaps, and pictures of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

from numpy_bridge import _core

from .runs import Runs, bytes_of, starts_of


@dataclass(frozen=True)
class Memory:
    """A description of memory. Keeps no reference to it.

    Attributes
    ----------
    ptr : int
        Address of the first element.
    dtype : str
        Name of the element type; for foreign byte order the typestr.
    itemsize : int
        Bytes of one element.
    shape, strides : tuple of int
        Extents, and bytes between neighbours along each axis.
    device : str
        "cpu", "cuda:0", ...
    on_host : bool
        True if the host can read the address.
    readonly : bool
        True if the memory must not be written.
    low, high : int
        All elements lie in the addresses [low, high).
    c_contiguous, f_contiguous : bool
        True if elements follow each other without gaps, last or first axis fastest.
    """

    ptr: int
    dtype: str
    itemsize: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    device: str
    on_host: bool
    readonly: bool
    low: int
    high: int
    c_contiguous: bool
    f_contiguous: bool

    @classmethod
    def of(cls, x: Any) -> Memory:
        """Describe the memory behind `x`, which is neither pinned nor held.

        Raises
        ------
        SharingError, TypeError
            As `numpy_bridge.shares_memory`.
        """
        return cls(**_core.describe(x))

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Elements times itemsize."""
        return self.size * self.itemsize

    @property
    def alignment(self) -> int:
        """The largest power of two that divides the address of the first element, in bytes."""
        return self.ptr & -self.ptr

    @cached_property
    def bytes_touched(self) -> Runs:
        """The bytes of all elements; for memory that is not empty."""
        return bytes_of(self.ptr, self.itemsize, self.shape, self.strides)

    @cached_property
    def element_starts(self) -> Runs:
        """The first bytes of all elements; for memory that is not empty."""
        return starts_of(self.ptr, self.shape, self.strides)
