"""Paths that no ordinary object takes: found by the lines that the other tests left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fakes import FakeBuffer, FakeTensor
from support import needs_torch, refused, run_python, torch


class OddBuffer(FakeBuffer):
    """Its buffer has a format that nobody knows, as MLX's bfloat16; its capsule is unversioned."""

    def __init__(self, **lies: Any) -> None:
        super().__init__(format=b"bfloat16", **lies)
        self.tensor = FakeTensor(versioned=False)

    def __dlpack__(self, **keywords: Any) -> object:
        return self.tensor.__dlpack__(**keywords)


@pytest.mark.parametrize("readonly", [False, True])
def test_an_unversioned_capsule_is_as_writable_as_the_buffer_beside_it(readonly: bool) -> None:
    assert bridge.view(OddBuffer(readonly=int(readonly))).readonly == readonly


def test_an_unversioned_capsule_is_writable_where_the_buffer_fails() -> None:
    assert not bridge.view(OddBuffer(fail=True)).readonly


class Hashable:
    """An owner that hashes."""


def test_a_view_of_numbers_does_not_hash_even_if_its_owner_does() -> None:
    array = np.ones(2)
    shared = bridge.from_pointer(array.ctypes.data, 2, "float64", owner=Hashable(), readonly=True)
    with pytest.raises(ValueError, match="cannot hash a View of float64; only int8 and uint8 hash"):
        hash(shared)


def test_a_torch_that_is_half_imported() -> None:
    run_python(
        """
import sys, types, numpy as np, numpy_bridge as bridge, pytest
sys.modules["torch"] = types.ModuleType("torch")
with pytest.raises(ImportError, match="torch is only partly imported"):
    bridge.to_torch(np.ones(2))
assert bridge.to_numpy(np.ones(2)).sum() == 2
"""
    )


@needs_torch
def test_no_copy_of_a_tensor_that_has_lost_its_memory() -> None:
    emptied = torch.ones(4)
    emptied.untyped_storage().resize_(0)
    with refused("data"):
        bridge.to_torch(emptied, copy=True)


class TestTour:
    def test_the_shell_completes_steps(self) -> None:
        pytest.importorskip("typer", reason="the command line needs typer")
        from numpy_bridge import tour
        from numpy_bridge.tour.command import _complete

        first = tour.steps[0].name
        assert first in _complete(first[:2])
        assert _complete("no such step") == []

    @needs_torch
    def test_a_failing_step_says_so(self) -> None:
        rich = pytest.importorskip("rich.console", reason="the command line needs rich")
        from numpy_bridge import tour
        from numpy_bridge.tour.model import Result
        from numpy_bridge.tour.terminal import Screen

        failed = Result(tour.steps[0], output="", error="line 1: ZeroDivisionError: no")
        for plain in (True, False):
            console = rich.Console(width=100)
            with console.capture() as shown:
                console.print(Screen(plain=plain).step(failed, 1))
            assert "FAILED: line 1: ZeroDivisionError: no" in shown.get()
