"""Memory that moves to or from a device: which way, from what memory of the host, and whether the host waits.

All follows from devices, dtypes, layouts and pinned memory. For tensors on CUDA devices the rules are those
of torch's ``copy_`` (aten/src/ATen/native/cuda/Copy.cu) and of "API synchronization behavior" in CUDA's
manual. CuPy copies arrays of the host into pinned memory of its own first. Other libraries do not say.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from numpy_bridge.tensors import is_tensor

from .calls import Call
from .operands import Operand, Trait

TO_DEVICE, TO_HOST, BETWEEN = "host to device", "device to host", "device to device"


class Transfer(NamedTuple):
    """How memory moved.

    Parameters
    ----------
    direction : str
        "host to device", "device to host" or "device to device".
    source, target : str
        The devices: "cpu", "cuda:0".
    pinned : bool or None
        Whether the memory of the host is pinned, and has no gaps between its elements; None if neither
        side is the host, or for other libraries than torch.
    non_blocking : bool
        Whether the call has ``non_blocking=True``, or CuPy's ``blocking`` is False.
    waits : bool or None
        Whether the call returns only when the host's memory has been read or written; None if the library
        does not say.
    """

    direction: str
    source: str
    target: str
    pinned: bool | None = None
    non_blocking: bool = False
    waits: bool | None = None


def transfer_of(
    call: Call, options: Mapping[str, Any], source: Any, result: Any, given: Operand, made: Operand
) -> Transfer | None:
    """Describe the transfer of a call between two devices; None if one side is a capsule or has no memory."""
    if "PyCapsule" in (given.kind, made.kind):
        return None
    if Trait.NO_MEMORY in given.traits | made.traits:
        return None
    to_host = made.device == "cpu"
    direction = TO_HOST if to_host else TO_DEVICE if given.device == "cpu" else BETWEEN
    transfer = Transfer(direction, given.device, made.device)
    if not all(device.startswith(("cpu", "cuda")) for device in transfer[1:3]):
        return transfer
    if call.module == "torch":
        non_blocking = _non_blocking(options)
        if direction is BETWEEN:
            return transfer._replace(non_blocking=non_blocking, waits=False)
        pinned = _is_pinned(result if to_host else source)
        waits = not (non_blocking and pinned)
        return transfer._replace(pinned=pinned, non_blocking=non_blocking, waits=waits)
    if call.module == "cupy":
        blocking = options.get("blocking", to_host) is not False
        return transfer._replace(non_blocking=not blocking, waits=blocking)
    return transfer._replace(waits=True) if to_host else transfer


def _non_blocking(options: Mapping[str, Any]) -> bool:
    """Whether a method of a tensor got ``non_blocking``, which is its first bool without a name."""
    unnamed = (value for name, value in options.items() if name.startswith("argument"))
    first = next((value for value in unnamed if isinstance(value, bool)), False)
    return options.get("non_blocking", first) is True


def _is_pinned(x: Any) -> bool:
    """Whether memory of the host is pinned, without gaps: torch first copies elements with gaps together."""
    while isinstance(x, np.ndarray) and x.base is not None:
        x = x.base
    strided = is_tensor(x) and x.layout is sys.modules["torch"].strided
    return bool(strided and x.is_pinned() and not _has_gaps(x))


def _has_gaps(x: Any) -> bool:
    """Whether elements of a tensor have other memory between them, or are one and the same."""
    last = sum((extent - 1) * step for extent, step in zip(x.shape, x.stride(), strict=True))
    return bool(x.numel() and last + 1 != x.numel())


def moved_bytes(transfer: Transfer, source: Any, result: Any, made: Operand) -> int:
    """Return the bytes that move. The host converts to another dtype, or with ``non_blocking`` the device."""
    if transfer.direction is BETWEEN or not (is_tensor(source) and is_tensor(result)):
        return made.nbytes
    of_source = transfer.non_blocking is (transfer.direction is TO_DEVICE)
    return int(result.numel() * (source if of_source else result).element_size())


def reason(transfer: Transfer) -> str:
    """Say how memory moved, in words for a report."""
    words = f"it moves from {transfer.source} to {transfer.target}"
    if transfer.direction is TO_DEVICE and transfer.pinned is not None:
        words += f", from {'pinned' if transfer.pinned else 'pageable'} memory"
        if transfer.non_blocking and transfer.waits:
            return f"{words}, where non_blocking has no effect: the host waits until CUDA has read it"
    if transfer.direction is TO_HOST and transfer.waits is False:
        return f"{words}, and the host does not wait: synchronize before you read it"
    if transfer.waits is None:
        return words
    return f"{words}; the host {'waits' if transfer.waits else 'does not wait'}"
