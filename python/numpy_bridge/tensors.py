"""Torch tensors, without importing torch."""

from __future__ import annotations

import sys
from typing import Any

from numpy_bridge import _core
from numpy_bridge.libraries import is_instance


def is_tensor(x: object) -> bool:
    """Return whether `x` is a torch tensor. Does not import torch, nor believe `x.__class__`."""
    torch = sys.modules.get("torch")  # has no Tensor while another thread imports it
    return is_instance(x, getattr(torch, "Tensor", ()))


def unpinned_view(x: Any) -> _core.View:
    """Return a View of `x` that does not pin a tensor's storage. Use it at once.

    `view` pins the storage of a tensor permanently. `values_of` makes the same checks without pinning.
    """
    return _core.values_of(x) if is_tensor(x) else _core.view(x)
