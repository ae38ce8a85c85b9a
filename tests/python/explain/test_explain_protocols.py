"""Which protocols `explain` finds an object to speak, and what it says of them."""

from __future__ import annotations

from typing import Any

import numpy as np

import numpy_bridge as bridge
from fakes import FakeTensor
from numpy_bridge.explanation.model import Protocol
from producers import Legacy
from support import needs_torch, torch


def spoken(x: Any) -> dict[str, Protocol]:
    return {each.name: each for each in bridge.explain(x).protocols}


def test_protocols_of_an_array() -> None:
    found = spoken(np.ones(3))
    assert [name for name, each in found.items() if each.outcome == "shares"] == [
        *("buffer", "__dlpack__", "__array_struct__", "__array_interface__")
    ]
    assert found["__array__"].outcome == "untried"


def test_protocols_of_others() -> None:
    assert list(spoken(bytearray(3))) == ["buffer"]
    assert spoken(b"abc")["buffer"].outcome == "read-only"
    assert list(spoken(Legacy(np.ones(3)))) == ["__dlpack__"]
    view = spoken(bridge.view(np.ones(3)))
    assert {"__dlpack_c_exchange_api__", "buffer", "__dlpack__", "__array_struct__"} <= set(view)
    refused = spoken(np.ones(3, ">f4"))
    assert refused["__dlpack__"].outcome == "refuses"
    assert refused["buffer"].outcome == "shares"


@needs_torch
def test_protocols_of_a_tensor_say_what_they_leave_out() -> None:
    found = spoken(torch.ones(3)._neg_view())
    assert found["__dlpack__"].outcome == "shares"
    assert "without: negative bit" in found["__dlpack__"].because
    assert found["__array__"].because == "torch's pins the storage for good"


def test_refusals_of_protocols_are_told_where_nothing_shares() -> None:
    explanation = bridge.explain(FakeTensor(version=(2, 0)))
    (protocol,) = explanation.protocols
    assert (protocol.name, protocol.outcome) == ("__dlpack__", "refuses")
    assert "DLPack major version 1" in protocol.because
    assert explanation.what.refusal == protocol.because
    assert spoken([1.0]) == {}


def test_array_is_not_called_where_it_may_copy() -> None:
    class Dear:
        calls = 0

        def __init__(self) -> None:
            self.memory = bytearray(8)

        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            Dear.calls += 1
            return np.zeros(3)

        @property
        def __array_interface__(self) -> Any:
            return np.frombuffer(self.memory, "u1").__array_interface__

    assert spoken(Dear())["__array__"].outcome == "untried"
    assert Dear.calls == 0
