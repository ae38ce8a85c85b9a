"""What `copy` may be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from support import needs_torch


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(bridge.to_numpy, id="to_numpy"),
        pytest.param(bridge.to_torch, id="to_torch", marks=needs_torch),
    ],
)
def test_text_is_not_taken_for_true(call: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match="copy: expected True, False or None, got text"):
        call(np.ones(3), copy="never")
