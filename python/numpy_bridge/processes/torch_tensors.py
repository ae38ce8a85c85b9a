"""Tensors of torch in messages: what is kept, what is left to torch's own pickling, and what is refused."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any, Final, NamedTuple

from numpy_bridge import _core
from numpy_bridge.errors import SharingError

from .frame import Frame
from .layout import bounds

REQUIRES_GRAD: Final = 1
CONJUGATED: Final = 2
NEGATED: Final = 4
PARAMETER: Final = 8
ALL_FLAGS: Final = 15


class Tensor(NamedTuple):
    """A tensor that lies in memory of this process.

    Parameters
    ----------
    view : View
        Its elements as they are stored.
    flags : int
        What the tensor makes of them.
    subclass : tuple, optional
        The type, if it is a subclass, and the attributes that the program has set.
    """

    view: _core.View
    flags: int
    subclass: tuple[Any, ...] = ()


def describe(x: Any) -> Tensor | None:
    """Return the memory and the flags of a tensor, or None if torch's own pickling is to do it.

    That is so for tensors that are made of others (sparse, nested, quantized), for those without memory
    (meta, fake), and for subclasses that pickle themselves. torch pickles these; their component tensors
    are reduced separately.

    Raises
    ------
    SharingError
        For tensors on a device, and for those with a history of autograd.
    """
    torch = sys.modules["torch"]
    if type(x) is torch.Tensor and x.is_cpu and not x.__dict__:
        with suppress(SharingError):  # because of something that is kept, or refused in our words
            return Tensor(_core.view(x), 0)
    with torch._C.DisableTorchFunctionSubclass():
        _require_host(x)
        if _pickles_itself(torch, x):
            return None
        _require_leaf(x)
        return _describe_memory(torch, x)


def _require_host(x: Any) -> None:
    if not x.is_cpu and not x.is_meta:
        raise SharingError(
            "pickle",
            "device",
            "memory on the host",
            f"a tensor on {x.device}",
            "send x.cpu(), or use torch.multiprocessing, which sends handles of CUDA memory",
        )


def _require_leaf(x: Any) -> None:
    if x.requires_grad and x.grad_fn is not None:
        raise SharingError(
            "pickle",
            "requires_grad",
            "a leaf tensor",
            "one with a history, which cannot leave this process",
            "send x.detach()",
        )


def _pickles_itself(torch: Any, x: Any) -> bool:
    kind = type(x)
    own_method = kind.__reduce_ex__ is not torch.Tensor.__reduce_ex__ and kind is not torch.nn.Parameter
    made_of_others = x.layout is not torch.strided or x.is_quantized or x.is_nested
    computed = kind.__torch_dispatch__ is not torch.Tensor.__torch_dispatch__
    return own_method or made_of_others or computed or x.is_meta or any(getattr(x, "names", ()))


def _describe_memory(torch: Any, x: Any) -> Tensor | None:
    kind = type(x)
    torch.utils.hooks.warn_if_has_hooks(x)
    state = torch._utils._get_obj_state(x)
    if kind is torch.nn.Parameter and state:
        return None  # its own pickling sends x.data and the state
    flags = REQUIRES_GRAD if x.requires_grad else 0
    stored = x.detach()
    if x.is_conj():
        flags |= CONJUGATED
        stored = stored.conj()
    if x.is_neg():
        flags |= NEGATED
        stored = stored._neg_view()
    if kind is torch.nn.Parameter:
        return Tensor(_core.view(stored), flags | PARAMETER)
    return Tensor(_core.view(stored), flags, () if kind is torch.Tensor and not state else (kind, state))


def rebuild(frame: Frame, offset: Any, dtype: Any, shape: Any, strides: Any, flags: Any) -> Any:
    """Return a tensor over memory in a frame. All tensors of a frame have one storage."""
    view = frame.view(offset, dtype, shape, strides)
    if frame.tensor is None and _is_all_of(frame.memory, view):
        x = frame.tensor = _core.to_torch(view)
    else:
        x = _in_storage(frame, view)
    if flags == 0:
        return x
    if type(flags) is not int or not 0 < flags <= ALL_FLAGS:
        raise _unknown_flags(f"{flags!r:.200}")
    try:
        return _with_flags(x, flags)
    except RuntimeError as error:  # not those of a tensor of this dtype
        raise _unknown_flags(f"{flags}: {error}") from None


def _is_all_of(memory: _core.View, view: _core.View) -> bool:
    """Return whether the elements reach from the first to the last byte of a frame.

    Their number does not say so: elements may overlap each other.
    """
    return view.ptr == memory.ptr and bounds(view.shape, view.strides, view.itemsize) == (0, memory.nbytes)


def _unknown_flags(got: str) -> SharingError:
    return SharingError("unpickle", "metadata", "the flags of a tensor", got)


def _with_flags(x: Any, flags: int) -> Any:
    if flags & CONJUGATED:
        x = x.conj()
    if flags & NEGATED:
        x = x._neg_view()
    if flags & PARAMETER:
        return sys.modules["torch"].nn.Parameter(x, requires_grad=bool(flags & REQUIRES_GRAD))
    return x.requires_grad_() if flags & REQUIRES_GRAD else x


def _in_storage(frame: Frame, view: _core.View) -> Any:
    """Return a tensor in the storage that the other tensors of the frame have."""
    if frame.tensor is None:
        memory = frame.memory
        flat = _core.from_pointer(memory.ptr, (memory.nbytes,), "uint8", None, "cpu", memory, False)
        frame.tensor = _core.to_torch(flat)
    like = _core.to_torch(view)  # refuses what torch has no tensors for
    position, rest = divmod(view.ptr - frame.memory.ptr, view.itemsize)
    if rest:  # not aligned within the storage
        return like
    steps = [stride // view.itemsize for stride in view.strides]
    torch = sys.modules["torch"]
    x = torch.empty(0, dtype=like.dtype, device="cpu")
    try:
        return x.set_(frame.tensor.untyped_storage(), position, view.shape, steps)
    except RuntimeError as error:
        expected = "a tensor in the storage of its frame"
        raise SharingError("unpickle", "metadata", expected, str(error).partition("\n")[0]) from None


def rebuild_subclass(kind: Any, state: Any, *description: Any) -> Any:
    """Return a tensor of a subclass, or one with attributes."""
    import torch

    rebuild_it: Any = torch._tensor._rebuild_from_type_v2
    return rebuild_it(rebuild, kind, description, state)
