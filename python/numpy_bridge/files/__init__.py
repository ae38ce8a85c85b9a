"""Arrays in files as memory: nothing is read until an element is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from numpy_bridge import _core

if TYPE_CHECKING:
    from .mapped import Arrays
    from .zarr import Chunks

    Mode = Literal["r", "c", "r+"]
    AnyPath = str | bytes | os.PathLike[str] | os.PathLike[bytes]


def open_safetensors(path: AnyPath, mode: Mode = "r", *, verify: bool = False) -> Arrays:
    """Open the tensors of a safetensors file, or of all files of an index, without reading them.

    All of the header is checked when the file is opened. Then a View is made of each tensor that is asked
    for. The file stays mapped until the last View, array or tensor over it has gone.

    Parameters
    ----------
    path : path
        A file, or an index such as ``model.safetensors.index.json``, whose files lie beside it.
    mode : {"r", "c", "r+"}, default "r"
        "r": read-only; the kernel refuses writes. "c": copy on write; a write copies the page, and stays in
        this process. "r+": writes reach the file.
    verify : bool, default False
        Whether each View that is made first checks, by the path, that the file has not been replaced, resized
        or written. Otherwise call ``verify()`` of the result when it matters.

    Returns
    -------
    Arrays
        A read-only mapping of names to Views, with the ``metadata`` of the file.

    Raises
    ------
    SharingError
        If the file breaks a rule of the format, or an index names files or tensors that are not there. A
        tensor of a dtype that no library has, such as F6_E2M3, is refused when it is asked for.
    OSError
        If the file cannot be opened.

    Notes
    -----
    As the format's own documentation has it: https://huggingface.co/docs/safetensors. Duplicate names,
    overlaps, holes and bytes after the last tensor are refused.

    Examples
    --------
    >>> weights = bridge.open_safetensors("model.safetensors", "c")
    >>> weights["bias"].dtype, weights["bias"].shape, weights.metadata["format"]
    ('bfloat16', (3,), 'pt')
    >>> bridge.to_torch(weights["bias"]).add_(1).tolist()  # the file stays as it is
    [1.0, 1.0, 1.0]
    """
    from . import safetensors, sharded

    if os.fsdecode(path).endswith(".json"):
        return sharded.read(path, mode, verify)
    return safetensors.read(path, mode, verify)


def open_npy(path: AnyPath, mode: Mode = "r") -> _core.View:
    """Open the array of a ``.npy`` file without reading it.

    Parameters
    ----------
    path : path
        A file of `numpy.save`, in C or Fortran order.
    mode : {"r", "c", "r+"}, default "r"
        Read-only, copy on write, or shared with the file; see `open_safetensors`.

    Returns
    -------
    View
        Its ``owner.verify()`` refuses a file that has changed since.

    Raises
    ------
    SharingError
        If NumPy cannot read the header, the file is too short, or a View cannot have the dtype.
    OSError
        If the file cannot be opened.

    See Also
    --------
    numpy.load : ``mmap_mode`` gives an array; "r+" there extends a file that is too short.

    Examples
    --------
    >>> np.save("points.npy", np.zeros((2, 3), order="F"))
    >>> points = bridge.open_npy("points.npy", "r+")
    >>> points.shape, points.strides
    ((2, 3), (8, 16))
    >>> bridge.to_torch(points)[0, 0] = 7
    >>> float(np.load("points.npy")[0, 0])
    7.0
    """
    from . import npy

    return npy.read(path, mode)


def open_arrow(path: AnyPath, mode: Mode = "r", *, batch: int | None = None, verify: bool = False) -> Arrays:
    """Open the columns of an Arrow IPC file, or the tensors of one, without reading them. Needs pyarrow.

    Parameters
    ----------
    path : path
        A file of ``pyarrow.ipc.new_file``, or of ``pyarrow.ipc.write_tensor``. Compressed columns are
        refused, so Feather files need ``compression="uncompressed"``.
    mode : {"r", "c", "r+"}, default "r"
        Read-only, copy on write, or shared with the file; see `open_safetensors`.
    batch : int, optional
        Which record batch. Without it the file must have just one. Files of tensors have none.
    verify : bool, default False
        As in `open_safetensors`.

    Returns
    -------
    Arrays
        A mapping of columns to Views, with the metadata of the schema. Lists of one length and tensors have
        their axes. Tensors have the names "0", "1" and so on.

    Raises
    ------
    SharingError
        If pyarrow cannot read the file, or it has no such batch, or several. When they are asked for: columns
        that are compressed, have nulls, or are no numbers of whole bytes.
    OSError
        If the file cannot be opened.
    ImportError
        If pyarrow is not installed.

    Examples
    --------
    >>> table = pa.table({"x": [1.0, 2.0], "name": ["a", "b"]})
    >>> with pa.ipc.new_file("table.arrow", table.schema) as file:
    ...     file.write(table)
    >>> columns = bridge.open_arrow("table.arrow")
    >>> bridge.to_numpy(columns["x"])
    array([1., 2.])
    """
    from . import arrow

    return arrow.read(path, mode, batch, verify)


def open_hdf5(path: AnyPath, mode: Mode = "r", *, verify: bool = False) -> Arrays:
    """Open the contiguous datasets of an HDF5 file without reading them. Needs h5py.

    Parameters
    ----------
    path : path
        An HDF5 file that nobody writes with HDF5 meanwhile.
    mode : {"r", "c", "r+"}, default "r"
        Read-only, copy on write, or shared with the file; see `open_safetensors`.
    verify : bool, default False
        As in `open_safetensors`.

    Returns
    -------
    Arrays
        A mapping of names, such as "group/dataset", to Views. All hard links are names, and no other links.

    Raises
    ------
    SharingError
        If h5py cannot open the file, or a group has more than 100 names. When they are asked for: datasets
        that are chunked, compressed, compact, virtual, external or not written, and dtypes that a View cannot
        have.
    OSError
        If the file cannot be opened.
    ImportError
        If h5py is not installed.

    Examples
    --------
    >>> with h5py.File("run.h5", "w") as file:
    ...     _ = file.create_dataset("run/x", data=[1.0, 2.0])
    >>> bridge.to_numpy(bridge.open_hdf5("run.h5")["run/x"])
    array([1., 2.])
    """
    from . import hdf5

    return hdf5.read(path, mode, verify)


def open_zarr(path: AnyPath, mode: Mode = "r") -> Chunks:
    """Open the uncompressed chunks of a zarr array without reading them. Needs zarr, version 3 or later.

    Parameters
    ----------
    path : path
        The folder of an array of zarr's format 2 or 3.
    mode : {"r", "c", "r+"}, default "r"
        Read-only, copy on write, or shared with the file; see `open_safetensors`.

    Returns
    -------
    Chunks
        A mapping of chunk indices to Views, with ``shape``, ``chunks`` and ``dtype`` of the array. Each View
        maps its file anew; its ``owner.verify()`` refuses one that has changed since.

    Raises
    ------
    SharingError
        If zarr cannot open the array, its chunks are compressed, filtered or sharded, or a View cannot have
        the dtype. When it is asked for: a chunk that is not stored, or has another size.
    ImportError
        If zarr is not installed.

    Examples
    --------
    >>> array = zarr.create_array("a.zarr", shape=(4, 3), chunks=(2, 3), dtype="f4", compressors=None)
    >>> array[:] = 1
    >>> chunks = bridge.open_zarr("a.zarr")
    >>> list(chunks), float(bridge.to_numpy(chunks[1, 0]).sum())
    ([(0, 0), (1, 0)], 6.0)
    """
    from . import zarr

    return zarr.read(path, mode)
