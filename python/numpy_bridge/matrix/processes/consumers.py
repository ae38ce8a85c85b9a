"""The columns: calls that bring an object to another process, each library's own before ours.

The code of a call uses the names that its peer gives it, see `peers`.
"""

from __future__ import annotations

import contextlib
import importlib.util
from dataclasses import dataclass
from importlib import metadata

from numpy_bridge.matrix.model import Consumer


@dataclass(frozen=True)
class Transport(Consumer):
    """A call that sends an object `x`, and returns when it has arrived.

    Parameters
    ----------
    peer : str
        Name of the function in `peers` that starts the receiving process.
    receive : str
        An expression for the object that has arrived, where `x` is what was sent.
    modules : tuple of str
        The libraries; any of them serves.
    cluster : bool
        True if it starts a cluster.
    """

    peer: str = "here"
    receive: str = "x"
    modules: tuple[str, ...] = ()
    cluster: bool = False

    @property
    def installed(self) -> bool:
        """True if the library can be imported. It is not imported."""
        return not self.modules or any(map(importlib.util.find_spec, self.modules))

    @property
    def version(self) -> tuple[str, str]:
        """Name and version of the first library that is installed."""
        for module in filter(importlib.util.find_spec, self.modules):
            with contextlib.suppress(metadata.PackageNotFoundError):
                return module, metadata.version(module)
        return self.library, "unknown"


def _own(library: str, label: str, call: str, **settings: object) -> Transport:
    return Transport(library, label, call, **settings)  # type: ignore[arg-type]


def _ours(library: str, label: str, call: str, **settings: object) -> Transport:
    return Transport(library, label, call, ours=True, **settings)  # type: ignore[arg-type]


_BLOCK = """\
def block_of(x):
    if isinstance(x, bridge.SharedBlock):
        return x
    block = bridge.shared_empty(x.shape, bridge.view(x).dtype)
    bridge.copy_(block, x)
    return block
"""

_BY_HAND = """\
from multiprocessing.shared_memory import SharedMemory

def shared(array):
    memory = SharedMemory(create=True, size=array.nbytes)
    at_end(memory.unlink)
    np.ndarray(array.shape, array.dtype, memory.buf)[...] = array
    return memory, array.shape, array.dtype
"""

_PUT, _BLOCK_PUT = "queue.put(x); answer()", "queue.put(block_of(x)); answer()"
_SUBMIT, _BLOCK_SUBMIT = (f"executor.submit(receive, {x}).result()" for x in ("x", "block_of(x)"))
_RAY_PUT = "ray.get(actor.receive.remote(ray.put(x)))"
_SCATTER, _OUR_SCATTER = (
    f"submit(receive, {sent}).result()"
    for sent in ("client.scatter(x, hash=False)", "bridge.dask.scatter(client, x)")
)
_BY_DASK = {"prepare": "bridge.dask.register(client)", "may_copy": True}
_BY_BLOCK = {"prepare": _BLOCK, "may_copy": True}
_LOKY = {"modules": ("loky", "joblib"), "peer": "loky"}
_TORCH = {"modules": ("torch",), "peer": "torch_queue"}
_RAY = {"modules": ("ray",), "peer": "ray_actor", "cluster": True}
_DASK = {"modules": ("distributed",), "peer": "dask_worker", "cluster": True}
_REGISTER = """\
from multiprocessing.reduction import ForkingPickler
bridge.register_reducers(ForkingPickler, shared_memory=True)"""

TRANSPORTS: tuple[Transport, ...] = (
    _own("pickle-in-band", "pickle", "receive(pickle.loads(pickle.dumps(x, 5)))"),
    _ours("pickle-in-band", "ours", "receive(bridge.loads(bridge.dumps(x)))", may_copy=True),
    _own(
        "pickle-out-of-band",
        "pickle",
        "buffers = []; data = pickle.dumps(x, 5, buffer_callback=buffers.append); "
        "receive(pickle.loads(data, buffers=buffers))",
    ),
    _ours(
        "pickle-out-of-band",
        "ours",
        "buffers = []; data = bridge.dumps(x, buffer_callback=buffers.append); "
        "receive(bridge.loads(data, buffers))",
    ),
    _own("queue", "Queue", _PUT, peer="queue"),
    _ours("queue", "reducers", _PUT, peer="queue", prepare=_REGISTER, may_copy=True),
    _own(
        "shared-memory",
        "by hand",
        "queue.put(shared(np.asarray(x))); answer()",
        peer="queue",
        prepare=_BY_HAND,
        receive="np.ndarray(x[1], x[2], keep(x[0]).buf)",
    ),
    _ours("shared-memory", "ours", _BLOCK_PUT, peer="queue", **_BY_BLOCK),
    _own("executor", "submit", _SUBMIT, peer="executor"),
    _ours("executor", "ours", _BLOCK_SUBMIT, peer="executor", **_BY_BLOCK),
    _own("loky", "submit", _SUBMIT, **_LOKY),
    _ours("loky", "ours", _BLOCK_SUBMIT, **_LOKY, **_BY_BLOCK),
    _own("torch-queue", "Queue", _PUT, **_TORCH),
    _ours("torch-queue", "ours", _BLOCK_PUT, **_TORCH, **_BY_BLOCK),
    _own("ray", "put", _RAY_PUT, **_RAY),
    _ours("ray", "ours", _RAY_PUT, prepare="bridge.ray.register()", may_copy=True, **_RAY),
    _own("dask", "scatter", _SCATTER, **_DASK),
    _ours("dask", "register", _SCATTER, **_BY_DASK, **_DASK),
    _ours("dask", "ours", _OUR_SCATTER, **_BY_DASK, **_DASK),
)
"""Every column, in the order of reports."""
