"""Making blocks. The rest of what they need is imported when the first one is made."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from math import prod
from typing import Any

from numpy_bridge import _core
from numpy_bridge.pointer import from_pointer

from .refusals import require_shared_memory


def shared_empty(
    shape: int | Sequence[int], dtype: Any, align: int = 64, *, sole_writer: bool = False
) -> _core.SharedBlock:
    """Make zeroed memory that other processes can attach.

    The block pickles to a handle of less than 200 bytes, whatever its size. Unpickled in another process of
    the same user and machine, it is a `SharedBlock` of the same memory. All of the memory is there when the
    call returns, so that writing to it cannot fail later.

    The memory has no name in the file system. It lives until the last process lets go of the last array,
    tensor or View over it, and is freed by the kernel if processes are killed.

    Parameters
    ----------
    shape : int or sequence of int
        The extent of each axis. The elements are in C order.
    dtype : str or dtype
        A name ("float32", "bfloat16"), a typestr (">f4"), or a dtype of NumPy, ml_dtypes or torch.
    align : int, default 64
        The address is a multiple of it in every process: a power of two, up to the size of a page.
    sole_writer : bool, default False
        Whether only this process and those forked from it may write. The kernel then refuses writable
        mappings to all others, which get read-only blocks.

    Returns
    -------
    SharedBlock
        A `View`: `to_numpy`, `to_torch`, numpy.asarray and all else that takes a View work on it.

    Raises
    ------
    SharingError
        If there is not enough memory, or too many files are open. Attaching raises it if the handle is
        stale or damaged, if the sender has ended, or if it belongs to another user or machine.

    See Also
    --------
    numpy_bridge.processes.collate : assembles the batches of a torch DataLoader in such blocks.

    Examples
    --------
    >>> import pickle
    >>> block = bridge.shared_empty((2, 3), "float32")
    >>> array = bridge.to_numpy(block)
    >>> array[0] = 7
    >>> same = pickle.loads(pickle.dumps(block))  # in this process or another one
    >>> bridge.shares_memory(same, array), len(pickle.dumps(block)) < 200
    (True, True)
    """
    require_shared_memory()
    from . import handle, in_flight, segment

    extents = tuple(operator.index(n) for n in (shape if isinstance(shape, Iterable) else (shape,)))
    none = from_pointer(0, (0, *(min(n, 0) for n in extents)), dtype)  # refuses what cannot be described
    handle.register()
    in_flight.release()
    memory = segment.create(prod(extents) * none.itemsize, align, sole_writer=sole_writer)
    return memory.block(extents, none.dtype)


def frozen(x: Any) -> _core.SharedBlock:
    """Return a block with the values of `x` that is read-only in all processes, and in this one too."""
    require_shared_memory()
    from . import handle, in_flight, segment
    from .layout import bytes_of, c_strides

    view = _core.view(x)
    if view.device == "cpu" and view.strides == c_strides(view.shape, view.itemsize):
        handle.register()
        in_flight.release()
        memory = segment.create(view.nbytes, 64, sole_writer=True, data=bytes_of(view))
    else:
        block = shared_empty(view.shape, view.dtype, sole_writer=True)
        _core.copy_(block, view)
        memory = block.owner
    memory.writable = False
    return memory.block(view.shape, view.dtype)


def deep_copy(block: _core.SharedBlock) -> _core.SharedBlock:
    """A new block with the same values: `copy.deepcopy`."""
    new = shared_empty(block.shape, block.dtype)
    _core.copy_(new, block)
    return new
