"""CUDA tensors that the host plays: torch parses and dispatches the program's own calls, nothing is timed.

An `OnDevice` is a tensor that says it is on a device, and keeps its elements in a tensor of the host. What is
shown is which calls move memory, with which arguments. That hosts wait as the audit says is for
`tests/python/cuda/test_gpu_audit.py` to show.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from numpy_bridge.auditing.judging import operands
from numpy_bridge.unwatched import unwatched

_has_memory = operands._has_memory


class OnDevice(torch.Tensor):
    """A tensor on a device. `host` has its elements."""

    host: torch.Tensor

    @staticmethod
    def __new__(cls, host: torch.Tensor, device: torch.device) -> Any:
        made = torch.Tensor._make_wrapper_subclass(
            cls, host.shape, strides=host.stride(), dtype=host.dtype, device=device
        )
        made.host = host
        return made

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(function, args, kwargs or {})


PINNED: set[int] = set()
"""Addresses of memory of the host that counts as pinned."""


def _device(value: Any) -> Any:
    device = None if value is None else torch.device(value)
    return torch.device("cuda", device.index or 0) if device is not None and device.type == "cuda" else device


def _run(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Do on the host what torch would do on devices, and say that the result is where torch would have it."""
    found: list[torch.device] = []
    tree_map_only(OnDevice, lambda t: found.append(t.device), (args, kwargs))
    target = _device(kwargs.pop("device", None)) or (found[0] if found else torch.device("cpu"))
    blocking = not kwargs.pop("non_blocking", False)
    if function is torch.ops.aten._pin_memory.default:
        PINNED.add((made := args[0].clone()).data_ptr())
        return made
    if function is torch.ops.aten.is_pinned.default:
        return args[0].data_ptr() in PINNED
    hosts, options = tree_map_only(OnDevice, lambda t: t.host, (args, kwargs))
    result = function(*hosts, **options)
    if getattr(function, "__name__", "").partition(".")[0] == "copy_":
        return args[0]
    if target.type == "cpu" and found and not blocking:
        PINNED.add(result.data_ptr())  # torch allocates it so
    return OnDevice(result, target) if target.type == "cuda" and isinstance(result, torch.Tensor) else result


class _Dispatch(TorchDispatchMode):
    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        with unwatched():
            return _run(function, args, kwargs or {})


class _Functions(TorchFunctionMode):
    """Names devices by their number, as a build without CUDA cannot ask which one is current."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = {**(kwargs or {})}
        name = getattr(function, "__name__", "")
        if name == "cuda":
            device = named.pop("device", args[1] if len(args) > 1 else 0)
            return args[0].to(torch.device("cuda", device), **named)
        args = tuple(
            _device(x) if (isinstance(x, str) and x == "cuda") or isinstance(x, torch.device) else x
            for x in args
        )
        if "device" in named:
            named["device"] = _device(named["device"])
        if name in _NEW and getattr(named.get("device"), "type", "") == "cuda":
            device = named.pop("device")
            return function(*args, **named).to(device)
        with unwatched():
            return _run(function, args, named) if name in _OF_DEVICE else function(*args, **named)


_NEW = ("tensor", "empty", "zeros", "ones")
_OF_DEVICE = ("tolist", "item", "__getitem__", "copy_")
"""What a build without CUDA refuses to dispatch."""


@contextmanager
def devices(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let torch have CUDA devices inside the block."""
    monkeypatch.setattr(torch.cuda, "_lazy_init", lambda: None)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(operands, "_has_memory", lambda x: type(x) is OnDevice or _has_memory(x))
    PINNED.clear()
    with _Dispatch(), _Functions():
        yield
