"""Ray: tensors, arrays and Views in its object store, without a copy and without a way to change it.

>>> import numpy_bridge as bridge
>>> bridge.ray.register()
>>> ray.init(runtime_env={"worker_process_setup_hook": "numpy_bridge.ray.register"})
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from numpy_bridge import _core

if TYPE_CHECKING:
    from .processes.frame import Readonly

_SWITCH = "RAY_ENABLE_ZERO_COPY_TORCH_TENSORS"

_readonly: Readonly = "private"


def register(readonly: Readonly = "private") -> None:
    """Send tensors, arrays and Views of this process through Ray out of band.

    This holds for `ray.put`, arguments and results of tasks and actors, and compiled graphs. It may be called
    before or after `ray.init`, and again with another policy. Views and arrays from the object store are
    read-only. For a writable one see `private`.

    Call it in each process that sends: in the driver, and in the workers through Ray's
    ``worker_process_setup_hook``. A process that only receives needs the package and no call.

    Parameters
    ----------
    readonly : {"private", "copy", "refuse"}, default "private"
        What a tensor that this process receives is, as torch has no read-only tensors. "private":
        copy-on-write memory; the kernel copies the pages that are written, and the store never changes.
        "copy": a copy. "refuse": an error; receive Views instead.

    Raises
    ------
    ImportError
        If Ray is not installed.
    ValueError
        If the policy has another name, or if Ray's own switch for tensors without a copy is on: then a write
        of one reader changes the object for all.

    Examples
    --------
    >>> bridge.ray.register()
    >>> x = ray.get(ray.put(torch.zeros(1000, 1000)))
    >>> x[0, 0] = 7  # one page is copied
    """
    from .processes.frame import arriving

    global _readonly
    arriving(readonly)  # refuses other names
    if os.environ.get(_SWITCH, "0").lower() in ("1", "true"):
        raise ValueError(
            f"cannot register with Ray while {_SWITCH} is on: a write to a tensor would change the stored "
            "object for all readers. Unset it"
        )
    table = importlib.import_module("ray.cloudpickle").CloudPickler.dispatch_table
    if not any(isinstance(reducers, _Reducers) for reducers in table.maps):
        table.maps.append(_Reducers())  # asked last: reducers of the program come first
    _readonly = readonly


def collate_fn() -> Any:
    """Return a ``collate_fn`` for `iter_torch_batches` of Ray Data, whose tensors cannot change the store.

    Ray's own makes tensors over the object store: a write to a batch changes the data for all. Here tensors
    follow the policy of `register`: by default copy on write, without a copy of what is only read.

    Returns
    -------
    ray.data.collate_fn.NumpyBatchCollateFn
        It makes a dict of tensors, one for each column. Batches below 1 MiB are copied, and those that
        Ray has already put together from several blocks.

    Raises
    ------
    ImportError
        If Ray Data is not installed.
    SharingError
        When a batch arrives, if a column is of a dtype that torch lacks, such as text.

    Examples
    --------
    >>> for batch in dataset.iter_torch_batches(batch_size=None, collate_fn=bridge.ray.collate_fn()):
    ...     batch["data"] += 1  # pages of this process
    """
    from .processes.ray_batches import Collate

    return Collate(_readonly)


def private(x: Any) -> _core.View:
    """Return a writable View of an object from the store, whose writes stay in this process.

    Nothing is copied but the pages that are written, when they are.

    Parameters
    ----------
    x : object
        A View or array from `ray.get`, a task's argument, or a batch of Ray Data.

    Raises
    ------
    SharingError
        If the memory is not in the object store. Objects below 100 KB are usually sent beside it; those
        are this process's own.

    See Also
    --------
    register : does this for tensors.

    Examples
    --------
    >>> x = bridge.ray.private(ray.get(ray.put(np.zeros((1000, 1000)))))
    >>> bridge.to_torch(x)[0, 0] = 7
    """
    from .processes.private import private as map_again

    return map_again(x)


class _Reducers(Mapping[type, Any]):
    """Reducers by type. Libraries may be imported after `register`: types are looked up when they are met."""

    def __getitem__(self, kind: type) -> Any:
        from .processes.reducing import is_known

        if not is_known(kind):
            raise KeyError(kind)
        return _reduce

    def __iter__(self) -> Iterator[type]:
        return iter(())

    def __len__(self) -> int:
        return 0


def _reduce(x: Any) -> Any:
    from .processes.message import alone
    from .processes.reducing import reduction

    result = reduction(x, alone)
    if result is None:
        return x.__reduce_ex__(5)
    return _arrived, result[1]


def _arrived(*description: Any) -> Any:
    from .processes.frame import arriving
    from .processes.reducing import rebuilt

    with arriving(_readonly):
        return rebuilt(*description)
