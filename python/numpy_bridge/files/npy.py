"""NumPy's .npy files. NumPy reads the header."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np

from numpy_bridge import _core
from numpy_bridge.processes.layout import c_strides

from .mapped import MappedFile, dtype_of, opened

if TYPE_CHECKING:
    from . import AnyPath, Mode

_PROTOCOL: Final = "npy"
_ARCHIVE: Final = b"PK"  # how .npz files begin


def read(path: AnyPath, mode: Mode) -> _core.View:
    """Open the array of a file."""
    with opened(path, mode, False, _PROTOCOL) as (file, mapped):
        if file.read(2) == _ARCHIVE:
            hint = "save each array to a file of its own: np.save"
            raise mapped.refusal("format", "the array of a .npy file", "an archive, as of a .npz file", hint)
        file.seek(0)
        shape, fortran, described = _header(file, mapped)
        dtype = dtype_of(described, _PROTOCOL, path)
        strides = None
        if fortran:
            strides = c_strides(shape[::-1], described.itemsize)[::-1]
        return mapped.view(file.tell(), shape, dtype, strides)


def _header(file: BinaryIO, mapped: MappedFile) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, whether the order is Fortran's, and dtype."""
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    try:
        version = np.lib.format.read_magic(file)
        if version in readers:
            shape, fortran, dtype = readers[version](file)
            return shape, fortran, dtype
    except Exception as error:  # damaged text raises errors of many kinds in NumPy's parser
        raise mapped.refusal("header", "one that NumPy can read", str(error).replace("\n", " ")) from None
    hint = "NumPy writes others for names of fields beyond Latin-1: save one array for each field"
    raise mapped.refusal("version", "1.0 or 2.0", ".".join(map(str, version)), hint)
