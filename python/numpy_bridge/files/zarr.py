"""zarr: arrays whose chunks are files of plain elements. The zarr package reads the description."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from numpy_bridge import _core
from numpy_bridge.processes.layout import c_strides

from .mapped import dtype_of, opened, refusal, require_mode

if TYPE_CHECKING:
    from . import AnyPath, Mode

_PROTOCOL: Final = "zarr"
_PLAIN: Final = "write it with compressors=None, filters=None and no shards"


class Chunks(Mapping[tuple[int, ...], _core.View]):
    """The chunks of an array by their indices, each mapped when it is asked for.

    A chunk at the edge of the array is the part of it that is within the array.

    Attributes
    ----------
    shape, chunks : tuple of int
        The extents of the array, and of a chunk.
    dtype : str
        The dtype of the elements.
    """

    __slots__ = ("_folder", "_fortran", "_grid", "_mode", "_name_of", "chunks", "dtype", "shape")

    def __init__(self, folder: Path, array: Any, mode: Mode) -> None:
        self.shape: tuple[int, ...] = array.shape
        self.chunks: tuple[int, ...] = array.chunks
        self.dtype, self._fortran = _elements(array, folder)
        self._grid = _grid(self.shape, self.chunks, folder)
        self._folder = folder
        self._name_of = array.metadata.encode_chunk_key
        self._mode = mode

    def __getitem__(self, index: tuple[int, ...]) -> _core.View:
        if index not in self:
            raise KeyError(index)
        return self._view(self._folder / self._name_of(index), index)

    def _view(self, path: Path, index: tuple[int, ...]) -> _core.View:
        whole = self.chunks
        shape = [
            min(chunk, extent - i * chunk) for chunk, extent, i in zip(whole, self.shape, index, strict=True)
        ]
        try:
            with opened(path, self._mode, False, _PROTOCOL) as (_, mapped):
                itemsize = _core.from_pointer(0, (0,), self.dtype, None, "cpu", None, True).itemsize
                if mapped.size != prod(whole) * itemsize:
                    raise mapped.refusal("size", f"{prod(whole) * itemsize:,} bytes", f"{mapped.size:,}")
                strides = c_strides(whole, itemsize)
                if self._fortran:
                    strides = c_strides(whole[::-1], itemsize)[::-1]
                return mapped.view(0, shape, self.dtype, strides)
        except FileNotFoundError:
            got = f"no file for {index}, whose elements are all fill_value,"
            hint = "write the chunk, or leave it out"
            raise refusal(_PROTOCOL, self._folder, "chunk", "a chunk that is stored", got, hint) from None

    def __contains__(self, index: object) -> bool:
        return (
            isinstance(index, tuple)
            and len(index) == len(self._grid)
            and all(type(i) is int and 0 <= i < count for i, count in zip(index, self._grid, strict=True))
        )

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        for number in range(len(self)):  # itertools.product would keep all numbers of an axis
            yield tuple(map(int, np.unravel_index(number, self._grid)))

    def __len__(self) -> int:
        return prod(self._grid)

    def __repr__(self) -> str:
        return f"<numpy_bridge chunks: {len(self)} of {self.chunks} in {self._folder.name}, {self.dtype}>"


def read(path: AnyPath, mode: Mode) -> Chunks:
    """Open an array in a local folder."""
    require_mode(mode)
    zarr = importlib.import_module("zarr")
    folder = Path(os.fsdecode(path)).absolute()
    if not folder.is_dir():
        raise refusal(_PROTOCOL, folder, "store", "a folder with an array", "none", "unpack an archive first")
    try:
        store = zarr.storage.LocalStore(folder, read_only=True)  # text with :: would be a URL
        array = zarr.open_array(store, mode="r")
    except (ValueError, TypeError, KeyError, AttributeError, FileNotFoundError) as error:
        got = str(error).replace("\n", " ")
        hint = "open one array of a group by its own folder"
        raise refusal(
            _PROTOCOL, folder, "metadata", "an array that zarr can open", f"{got:.200}", hint
        ) from None
    return Chunks(folder, array, mode)


def _grid(shape: tuple[int, ...], chunks: tuple[int, ...], folder: Path) -> tuple[int, ...]:
    """Return how many chunks there are along each axis."""
    if any(extent and not chunk for extent, chunk in zip(shape, chunks, strict=True)):
        raise refusal(_PROTOCOL, folder, "chunks", "chunks with elements", f"the shape {chunks} of chunks")
    grid = tuple(-(-extent // max(chunk, 1)) for extent, chunk in zip(shape, chunks, strict=True))
    if prod(count or 1 for count in grid) > sys.maxsize:
        got = f"the shape {shape!r:.80} in chunks of {chunks!r:.80}"
        raise refusal(_PROTOCOL, folder, "shape", f"at most {sys.maxsize:,} chunks", got)
    return grid


def _elements(array: Any, folder: Path) -> tuple[str, bool]:
    """Return the dtype of plain elements, and whether their order is Fortran's; or refuse encoded ones."""
    metadata, dtype, fortran = array.metadata, np.dtype(array.dtype), False
    if metadata.zarr_format == 2:
        encoders = [metadata.compressor, *(metadata.filters or ())]
        fortran = metadata.order == "F"
    else:
        plain, *encoders = metadata.codecs
        if type(plain).__name__ != "BytesCodec":
            encoders.insert(0, plain)
        elif plain.endian is not None:
            dtype = dtype.newbyteorder(">" if plain.endian.value == "big" else "<")
    names = [type(encoder).__name__ for encoder in encoders if encoder is not None]
    if names:
        raise refusal(_PROTOCOL, folder, "codecs", "elements as they are in memory", ", ".join(names), _PLAIN)
    return dtype_of(dtype, _PROTOCOL, folder), fortran
