"""Objects as frames of Dask's messages. Importing this imports distributed."""

# mypy: disable-error-code="import-not-found, import-untyped, misc, unused-ignore, no-untyped-call"

from __future__ import annotations

import ctypes
import importlib
import pickle
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, Final

import numpy as np
from dask.sizeof import sizeof
from distributed import WorkerPlugin
from distributed.comm import get_address_host
from distributed.protocol import dask_deserialize, dask_serialize
from distributed.protocol.serialize import pickle_dumps, pickle_loads, register_serialization_family

from numpy_bridge import _core
from numpy_bridge.errors import SharingError

from .blocks import frozen
from .handle import by_value
from .message import LARGEST_ALIGNMENT
from .reducing import describe, rebuild

_PADDING: Final = bytes(64)

Frames = list[memoryview]
Header = dict[str, Any]


def register() -> None:
    """Register with the tables of Dask in this process."""
    _register(_core.View, _serialize, _deserialize, _nbytes)
    _register(_core.SharedBlock, _serialize_block, _deserialize_block, _nbytes_of_block)
    register_serialization_family("pickle", _pickle, pickle_loads)
    for table in (dask_serialize, dask_deserialize, sizeof):
        table.register_lazy("torch", _register_torch)
    if "torch" in sys.modules:
        _register_torch()


class Registration(WorkerPlugin):
    """Registers each worker of a cluster."""

    name = "numpy_bridge"
    idempotent = True

    def setup(self, worker: Any) -> None:
        register()


def scatter(client: Any, block: _core.SharedBlock, workers: Sequence[str]) -> Any:
    """Give a block to one worker of each machine, then to the rest, who prefer to fetch from there."""
    machines: dict[str, list[str]] = {}
    for worker in workers:
        machines.setdefault(get_address_host(worker), []).append(worker)
    if len(machines) <= 1:
        return client.scatter(block, workers=list(workers), broadcast=True, hash=False, direct=True)
    first = next((group[0] for host, group in machines.items() if _is_ours(host)), workers[0])
    future = client.scatter(block, workers=[first], hash=False, direct=True)
    of_machines = {group[0] for group in machines.values()}
    for group in (of_machines - {first}, set(workers) - of_machines):
        client.gather([client.submit(_fetch, future, workers=[each], pure=False) for each in group])
    return future


def _is_ours(host: str) -> bool:
    """Return whether an address is of this machine, as only those can be bound."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as trial:
            trial.bind((host, 0))
    except OSError:
        return False
    return True


def _fetch(_: Any) -> None:
    """Do nothing: a task's arguments are fetched, and kept while the future lives."""


def _register(kind: type, serialize: Any, deserialize: Any, nbytes: Callable[[Any], int]) -> None:
    dask_serialize.register(kind, serialize)
    dask_deserialize.register(kind, deserialize)
    sizeof.register(kind, nbytes)


def _register_torch() -> None:
    importlib.import_module("distributed.protocol.torch")  # which registers Dask's own, now rather than later
    _register(sys.modules["torch"].Tensor, _serialize_tensor, _deserialize_tensor, _nbytes)


def _nbytes(x: Any) -> int:
    return int(x.nbytes)


def _nbytes_of_block(_: Any) -> int:
    return 200  # of the handle: a worker that lets go of a block gains no memory


def _serialize(x: Any) -> tuple[Header, Frames]:
    try:
        (frame,), metadata = describe(x)
    except TypeError:
        raise NotImplementedError(type(x).__name__) from None  # Dask pickles it
    kind, about, offset, dtype, shape, strides, extra, *subclass = metadata
    described = (kind, about, offset, dtype, shape, strides, extra)
    header = {"described": described, "subclass": pickle.dumps(subclass) if subclass else b""}
    data: Any = frame
    return header, [memoryview(_PADDING), memoryview(data)]


def _deserialize(header: Header, frames: Sequence[Any]) -> Any:
    subclass = pickle.loads(header["subclass"]) if header["subclass"] else ()
    padding, data = frames
    return rebuild((*header["described"], *subclass), [_aligned(header, padding, data)])


def _aligned(header: Header, padding: Any, data: Any) -> Any:
    """Return the bytes at an address that suits their elements.

    Frames begin anywhere in a message. The padding that was sent before the bytes is room to move them. Its
    first byte then says by how much, because a message may be read twice, or be copied in between.
    """
    start, before = (np.frombuffer(frame, np.uint8) for frame in (data, padding))
    room = len(_PADDING)
    if before.nbytes != room or before[0] >= room:
        raise SharingError(
            "unpickle", "padding", f"{room} bytes that Dask has sent", f"{bytes(before)!r:.80}"
        )
    address, distance = start.ctypes.data, int(before[0])
    if address != before.ctypes.data + room:  # not in one message
        return np.concatenate((before[room - distance :], start))[: start.nbytes] if distance else data
    is_writable = start.flags.writeable and before.flags.writeable
    if not distance and start.nbytes and is_writable:
        _, phase = header["described"][1][1:]
        distance = (address - phase) % room
        if distance % LARGEST_ALIGNMENT == 0:
            return data
        ctypes.memmove(address - distance, address, start.nbytes)
        before[0] = distance
    if not distance:
        return data  # where it does not suit them, a tensor is copied
    keep = (padding, data)
    return _core.from_pointer(
        address - distance, (start.nbytes,), "uint8", None, "cpu", keep, not is_writable
    )


def _serialize_tensor(x: Any) -> tuple[Header, Frames]:
    header, frames = _serialize(x)
    if x.is_leaf and x.grad is not None:  # which Dask sends, too
        header["grad"], of_grad = _serialize(x.grad)
        frames += of_grad
    return header, frames


def _deserialize_tensor(header: Header, frames: Sequence[Any]) -> Any:
    x = _deserialize(header, frames[:2])
    if "grad" in header:
        x.grad = _deserialize(header["grad"], frames[2:])
    return x


def _serialize_block(block: Any, context: Any = None) -> tuple[Header, Frames]:
    """Send a handle to this machine, and values elsewhere: to other ones, and to the disk."""
    if _is_here(context):
        return {"handle": True}, [memoryview(pickle.dumps(block))]
    return _serialize(_core.view(block, readonly=True))


def _deserialize_block(header: Header, frames: Sequence[Any]) -> Any:
    """Attach the block, or make one on this machine, for its other workers."""
    if header.get("handle"):
        return pickle.loads(frames[0])
    return frozen(_deserialize(header, frames))


def _pickle(x: Any, context: Any = None) -> tuple[Header, list[Any]]:
    """Pickle as Dask does. Blocks that are parts of `x` are sent as those that are sent by themselves."""
    found: tuple[Header, list[Any]]
    with nullcontext() if _is_here(context) else by_value():
        found = pickle_dumps(x, context)
    return found


def _is_here(context: Any) -> bool:
    if not context:
        return False
    sender, recipient = (get_address_host(context[end]["address"]) for end in ("sender", "recipient"))
    return bool(sender == recipient)
