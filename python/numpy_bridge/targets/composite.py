"""What has several blocks of memory: sparse matrices, and lists of different lengths.

A library's file reads the parts of its own objects, and composes objects of parts.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from numpy_bridge import _core
from numpy_bridge.errors import SharingError
from numpy_bridge.libraries import library_of

if TYPE_CHECKING:
    from .scipy import Scipy
    from .target import Conversion, Target

COPY = "pass copy=None to copy what cannot be shared"


@dataclass(frozen=True)
class Sparse:
    """A sparse matrix.

    Parameters
    ----------
    format : {"csr", "csc", "bsr", "coo"}
        How its elements are found.
    shape : tuple of int
        All of it.
    values : array
        The elements, or the blocks of "bsr".
    indices : tuple of arrays
        Where each row (or column) begins, and the columns (or rows). For "coo" an array for each axis, or
        one for all.
    """

    format: str
    shape: tuple[int, ...]
    values: Any
    indices: tuple[Any, ...]


@dataclass(frozen=True)
class Ragged:
    """Lists of different lengths: list `i` is ``values[offsets[i]:offsets[i + 1]]``."""

    values: Any
    offsets: Any

    @classmethod
    def of(cls, name: str, values: Any, offsets: Any, copies: bool) -> Ragged:
        """Leave out values before the first list and after the last one, which a slice has."""
        positions = _core.to_numpy(offsets)
        first, last = (int(positions[0]), int(positions[-1])) if positions.size else (0, 0)
        if first and not copies:
            hint = "pass copy=None: the values are shared where that is possible, and the offsets computed"
            got = f"a slice whose offsets begin at {first}"
            raise SharingError(name, "offsets", "offsets that begin at 0", got, hint)
        if first:
            offsets = positions - positions[0]
        elif not positions.size:  # Arrow may leave out the only offset of no lists
            offsets = np.zeros(1, positions.dtype)
        return cls(values[first:last], offsets)


@dataclass(frozen=True)
class Taking:
    """How a library takes parts: by its row, with the options of `to`."""

    row: Target | Conversion | Scipy
    copy: bool | None
    options: tuple[Any, ...]

    def __call__(self, part: str, x: Any) -> Any:
        """Share or copy one part. A refusal names it."""
        try:
            return self.row.convert(x, self.copy, *self.options)
        except SharingError as error:
            got = f"{error.got}, in its {part}"
            hint = COPY if "copy=" in error.hint and "allow_" not in error.hint else error.hint
            raise SharingError(error.protocol, error.field, error.expected, got, hint) from error

    @property
    def copies(self) -> bool:
        """Whether parts that cannot be shared may be copied."""
        return self.copy is not False


Compose = Mapping[type, Callable[[Any, Taking], Any]]
"""For each kind of parts: a function that makes the library's object."""

_LIBRARIES = ("scipy", "awkward", "pyarrow", "polars", "torch")


def read(x: Any, copies: bool) -> Sparse | Ragged | None:
    """Return the parts of an object; None if it has one block of memory, or is not known."""
    library = library_of(x)
    if library not in _LIBRARIES:
        return None
    parts: Sparse | Ragged | None = importlib.import_module(f"{__package__}.{library}").parts(x, copies)
    return parts


def convert(x: Any, row: Target | Conversion | Scipy, copy: bool | None, *options: Any) -> Any:
    """Return an object of the row's library over the parts of `x`; None if either does not know the other."""
    if not row.compose or library_of(x) == row.name:
        return None
    parts = read(x, copy is not False)
    composes = row.compose.get(type(parts))
    return composes(parts, Taking(row, copy, options)) if composes else None
