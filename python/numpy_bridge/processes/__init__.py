"""Arrays in more than one process: shared blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy_bridge._core import SharedBlock as SharedBlock


def shared_empty(
    shape: int | Sequence[int], dtype: Any, align: int = 64, *, sole_writer: bool = False
) -> SharedBlock:
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
    from . import blocks

    return blocks.shared_empty(shape, dtype, align, sole_writer)


def collate(samples: Sequence[Any]) -> Any:
    """Assemble a batch for torch's DataLoader in shared memory: ``DataLoader(..., collate_fn=collate)``.

    Makes the same batches as `torch.utils.data.default_collate`. All tensors of a batch lie in one segment of
    shared memory, which is sent as one handle. A worker uses memory again when the batch that was in it is
    gone, so that the kernel need not zero new pages for each batch. Batches are writable, and may be kept:
    they outlive the worker.

    Parameters
    ----------
    samples : sequence
        The samples of one batch, as the dataset returns them: tensors, ndarrays, numbers and text, and
        mappings, tuples, named tuples and sequences of them.

    Returns
    -------
    object
        In a worker, what the DataLoader receives as tensors. In the process of the DataLoader, for
        ``num_workers=0``, what `default_collate` returns.

    Raises
    ------
    SharingError
        If there is not enough memory for the batch.
    TypeError, RuntimeError
        As `default_collate`.

    Examples
    --------
    >>> from torch.utils.data import DataLoader
    >>> from numpy_bridge.processes import collate
    >>> images = [(np.full((2, 2), i, np.uint8), i) for i in range(4)]
    >>> for image, label in DataLoader(images, batch_size=2, collate_fn=collate):
    ...     print(image.shape, label.tolist())
    torch.Size([2, 2, 2]) [0, 1]
    torch.Size([2, 2, 2]) [2, 3]
    """
    from . import batches

    return batches.collate(samples)
