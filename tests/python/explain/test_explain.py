"""`explain(x)`: what is said of an object, and that it stays what it was."""

from __future__ import annotations

import array
import gc
import mmap
import sys
import weakref
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from explained import ARRAYS, EVERYTHING, WITH_MEMORY
from fakes import FakeTensor
from numpy_bridge.explanation.model import Explanation
from numpy_bridge.explanation.owners import chain
from producers import Legacy
from support import needs_torch, run_python, torch

pytestmark = pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")

# Nothing is changed, nothing is held


@needs_torch
@pytest.mark.parametrize("twice", [False, True])
def test_a_tensor_stays_resizable(twice: bool) -> None:
    tensor = torch.arange(24.0)
    shown = bridge.explain(tensor, tensor[3:]) if twice else bridge.explain(tensor)
    shown.svg, str(shown), shown._repr_html_()
    assert tensor.untyped_storage().resizable()
    tensor.resize_(10_000)
    tensor.untyped_storage().resize_(0)


@needs_torch
@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "complex64"])
def test_so_do_tensors_of_other_dtypes(dtype: str) -> None:
    tensor = torch.zeros(24, dtype=getattr(torch, dtype))
    bridge.explain(tensor)
    tensor.resize_(10_000)


@needs_torch
def test_a_tensor_in_a_graph_stays_in_it() -> None:
    leaf = torch.arange(3.0, requires_grad=True)
    (product := leaf * leaf).sum().backward()
    version, gradient = leaf._version, leaf.grad.tolist()
    bridge.explain(leaf), bridge.explain(product), bridge.explain(leaf.grad)
    assert (leaf._version, leaf.grad.tolist()) == (version, gradient)
    assert leaf.requires_grad


def test_buffers_can_grow_and_close() -> None:
    grown, numbers = bytearray(24), array.array("d", range(24))
    mapped = mmap.mmap(-1, 24)
    kept = [bridge.explain(x) for x in (grown, numbers, mapped)]
    grown.extend(bytes(10_000))
    numbers.append(1.0)
    mapped.close()
    assert all(kept)


def test_arrays_can_be_resized() -> None:
    numbers = np.zeros(24)
    kept = bridge.explain(numbers), bridge.explain(numbers, numbers[1:])
    gc.collect()
    numbers.resize(10_000, refcheck=False)
    assert all(kept)


@pytest.mark.parametrize("name", sorted(EVERYTHING.keys() - {"integer", "None", "text", "class"}))
def test_nothing_is_held(name: str) -> None:
    x = EVERYTHING[name]()
    before = sys.getrefcount(x)
    kept = bridge.explain(x), bridge.explain(x, b"other")
    assert sys.getrefcount(x) == before
    assert len(kept) == 2


def test_the_result_does_not_keep_the_memory() -> None:
    numbers = np.arange(10_000.0)
    gone = weakref.ref(numbers)
    kept = bridge.explain(numbers)
    del numbers
    assert gone() is None
    assert kept.svg
    assert "10000" in str(kept)


@pytest.mark.parametrize("name", WITH_MEMORY)
def test_no_value_is_changed(name: str) -> None:
    x = WITH_MEMORY[name]()
    bridge.explain(x)
    assert (
        bridge.to_numpy(x, copy=True).tobytes() == bridge.to_numpy(WITH_MEMORY[name](), copy=True).tobytes()
    )


def test_capsules_are_given_back() -> None:
    producer = FakeTensor()
    bridge.explain(producer)
    assert producer.deleted >= 1


@needs_torch
@pytest.mark.filterwarnings("error")
def test_a_warning_that_torch_gives_once_is_left_for_the_program() -> None:
    run_python(
        """
import warnings, numpy as np, torch, numpy_bridge as bridge
frozen = np.ones(3)
frozen.flags.writeable = False
bridge.explain(frozen)
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    torch.from_numpy(frozen)
assert len(seen) == 1, seen
"""
    )


@needs_torch
@pytest.mark.parametrize("name", ["float64 1-d", "large", "requires grad", "negative", "bytearray", "mmap"])
def test_audits_neither_hear_nor_disturb_it(name: str) -> None:
    x = WITH_MEMORY[name]()
    alone = bridge.explain(x)
    with bridge.audit() as log:
        audited = bridge.explain(x)
        bridge.explain(x, x)
        assert not log.conversions
        torch.tensor([1.0]).numpy()
        assert log.conversions
    with bridge.no_copies():
        forbidden = bridge.explain(x)
    assert [target.outcome for target in audited.targets] == [target.outcome for target in alone.targets]
    assert forbidden.targets == alone.targets


# What is said


@pytest.mark.parametrize("name", ARRAYS)
def test_numbers_are_numpys_own(name: str) -> None:
    x = ARRAYS[name]()
    memory = bridge.explain(x).what.memory
    low, high = getattr(np.lib, "array_utils", np).byte_bounds(x)
    assert memory.shape == x.shape
    assert memory.strides == x.strides
    assert (memory.itemsize, memory.size, memory.nbytes) == (x.itemsize, x.size, x.nbytes)
    assert memory.ptr == x.ctypes.data
    if x.size:
        assert (memory.low, memory.high) == (low, high)
        assert memory.ptr % memory.alignment == 0
        assert memory.ptr % (2 * memory.alignment)
    assert (memory.c_contiguous, memory.f_contiguous) == (x.flags.c_contiguous, x.flags.f_contiguous)
    assert memory.readonly is not x.flags.writeable


def what(x: Any) -> Any:
    return bridge.explain(x).what


def test_library_and_type() -> None:
    assert (what(np.ones(2)).library, what(np.ones(2)).type) == ("numpy", "numpy.ndarray")
    assert (what(bytearray(2)).library, what(bytearray(2)).type) == ("python", "bytearray")
    assert (what(array.array("d")).library, what(array.array("d")).type) == ("python", "array.array")
    assert what(bridge.view(b"ab")).library == "numpy_bridge"
    assert what(5).memory is None


def test_owners_are_named_from_the_object_to_the_block() -> None:
    block = bytearray(24)
    of_array = what(np.frombuffer(memoryview(block), "u1")[2:])
    assert [owner.type for owner in of_array.owners] == ["numpy.ndarray", "memoryview", "bytearray"]
    assert str(of_array.owners[-1]) == "bytearray (24 bytes)"
    assert what(block).owners == ()
    assert [owner.type for owner in what(bridge.view(memoryview(block))).owners] == [
        "memoryview",
        "bytearray",
    ]


def test_a_chain_that_is_a_ring_ends() -> None:
    class Ring(np.ndarray):
        @property
        def base(self) -> Any:
            return self

    assert len(list(chain(np.zeros(2).view(Ring)))) == 1


@needs_torch
def test_owners_of_tensors() -> None:
    tensor = torch.zeros(24)
    assert [owner.type for owner in what(tensor[2:]).owners] == [
        "torch.Tensor",
        "torch.storage.UntypedStorage",
    ]
    assert "resizable" in str(what(tensor).owners[-1])
    bridge.view(tensor)
    assert "pinned" in str(what(tensor).owners[-1])


def test_whether_the_block_can_move() -> None:
    numbers = np.zeros(4)
    assert what(numbers).movable == "yes"
    numbers.resize(8, refcheck=False)
    held = bridge.view(numbers)
    assert what(numbers).movable == "no"
    with pytest.raises(ValueError, match="resize"):
        numbers.resize(4, refcheck=False)
    assert held.shape == (8,)
    assert what(bytearray(4)).movable == "unknown"
    assert what(b"abcd").movable == "no"
    assert what(Legacy(numbers)).movable == "unknown"
    assert what(np.frombuffer(b"abcd", "u1")).movable == "no"


@needs_torch
def test_whether_a_tensor_can_move() -> None:
    tensor = torch.zeros(4)
    assert what(tensor).movable == "yes"
    bridge.to_numpy(tensor)
    assert what(tensor).movable == "no"
    with pytest.raises(RuntimeError, match="resiz"):
        tensor.untyped_storage().resize_(1000)


@needs_torch
def test_flags_of_tensors() -> None:
    assert what(torch.zeros(2)).flags == ()
    assert what(torch.zeros(2, requires_grad=True)).flags == ("requires grad",)
    assert what(torch.zeros(2)._neg_view()).flags == ("negative bit",)
    assert what(torch.zeros(2, dtype=torch.complex64).conj()).flags == ("conjugate bit",)


# The function


def test_what_it_takes_is_imported_when_it_is_called() -> None:
    run_python(
        """
import sys, numpy_bridge
assert not [name for name in sys.modules if name.startswith("numpy_bridge.explanation.")]
assert "__getattr__" not in vars(numpy_bridge)  # it would slow every bridge.NAME down
numpy_bridge.explain(b"abc")
assert "numpy_bridge.explanation.run" in sys.modules
"""
    )


def test_results_are_what_they_say() -> None:
    explanation = bridge.explain(np.ones(3))
    assert isinstance(explanation, Explanation)
    with pytest.raises(AttributeError):
        explanation.what = None  # type: ignore[misc, assignment]
    with pytest.raises(TypeError):
        bridge.explain()
