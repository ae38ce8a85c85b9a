"""`collate`, for torch's DataLoader. torch is imported when it is called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


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
    from .refusals import require_shared_memory

    require_shared_memory()
    from . import batches

    return batches.collate(samples)
