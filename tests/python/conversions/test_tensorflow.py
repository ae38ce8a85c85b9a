"""Tensors of TensorFlow that hold no numbers. `nox -s tensorflow` installs it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
tf = pytest.importorskip("tensorflow", reason="tensorflow is not installed: nox -s tensorflow")

CALLS: dict[str, Callable[[Any], object]] = {
    "view": bridge.view,
    "to_numpy": bridge.to_numpy,
    "to_numpy, copying": lambda x: bridge.to_numpy(x, copy=None),
    "to_torch": bridge.to_torch,
    "shares_memory": lambda x: bridge.shares_memory(x, np.ones(2)),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("dtype", ["string", "resource"])
def test_what_ends_the_process_is_not_asked_for(dtype: str, call: Callable[[Any], object]) -> None:
    """TensorFlow checks that elements can be copied as bytes, by ending the process if not."""
    tensor = (
        tf.constant(["some", "text"])
        if dtype == "string"
        else tf.raw_ops.VarHandleOp(dtype="float", shape=[])
    )
    with pytest.raises(bridge.SharingError, match=f"expected numbers in one block of memory, got {dtype}"):
        call(tensor)


def test_it_is_explained() -> None:
    explanation = bridge.explain(tf.constant(["some", "text"]))
    assert not explanation
    outcomes = {protocol.name: protocol.outcome for protocol in explanation.protocols}
    assert outcomes["__dlpack__"] == "refuses"
