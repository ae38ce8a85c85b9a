"""Every library a target: `to` shares memory with the library that `like` names.

`table` has the libraries. Each one's row is in a file of its own, which imports the library. It is imported
when the library is first named.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from numpy_bridge import _core

if TYPE_CHECKING:
    from .scipy import Scipy
    from .target import Conversion, Target

_by_name: dict[str, Target | Conversion | Scipy] = {}
_by_kind: WeakKeyDictionary[type | ModuleType, Target | Conversion | Scipy] = WeakKeyDictionary()
"""The rows that were asked for, by name, and by class or module. Classes are not kept alive."""


_OF_PARTS = ("scipy.", "awkward.", "pyarrow.", "polars.", "torch.nested.")
"""Modules with types that have several blocks of memory."""


def to(
    x: Any,
    like: Any,
    *,
    copy: bool | None = False,
    device: Any = None,
    dims: str | None = None,
    allow_mutable: bool = False,
    allow_readonly: bool = False,
    tree: bool | str = False,
) -> Any:
    """Share the memory behind `x` as an array of any library.

    The address of the result is compared with that of `x`, so that a library which copies is found out.

    Parameters
    ----------
    x : object
        Anything that `view` accepts. Also sparse matrices of SciPy and torch, and lists of different lengths:
        nested tensors, awkward arrays, lists of Arrow and polars. All their parts are shared with torch,
        SciPy, awkward or pyarrow. With ``copy=None`` also a variable of TensorFlow, whose present value is
        shared.
    like : array, module, class or str
        The library: one of its arrays, a namespace (``jax.numpy``, ``array_api_compat.torch``), or its name,
        which imports it: "numpy", "torch", "jax", "tensorflow", "cupy", "mlx", "pyarrow" (or "arrow"),
        "polars", "pandas", "scipy", "awkward". A class says which kind is made: ``pyarrow.Tensor``,
        ``pandas.DataFrame``, ``scipy.sparse.csr_matrix``.
    copy : bool or None, default False
        False: share or raise. None: share if possible, else copy once, into memory that the library can
        share. True: always copy; an object of the library itself with its names, labels and missing values.
    device : str or torch.device, optional
        Where the result must be: "cpu", "cuda", "cuda:0". Memory elsewhere is refused. If `copy` allows it,
        "cpu" makes a copy on the host, except for torch.
    dims : str, optional
        The order of the axes in `x` and in the result, a letter each: "HWC->CHW". Only the strides differ.
    allow_mutable : bool, default False
        Share writable memory with libraries whose arrays never change: jax, TensorFlow, polars, awkward and
        pyarrow.Array. Such libraries read when they like, so values that are written meanwhile arrive
        partly or late.
    allow_readonly : bool, default False
        Share read-only memory with torch, although every tensor can be written. As in `to_torch`.
    tree : bool or str, default False
        Convert every array in the nested containers `x`; see `numpy_bridge.trees`.

    Returns
    -------
    array
        Of the library. An array of that library is returned as it is.

    Raises
    ------
    SharingError
        With ``copy=False``, if the library cannot share the memory: because of its dtype, strides,
        alignment or device, or because it may be written. Also if the library copied silently. Whatever
        `copy` says: if numbers are missing that a copy of the values would lose, or while jax or TensorFlow
        traces.
    TypeError
        If `x` supports no protocol, or `like` names no library of the table.
    ImportError
        If the library is not installed.

    See Also
    --------
    empty : memory that every library can share.
    to_numpy, to_torch : what is called for these two.

    Examples
    --------
    >>> array = np.arange(3.0)
    >>> tensor = bridge.to(array, torch)
    >>> tensor[0] = 7
    >>> bridge.to(tensor, like=array)
    array([7., 1., 2.])
    >>> bridge.to({"points": [tensor], "step": 3}, "numpy", tree=True)
    {'points': [array([7., 1., 2.])], 'step': 3}
    """
    row = _row(like)
    where = device if device is None else str(device)
    if not tree:
        return _converted(x, row, copy, where, dims, allow_mutable, allow_readonly)
    from numpy_bridge import trees

    def convert(leaf: Any, copies: bool | None) -> Any:
        return _converted(leaf, row, copies, where, dims, allow_mutable, allow_readonly)

    return trees.to(x, convert, copy, tree, pins=row.name != "torch")


def _converted(
    x: Any,
    row: Target | Conversion | Scipy,
    copy: bool | None,
    device: str | None,
    dims: str | None,
    allow_mutable: bool,
    allow_readonly: bool,
) -> Any:
    module = str(getattr(type(x), "__module__", None))  # some types have none
    if dims is not None:
        from numpy_bridge.dims import shared_in_order

        x = shared_in_order(x, dims, copies=copy is not False)
    elif module.startswith("tensorflow."):
        from . import tensorflow

        x = tensorflow.readable(x, copies=copy is not False)
    elif row.compose and module.startswith(_OF_PARTS):
        from . import composite

        made = composite.convert(x, row, copy, device, allow_mutable, allow_readonly)
        if made is not None:
            return made
    return row.convert(x, copy, device, allow_mutable, allow_readonly)


def to_jax(
    x: Any,
    *,
    copy: bool | None = False,
    device: Any = None,
    allow_mutable: bool = False,
    tree: bool | str = False,
) -> Any:
    """Share the memory behind `x` as a jax array: `to` with ``like="jax"``.

    Examples
    --------
    `empty` makes memory at an address that jax accepts. NumPy's own is there by chance only.

    >>> block = bridge.empty(3, "float32")
    >>> bridge.to_numpy(block)[...] = 7
    >>> shared = bridge.to_jax(block, allow_mutable=True)
    >>> shared
    Array([7., 7., 7.], dtype=float32)
    >>> bridge.shares_memory(shared, block)
    True
    """
    return to(x, "jax", copy=copy, device=device, allow_mutable=allow_mutable, tree=tree)


def to_tensorflow(
    x: Any,
    *,
    copy: bool | None = False,
    device: Any = None,
    allow_mutable: bool = False,
    tree: bool | str = False,
) -> Any:
    """Share the memory behind `x` as a tensor of TensorFlow: `to` with ``like="tensorflow"``.

    Examples
    --------
    `empty` makes memory at an address that TensorFlow accepts. NumPy's own is there by chance only.

    >>> block = bridge.empty(3, "float32")
    >>> bridge.to_numpy(block)[...] = 7
    >>> shared = bridge.to_tensorflow(block, allow_mutable=True)
    >>> shared.numpy()
    array([7., 7., 7.], dtype=float32)
    >>> bridge.shares_memory(shared, block)
    True
    """
    return to(x, "tensorflow", copy=copy, device=device, allow_mutable=allow_mutable, tree=tree)


def to_cupy(x: Any, *, copy: bool | None = False, device: Any = None, tree: bool | str = False) -> Any:
    """Share the memory behind `x` as a CuPy array: `to` with ``like="cupy"``.

    Examples
    --------
    The memory must be on a CUDA device already.

    >>> tensor = torch.ones(3, device="cuda")
    >>> shared = bridge.to_cupy(tensor)
    >>> shared += 1
    >>> tensor.tolist()
    [2.0, 2.0, 2.0]
    """
    return to(x, "cupy", copy=copy, device=device, tree=tree)


def to_arrow(
    x: Any,
    *,
    copy: bool | None = False,
    device: Any = None,
    allow_mutable: bool = False,
    tree: bool | str = False,
) -> Any:
    """Share the memory behind `x` as a pyarrow.Array: `to` with ``like="pyarrow"``.

    Memory of several axes becomes a FixedShapeTensorArray, one element for each index of the first axis.

    Examples
    --------
    >>> array = np.arange(3.0)
    >>> shared = bridge.to_arrow(array, allow_mutable=True)
    >>> shared.to_pylist()
    [0.0, 1.0, 2.0]
    >>> bridge.shares_memory(shared, array)
    True
    """
    return to(x, "pyarrow", copy=copy, device=device, allow_mutable=allow_mutable, tree=tree)


def empty(shape: int | Sequence[int], dtype: Any, align: int = 64, *, like: Any = None) -> _core.View:
    """Make memory, with any values, that every library can share.

    Parameters
    ----------
    shape : int or sequence of int
        The extent of each axis. The elements are in C order.
    dtype : str or dtype
        A name ("float32", "bfloat16"), a typestr (">f4"), or a dtype of NumPy, ml_dtypes or torch.
    align : int, default 64
        The address is a multiple of it: a power of two. 64 bytes are enough for every library.
    like : array, module, class or str, optional
        The library that must be able to share it, as in `to`. This is tried, so that what it lacks is
        refused now rather than later. For CuPy the memory is on the current device.

    Returns
    -------
    View

    Raises
    ------
    SharingError
        If the library of `like` cannot share such memory, or if `align` is no power of two.

    See Also
    --------
    shared_empty : the same for several processes.

    Examples
    --------
    >>> block = bridge.empty((2, 3), "float32")
    >>> bridge.to_numpy(block)[...] = 7
    >>> bridge.to(block, "torch")
    tensor([[7., 7., 7.],
            [7., 7., 7.]])
    >>> block.ptr % 64
    0
    """
    from . import memory

    if like is None:
        return memory.aligned(shape, dtype, align)
    row = _row(like)
    made = memory.aligned(shape, dtype, max(align, row.alignment))
    if row.empty is not None:
        made = row.new(made, align)
    row.convert(made, False, None, True, False)  # refuses what cannot be shared
    return made


def _row(like: Any) -> Target | Conversion | Scipy:
    if isinstance(like, str):
        return _by_name.get(like) or _by_name.setdefault(like, _found(like))
    key = like if isinstance(like, type | ModuleType) else type(like)
    return _by_kind.get(key) or _by_kind.setdefault(key, _found(key))


def _found(key: Any) -> Target | Conversion | Scipy:
    from . import table

    return table.find(key)
