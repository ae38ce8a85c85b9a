"""The chain from an object to the owner of its block, and whether the owner can move the block."""

from __future__ import annotations

import array
import ctypes
import mmap
import sys
import weakref
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from numpy_bridge import _core
from numpy_bridge.libraries import is_instance, type_name
from numpy_bridge.tensors import is_tensor

from .model import Movable, Owner

_LONGEST = 32  # a chain may be a ring


def chain(x: Any) -> Iterator[Any]:
    """Yield `x`, the object that it is a view of, and so on up to the owner of the block."""
    seen: set[int] = set()
    link = x
    while id(link) not in seen and len(seen) < _LONGEST:
        seen.add(id(link))
        yield link
        base = _next(link)
        link = link if base is None else base


class Ownership(NamedTuple):
    """The owners of an object's block, and whether the last one can move it, and why."""

    owners: tuple[Owner, ...]
    movable: Movable
    because: str


SEGMENT = "numpy_bridge.processes.segment.Segment"  # which is not imported before a block is made

NOBODYS = Ownership((), "no", "there is no memory")


def ownership(x: Any) -> Ownership:
    """Follow the chain of `x` to the owner of its block. Call it before a View of `x` pins that block."""
    links = list(chain(x))
    owners = tuple(Owner(type_name(link), _note(link)) for link in links[1:])
    return Ownership(owners, *_movable(links[-1]))


def _movable(root: Any) -> tuple[Movable, str]:
    """Return whether the owner may still move or free the block under an alias, and why."""
    if _is_storage(root):
        if not root.resizable():
            return "no", "the storage is pinned: torch refuses to resize it"
        pins = "sharing pins it" if root.device.type == "cpu" else "device memory cannot be pinned"
        return "yes", f"the storage is resizable: resize_() and out= move it; {pins}"
    if is_instance(root, np.ndarray):
        return _array_movable(root)
    if is_instance(root, (bytearray, array.array)):
        return "unknown", "grows and moves, unless a buffer of it is held; sharing holds one"
    if is_instance(root, mmap.mmap):
        return "unknown", "can be closed, unless a buffer of it is held; sharing holds one"
    if is_instance(root, bytes):
        return "no", "its block stays where it is"
    if is_instance(root, _core.View):
        return "unknown", "a pointer without an owner"
    if type_name(root) == SEGMENT:
        return "no", "memory that processes share stays mapped as long as anything is over it"
    return "unknown", f"{type_name(root)} does not say"


def _array_movable(root: np.ndarray[Any, Any]) -> tuple[Movable, str]:
    if not root.flags.owndata:
        return "unknown", "the array does not say whose memory it was given"
    if weakref.getweakrefcount(root):
        return "no", "the array is pinned by a weak reference: resize() refuses"
    return "yes", "ndarray.resize(refcheck=False) moves it; sharing pins it"


def _next(x: Any) -> Any:
    if is_instance(x, np.ndarray):
        kept = x.base
        is_ours = type(kept) is tuple and len(kept) == 2 and _is_storage(kept[0])  # of to_numpy(tensor)
        return kept[0] if is_ours else kept
    if is_instance(x, memoryview):
        return _obj(x)
    if is_instance(x, _core.View):
        return x.owner
    return _tensor_base(x) if is_tensor(x) else None


def _obj(x: memoryview) -> Any:
    try:
        return x.obj
    except ValueError:  # released
        return None


def _tensor_base(x: Any) -> Any:
    try:
        return x.untyped_storage() if x._base is None else x._base
    except Exception:  # tensors without a storage raise various exceptions
        return None


def _is_storage(x: object) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and is_instance(x, getattr(torch, "UntypedStorage", ()))


def _note(x: Any) -> str:
    if is_instance(x, np.ndarray):
        return f"{x.nbytes:,} bytes{', owns them' if x.flags.owndata else ''}"
    if _is_storage(x):
        return f"{len(x):,} bytes, {'resizable' if x.resizable() else 'pinned'}"
    if is_instance(x, (bytes, bytearray, mmap.mmap)):
        return f"{len(x):,} bytes"
    if is_instance(x, (memoryview, _core.View)):
        return _bytes_of_view(x)
    return f"{ctypes.sizeof(x):,} bytes" if is_instance(x, ctypes.Array) else ""


def _bytes_of_view(x: memoryview | _core.View) -> str:
    try:
        return f"{x.nbytes:,} bytes"
    except ValueError:  # released
        return "released"
