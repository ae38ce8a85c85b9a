"""Modes of torch and TensorFlow in which tensors cannot be asked questions in the ordinary way."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast


def torch_functions_disabled() -> AbstractContextManager[None]:
    """Keep questions about tensors from the `__torch_function__` of modes and subclasses."""
    torch = sys.modules.get("torch")
    disable = getattr(getattr(torch, "_C", None), "DisableTorchFunction", nullcontext)
    return cast("AbstractContextManager[None]", disable())


def is_tracing() -> bool:
    """Whether torch.jit.trace or tf.function records the calls of this thread, and would record questions."""
    torch: Any = getattr(sys.modules.get("torch"), "_C", None)
    is_eager: Any = getattr(sys.modules.get("tensorflow"), "executing_eagerly", None)
    return (torch is not None and torch._is_tracing()) or (is_eager is not None and not is_eager())
