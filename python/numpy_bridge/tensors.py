"""Recognises torch tensors without importing torch."""

from __future__ import annotations

import sys


def is_tensor(x: object) -> bool:
    """Return whether `x` is a torch tensor. Does not import torch."""
    torch = sys.modules.get("torch")  # has no Tensor while another thread imports it
    return isinstance(x, getattr(torch, "Tensor", ()))
