"""Which objects are torch's, without importing torch."""

from __future__ import annotations

import sys


def is_tensor(x: object) -> bool:
    """Whether `x` is a torch tensor; torch is not imported to find out."""
    torch = sys.modules.get("torch")  # without Tensor while another thread imports it
    return isinstance(x, getattr(torch, "Tensor", ()))
