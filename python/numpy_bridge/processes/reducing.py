"""Objects as frames with a description, and back: the core of all reducers, without a pickler."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np

from numpy_bridge import _core
from numpy_bridge.errors import SharingError
from numpy_bridge.libraries import type_name

from . import torch_tensors
from .frame import READ, TENSOR, WRITE, Frame
from .message import Frames, alone


class _Described(NamedTuple):
    """An object as memory.

    Parameters
    ----------
    kind : str
        A key of the table of functions that rebuild objects.
    view : View
        The memory.
    use : int
        What the object may do with it, see `Frame`.
    extra : object
        What rebuilding needs beside the layout.
    subclass : tuple, optional
        Type and state of a tensor subclass.
    """

    kind: str
    view: _core.View
    use: int
    extra: Any = None
    subclass: tuple[Any, ...] = ()


def describe(x: Any) -> tuple[list[_core.View], tuple[Any, ...]]:
    """Describe an object as bytes and metadata, for transports that send both by themselves.

    Parameters
    ----------
    x : object
        A View, ndarray, tensor, jax array or Arrow tensor whose memory is on the host.

    Returns
    -------
    frames : list of View
        The bytes to send: of `x` itself, or of a copy where elements have gaps between them. One frame.
    metadata : tuple
        Strings, integers and tuples of them; for tensor subclasses also the type and its state.

    Raises
    ------
    TypeError
        If the object is of another type, or pickles itself.
    SharingError
        If the memory is on a device, or the tensor has a history of autograd.

    Examples
    --------
    >>> frames, metadata = describe(np.arange(6.0)[1:3])
    >>> [frame.nbytes for frame in frames]
    [16]
    >>> rebuild(metadata, frames)
    array([1., 2.])
    """
    described = _describe(x)
    if described is None:
        raise TypeError(f"cannot describe a {type_name(x)}: send it as its library does")
    frame, offset, strides = alone.place(described.view, described.use)
    layout = (offset, described.view.dtype, described.view.shape, strides)
    about = (frame.use, frame.alignment, frame.phase)
    return [frame.data], (described.kind, about, *layout, described.extra, *described.subclass)


def rebuild(metadata: Sequence[Any], frames: Sequence[Any]) -> Any:
    """Return the object that `describe` described, over the bytes that arrived.

    Parameters
    ----------
    metadata : sequence
        As from `describe`; lists may have taken the place of tuples.
    frames : sequence of buffers
        The bytes. They are aliased; see `arriving` for tensors over those that are read-only.

    Raises
    ------
    SharingError
        If the metadata is damaged, or describes memory outside the frame.
    """
    try:
        kind, (use, alignment, phase), offset, dtype, shape, strides, extra, *subclass = metadata
        (data,) = frames
    except (TypeError, ValueError):
        raise _damaged(metadata) from None
    frame = Frame(data, use, alignment, phase)
    return rebuilt(frame, kind, offset, dtype, shape, strides, extra, *subclass)


def reduction(x: Any, frames: Frames) -> tuple[Any, ...] | None:
    """Return how to rebuild `x`, as `__reduce__` does; None if the object is not ours or pickles itself."""
    described = _describe(x)
    if described is None:
        return None
    view = described.view
    frame, offset, strides = frames.place(view, described.use)
    layout = (offset, view.dtype, view.shape, strides)
    return rebuilt, (frame, described.kind, *layout, described.extra, *described.subclass)


def reduce_view(x: _core.View) -> tuple[Any, ...]:
    """Reduce a View without a message: `View.__reduce__`."""
    return reduction(x, alone) or (partial(_core.view, readonly=x.readonly), (_core.to_numpy(x),))


def known_types() -> Iterator[type]:
    """Yield the types of imported libraries that have a reduction of ours. View has it built in."""
    yield np.ndarray
    for module, name in _DESCRIBE_BY_NAME:
        kind = getattr(sys.modules.get(module), name, None)
        if kind is not None:
            yield kind


def is_known(kind: type) -> bool:
    """Return whether objects of a type, of any library, have a reduction of ours."""
    if _DESCRIBE.get(kind) is not None or (kind.__module__, kind.__name__) in _DESCRIBE_BY_NAME:
        return True
    tensor = getattr(sys.modules.get("torch"), "Tensor", None)
    return tensor is not None and issubclass(kind, tensor)


def rebuilt(
    frame: Any, kind: Any, offset: Any, dtype: Any, shape: Any, strides: Any, extra: Any, *subclass: Any
) -> Any:
    """Return an object over memory in a frame: what messages call."""
    rebuild_kind = _REBUILD.get(kind) if isinstance(kind, str) else None
    if rebuild_kind is None or type(frame) is not Frame:
        raise _damaged((kind, frame))
    if subclass:
        if kind != "tensor" or len(subclass) != 2:
            raise _damaged((kind, *subclass))
        return torch_tensors.rebuild_subclass(*subclass, frame, offset, dtype, shape, strides, extra)
    return rebuild_kind(frame, offset, dtype, shape, strides, extra)


def _damaged(metadata: Any) -> SharingError:
    return SharingError("unpickle", "metadata", "what numpy_bridge has written", f"{metadata!r:.200}")


def _describe(x: Any) -> _Described | None:
    kind = type(x)
    describe_kind = _DESCRIBE.get(kind, _find)
    return None if describe_kind is None else describe_kind(x)


def _find(x: Any) -> _Described | None:
    """Describe an object of a type that has to be found by its name."""
    kind = type(x)
    describe_kind = _DESCRIBE_BY_NAME.get((kind.__module__, kind.__name__))
    if describe_kind is not None:
        return describe_kind(x)
    tensor = getattr(sys.modules.get("torch"), "Tensor", None)
    return _describe_tensor(x) if tensor is not None and issubclass(kind, tensor) else None


def _describe_view(x: Any) -> _Described | None:
    if x.device.partition(":")[0] not in ("cpu", "cuda_host", "rocm_host"):
        raise SharingError(
            "pickle",
            "device",
            "memory on the host",
            f"memory on {x.device}",
            "send a copy: numpy_bridge.to_numpy(x, copy=True)",
        )
    try:
        _core.values_of(x)
    except SharingError:  # elements that only NumPy has
        return None
    return _Described("view", x, READ if x.readonly else WRITE, x.readonly)


def _describe_array(x: Any) -> _Described | None:
    """Numbers only: NumPy's own pickling keeps fields, text, times and objects."""
    dtype = x.dtype
    if (dtype.kind not in "biufc" or dtype.char in "gG") and not dtype.type.__module__.startswith(
        "ml_dtypes"
    ):
        return None
    try:
        view = _core.view(x)
    except SharingError:  # a dtype that only NumPy has
        return None
    return _Described("array", view, READ if view.readonly else WRITE, view.readonly)


def _describe_tensor(x: Any) -> _Described | None:
    tensor = torch_tensors.describe(x)
    if tensor is None:
        return None
    return _Described("tensor", tensor.view, TENSOR, tensor.flags, tensor.subclass)


def _describe_jax(x: Any) -> _Described | None:
    """Arrays on one CPU device; jax's own pickling keeps keys, weak types and shardings."""
    if x.weak_type or len(x.devices()) != 1 or x.dtype.kind not in "biufcV":
        return None
    if x.device.platform != "cpu":
        raise SharingError(
            "pickle",
            "device",
            "memory on the host",
            f"an array on {x.device}",
            "send a copy on the host: numpy.asarray(x)",
        )
    try:
        return _Described("jax", _core.view(x), READ)
    except SharingError:  # of a dtype that only jax has
        return None


def _describe_arrow(x: Any) -> _Described:
    return _Described("arrow", _core.view(x), READ, tuple(x.dim_names))


_Describe = Callable[[Any], _Described | None]

_DESCRIBE: dict[type, _Describe | None] = {
    FunctionType: None,  # picklers ask about these for each object
    type: None,
    Frame: None,
    _core.View: _describe_view,
    np.ndarray: _describe_array,
}

_DESCRIBE_BY_NAME: dict[tuple[str, str], _Describe] = {
    ("torch", "Tensor"): _describe_tensor,
    ("jaxlib._jax", "ArrayImpl"): _describe_jax,
    ("jaxlib.xla_extension", "ArrayImpl"): _describe_jax,
    ("pyarrow.lib", "Tensor"): _describe_arrow,
}


def _rebuild_view(frame: Frame, offset: Any, dtype: Any, shape: Any, strides: Any, readonly: Any) -> Any:
    return frame.view(offset, dtype, shape, strides, bool(readonly))


def _rebuild_array(frame: Frame, offset: Any, dtype: Any, shape: Any, strides: Any, readonly: Any) -> Any:
    return _core.to_numpy(frame.view(offset, dtype, shape, strides, bool(readonly)))


def _rebuild_jax(frame: Frame, offset: Any, dtype: Any, shape: Any, strides: Any, _: Any) -> Any:
    """Share the memory if jax can, which needs 64-byte alignment, else copy it."""
    jax: Any = importlib.import_module("jax")
    array = _core.to_numpy(frame.view(offset, dtype, shape, strides, True))
    return jax.device_put(array, may_alias=True)


def _rebuild_arrow(frame: Frame, offset: Any, dtype: Any, shape: Any, strides: Any, names: Any) -> Any:
    pyarrow: Any = importlib.import_module("pyarrow")  # which has no types

    array = _core.to_numpy(frame.view(offset, dtype, shape, strides, True))
    try:
        return pyarrow.Tensor.from_numpy(array, dim_names=list(names) or None)
    except (TypeError, ValueError, pyarrow.ArrowException):
        raise _damaged(names) from None


_REBUILD: dict[str, Callable[..., Any]] = {
    "view": _rebuild_view,
    "array": _rebuild_array,
    "tensor": torch_tensors.rebuild,
    "jax": _rebuild_jax,
    "arrow": _rebuild_arrow,
}
