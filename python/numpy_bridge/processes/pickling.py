"""Pickle out of band for all that the bridge knows: `dumps`, `loads`, and parts for other picklers."""

from __future__ import annotations

import copyreg
import io
import pickle
import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from numpy_bridge import _core

# What does the work is imported when it is used: these names are all that `import numpy_bridge` needs.
if TYPE_CHECKING:
    from .frame import Readonly
    from .message import Frames, Message

Callback = Callable[[pickle.PickleBuffer], Any]

MOST_PASSES: Final = 4
"""Limit for objects whose `__reduce__` creates new memory on each pass."""


class ReducerMixin:
    """Lets a pickler of your own send tensors, arrays and Views out of band.

    Put it before the pickler among the bases. What the other bases reduce is asked afterwards. Objects of
    one message that share memory still do when they arrive if the first of them contains the others;
    `Pickler` has no such condition.

    Raises
    ------
    SharingError
        As `dumps`.

    See Also
    --------
    Pickler, register_reducers

    Examples
    --------
    >>> class MyPickler(bridge.ReducerMixin, pickle.Pickler):
    ...     pass
    >>> file, buffers = io.BytesIO(), []
    >>> MyPickler(file, 5, buffer_callback=buffers.append).dump(torch.ones(3))
    >>> pickle.loads(file.getvalue(), buffers=buffers)
    tensor([1., 1., 1.])
    """

    _reduce: Callable[[Any], Any]

    def dump(self, obj: Any) -> None:
        """Pickle `obj` as the other base does, as a message of its own."""
        self._begin(_new_message())
        super().dump(obj)  # type: ignore[misc]

    def _begin(self, message: Message) -> None:
        from .reducing import reduction

        self._reduce = partial(reduction, frames=message)

    def reducer_override(self, x: Any) -> Any:
        """Return how to rebuild `x`, or NotImplemented; picklers call this for each object."""
        result = self._reduce(x)
        if result is not None:
            return result
        of_pickler = getattr(super(), "reducer_override", None)
        return NotImplemented if of_pickler is None else of_pickler(x)


class Pickler(ReducerMixin, pickle.Pickler):
    """`pickle.Pickler` that sends tensors, arrays and Views without a copy of their memory.

    Each call of `dump` writes one message when it is complete.

    Parameters
    ----------
    file : object
        Has a method ``write``.
    protocol : int, optional
        5, the default and the first that can send buffers out of band, or less.
    buffer_callback : callable, optional
        As in `pickle.Pickler`. It is called once for each buffer, after all objects were seen.

    Raises
    ------
    SharingError
        As `dumps`.

    See Also
    --------
    loads : reads the message. `pickle.loads` does too.

    Examples
    --------
    >>> file = io.BytesIO()
    >>> bridge.Pickler(file).dump(torch.ones(3))
    >>> bridge.loads(file.getvalue())
    tensor([1., 1., 1.])
    """

    def __init__(
        self, file: Any, protocol: int | None = None, *, buffer_callback: Callback | None = None
    ) -> None:
        self._file = file
        self._stream = io.BytesIO()
        self._callback = buffer_callback
        self._buffers: list[pickle.PickleBuffer] = []
        self._in_band: list[bool] = []  # for each buffer, once the callback was asked
        protocol = pickle.HIGHEST_PROTOCOL if protocol is None else protocol
        take = None if buffer_callback is None else self._take
        super().__init__(self._stream, protocol, buffer_callback=take)

    def dump(self, obj: Any) -> None:
        """Write one message."""
        self._rewind()
        self._pickle(obj)
        with self._stream.getbuffer() as message:
            self._file.write(message)

    def _pickle(self, obj: Any) -> None:
        """Pickle until all memory has its frame, and the callback has decided about each buffer."""
        memo = self.memo.copy()
        self._in_band = []
        message = self._run(obj, _new_message())
        passes = 1
        while message.incomplete and passes < MOST_PASSES:
            self._discard(memo)
            message = self._run(obj, message.again())
            passes += 1
        if self._callback is None:
            return
        self._in_band = [bool(self._callback(buffer)) for buffer in self._buffers]
        if any(self._in_band):
            self._discard(memo)
            self._run(obj, message.again())

    def _run(self, obj: Any, message: Message) -> Message:
        self._begin(message)
        self._buffers = []
        pickle.Pickler.dump(self, obj)
        return message

    def _discard(self, memo: Any) -> None:
        self.memo = memo
        self._rewind()

    def _rewind(self) -> None:
        self._stream.seek(0)
        self._stream.truncate()

    def _take(self, buffer: pickle.PickleBuffer) -> bool:
        self._buffers.append(buffer)
        return len(self._buffers) <= len(self._in_band) and self._in_band[len(self._buffers) - 1]


def _new_message() -> Message:
    from .message import Message

    return Message()


def dumps(obj: Any, protocol: int | None = None, *, buffer_callback: Callback | None = None) -> bytes:
    """Pickle an object so that the memory in it is neither copied nor cut loose from its aliases.

    Tensors of all dtypes, Views, ndarrays, jax arrays and Arrow tensors, anywhere in `obj`, send the bytes
    of their elements, and others only as the notes say. Elements with gaps between them are first copied
    together. Objects that share memory are sent in one buffer, and share memory when they arrive.
    `pickle.loads` reads the result.

    Parameters
    ----------
    obj : object
        Anything that `pickle` accepts.
    protocol : int, optional
        5, the default, or less, which copies more.
    buffer_callback : callable, optional
        Called with a `pickle.PickleBuffer` for each buffer, as in `pickle.dumps`; then its memory is not
        copied. Give the same buffers to `loads` in the same order. Without it, the bytes are in the result.

    Returns
    -------
    bytes

    Raises
    ------
    SharingError
        If a tensor or View is on a device, or a tensor has a history of autograd.
    pickle.PicklingError, TypeError
        As `pickle.dumps` does.

    See Also
    --------
    loads, Pickler, ReducerMixin, register_reducers

    Notes
    -----
    The memory of buffers is that of the objects. It must not change until the transport has sent it.
    Tensors on the host can no longer be resized then, as after `view`. Kept: dtype, shape, strides,
    requires_grad, Parameter, subclasses and attributes of tensors, negative and conjugate bits. Not kept,
    as in torch's own pickling: gradients and hooks.

    Elements with gaps between them that overlap others, of the same object or of another one of the message,
    are sent with all bytes from the first to the last, also those in the gaps. ``x[::2]`` and ``x[::3]`` are
    an example. So are more than 256 objects with gaps that lie within each other's bounds.

    Examples
    --------
    >>> x = torch.zeros(1000, 1000)
    >>> buffers = []
    >>> data = bridge.dumps({"x": x, "row": x[0]}, buffer_callback=buffers.append)
    >>> len(buffers), len(data) < 400
    (1, True)
    >>> y = bridge.loads(data, buffers)
    >>> y["row"][0] = 7
    >>> float(y["x"][0, 0])
    7.0
    """
    pickler = Pickler(None, protocol, buffer_callback=buffer_callback)
    pickler._pickle(obj)
    return pickler._stream.getvalue()


def loads(data: Any, buffers: Iterable[Any] | None = None, readonly: Readonly = "private") -> Any:
    """Rebuild an object over the buffers that arrived.

    Nothing is copied: what comes back aliases the buffers. Views and arrays over read-only buffers are
    read-only. Tensors can always be written, so `readonly` decides about them.

    Parameters
    ----------
    data : bytes-like
        The result of `dumps`, or of another pickler.
    buffers : iterable of buffers, optional
        The buffers that were sent out of band, in their order.
    readonly : {"private", "copy", "refuse"}, default "private"
        What a tensor over a read-only buffer is. "private": copy-on-write memory, which the tensor can
        write but no other process sees, or a copy where the kernel cannot map the buffer again. "copy": a
        copy. "refuse": an error.

    Returns
    -------
    object

    Raises
    ------
    SharingError
        If a frame is damaged: its description does not fit the buffer, or is impossible. If a buffer is
        read-only or not aligned, and `readonly` is "refuse".
    pickle.UnpicklingError, ...
        As `pickle.loads` does.

    Warnings
    --------
    Unpickling runs code that the message names. Load messages of senders that you trust. Frames are checked
    so that damage is an error, and never a read outside the buffer.

    See Also
    --------
    dumps

    Examples
    --------
    >>> buffers = []
    >>> data = bridge.dumps(torch.ones(2, dtype=torch.bfloat16), buffer_callback=buffers.append)
    >>> bridge.loads(data, [bytes(buffer) for buffer in buffers], readonly="copy")
    tensor([1., 1.], dtype=torch.bfloat16)
    """
    from .frame import arriving

    with arriving(readonly):
        return pickle.loads(data, buffers=() if buffers is None else buffers)


def register_reducers(pickler: Any = None, *, shared_memory: bool = False) -> None:
    """Let other people's picklers send arrays and tensors out of band.

    Covers the types of libraries that are imported; call it again after importing more. Torch's reducers for
    `multiprocessing`, ``torch.save`` and ``copy`` stay as they are, unless `pickler` asks for that one.

    Parameters
    ----------
    pickler : object, optional
        A class with ``register(type, reducer)``, such as `multiprocessing.reduction.ForkingPickler`, or a
        mapping such as a ``dispatch_table``. By default `copyreg`, for all picklers of the process that
        have no reducer of their own for these types.
    shared_memory : bool, default False
        For ForkingPickler, its subclasses and loky's: copy objects of 256 KiB and more into shared memory,
        once, and send a handle. The receiver must be a process of this machine, and take the message once,
        while the sender lives. At its end a child waits up to 5 seconds for that, and others do not.

    Raises
    ------
    ValueError
        If `shared_memory` is asked for a pickler whose bytes may go anywhere.

    See Also
    --------
    ReducerMixin : for a pickler class of your own; it also keeps the aliases of a message.

    Notes
    -----
    A reducer sees one object at a time. Objects over exactly the same bytes arrive as aliases; a slice and
    its whole arrive separately.

    With `shared_memory`, all objects arrive separately. If a quarter of the descriptors that the process may
    have are in messages which nobody has taken, or if there is no more shared memory, the values are sent.

    Examples
    --------
    >>> bridge.register_reducers()
    >>> buffers = []
    >>> data = pickle.dumps(torch.ones(3), protocol=5, buffer_callback=buffers.append)
    >>> len(buffers)
    1
    """
    from .reducing import known_types

    if shared_memory:
        from .refusals import require_shared_memory

        require_shared_memory()
        from . import one_receiver

        if not one_receiver.is_of(pickler):
            raise ValueError("shared_memory: only for picklers of multiprocessing and loky")
        for kind in (_core.View, *known_types()):
            pickler.register(kind, reduce_for_one_receiver)
        return
    if pickler is None:
        for kind in known_types():
            copyreg.pickle(kind, _reduce_unless_saved)
        return
    register = pickler.register if hasattr(pickler, "register") else pickler.__setitem__
    for kind in known_types():
        register(kind, _reduce)


def _reduced(x: Any, frames: Frames) -> Any:
    from .reducing import reduction

    result = reduction(x, frames)
    return x.__reduce_ex__(pickle.HIGHEST_PROTOCOL) if result is None else result


def _reduce(x: Any) -> Any:
    from .message import alone

    return _reduced(x, alone)


def reduce_for_one_receiver(x: Any) -> Any:
    from .one_receiver import one_receiver

    return _reduced(x, one_receiver)


def _reduce_unless_saved(x: Any) -> Any:
    """Reduce `x`, but leave files of torch.save and shallow copies as they are without us."""
    caller = sys._getframe(1).f_globals.get("__name__")
    if caller == "torch.serialization":
        return x.__reduce_ex__(2)
    if caller == "copy":
        return x.__reduce_ex__(4)
    return _reduce(x)
