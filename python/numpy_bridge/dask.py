"""Dask: Views and tensors of all dtypes between workers, and one copy for all workers of a machine.

>>> import numpy_bridge as bridge
>>> bridge.dask.register(client)
>>> weights = bridge.dask.scatter(client, tensor)
"""

from __future__ import annotations

from typing import Any

from numpy_bridge import _core


def register(client: Any = None) -> None:
    """Send Views, shared blocks and tensors through Dask as their bytes.

    All dtypes of the bridge are sent, bfloat16 and float8 included, as frames beside the message, which
    are neither joined nor copied. Tensors arrive aligned and can be written. `dask.sizeof` counts their
    bytes, so that workers spill them. What Dask has for other types stays as it is.

    Call it in each process that sends or receives.

    Parameters
    ----------
    client : distributed.Client, optional
        Register its workers too, and those that join later. Workers can do it themselves:
        ``dask worker --preload numpy_bridge.dask``.

    Raises
    ------
    ImportError
        If distributed is not installed.

    Notes
    -----
    Tensors that are a task's argument, rather than scattered, are pickled with the task. For these see
    `register_reducers`.

    Examples
    --------
    >>> bridge.dask.register(client)
    >>> future = client.scatter(torch.ones(3, dtype=torch.bfloat16), hash=False)
    >>> client.gather(future)
    tensor([1., 1., 1.], dtype=torch.bfloat16)
    """
    from .processes import dask_frames

    dask_frames.register()
    if client is not None:
        client.register_plugin(dask_frames.Registration())


def dask_setup(_: Any) -> None:
    """Register a worker that is started with ``--preload numpy_bridge.dask``."""
    register()


def scatter(client: Any, x: Any, workers: Any = None) -> Any:
    """Give all workers the values of an object, in one copy for each machine.

    The values are copied once, into a shared block. Workers of this machine attach it: each gets a
    handle of less than 200 bytes. Another machine gets the values once over the network, and its other
    workers attach the block that the first one makes of them. There, workers fetch in tasks, which wait for
    a free thread.

    Parameters
    ----------
    client : distributed.Client
        A client that `register` was called with. It must reach the workers directly.
    x : object
        Memory on the host: a tensor, an ndarray, or what else `view` takes.
    workers : list of str, optional
        Addresses of workers. All of them by default.

    Returns
    -------
    distributed.Future
        Of a `SharedBlock`, which is read-only in all processes: the kernel refuses writable mappings.
        `numpy_bridge.to_numpy` makes an array of it; for tensors see `private`.

    Raises
    ------
    SharingError
        If the memory is on a device, if there is not enough memory, or if a worker cannot attach the block.

    Examples
    --------
    >>> weights = bridge.dask.scatter(client, torch.ones(1000, 1000))
    >>> client.submit(lambda w: float(bridge.to_numpy(w).sum()), weights).result()
    1000000.0
    """
    from .processes import dask_frames
    from .processes.blocks import frozen

    if workers is None:
        workers = list(client.nthreads())
    return dask_frames.scatter(client, frozen(x), workers)


def private(x: Any) -> _core.View:
    """Return a writable View of a block from `scatter`, whose writes stay in this process.

    Nothing is copied but the pages that are written, when they are.

    Parameters
    ----------
    x : SharedBlock
        A block that nobody writes.

    Raises
    ------
    SharingError
        If the memory is not shared with other processes.

    Examples
    --------
    >>> client.submit(lambda w: bridge.to_torch(bridge.dask.private(w)).add_(1), weights)
    """
    from .processes.private import private as map_again

    return map_again(x)
