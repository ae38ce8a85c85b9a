"""Borrowed memory stays where it is: other threads, other arguments, tensors that mean something else."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from support import needs_torch

try:
    import torch
except ImportError:
    torch = None


# What the exchange API does not say


@needs_torch
def test_negated_tensors_are_refused(extension: ModuleType) -> None:
    x = torch.arange(3.0)._neg_view()
    with pytest.raises(TypeError, match=r"is_neg = True.*x\.resolve_neg\(\)"):
        extension.float32(x)
    with pytest.raises(TypeError, match="is_neg = True"):
        extension.shared_const(x)
    assert extension.float32(x.resolve_neg()) == 3


@needs_torch
def test_conjugated_tensors_are_refused(extension: ModuleType) -> None:
    x = torch.ones(3, dtype=torch.complex64)
    with pytest.raises(TypeError, match=r"is_conj = True.*arg0\.resolve_conj\(\)"):
        extension.fill_complex(x.conj(), 1)
    with pytest.raises(TypeError, match="is_neg = True"):
        extension.float32(x.conj().imag)
    extension.fill_complex(x, 2)
    assert x.tolist() == [2, 2, 2]


@needs_torch
@pytest.mark.parametrize("kind", ["leaf", "result", "parameter", "view"])
def test_grad_matters_for_writes_only(extension: ModuleType, kind: str) -> None:
    leaf = torch.arange(3.0, requires_grad=True)
    x = {
        "leaf": leaf,
        "result": leaf * 1,
        "parameter": torch.nn.Parameter(torch.arange(3.0)),
        "view": leaf[:],
    }[kind]
    assert extension.float32(x) == 3
    assert extension.shared_const(x) == 3
    for function in (extension.writable, extension.shared):
        with pytest.raises(TypeError, match=r"requires_grad = True.*x\.detach\(\)"):
            function(x)
    assert extension.writable(x.detach()) == 3
    with torch.no_grad():
        assert extension.float32(x) == 3


@needs_torch
def test_views_of_tensors_without_grad_are_writable(extension: ModuleType) -> None:
    x = torch.zeros(4, 3)
    assert extension.writable(x[1:]) == 9
    assert extension.writable(x.T) == 12
    with torch.inference_mode():
        assert extension.writable(torch.zeros(3)) == 3


@needs_torch
def test_unchecked_takes_memory_as_it_is(extension: ModuleType) -> None:
    assert extension.unchecked(torch.arange(3.0)._neg_view()) == 3


@needs_torch
def test_a_shape_beyond_its_storage_is_refused(extension: ModuleType) -> None:
    x = torch.zeros(4)
    bridge.to_numpy(x)
    with pytest.raises(RuntimeError, match="not resizable"):
        x.resize_(1 << 20)
    assert x.shape == (1 << 20,), "torch has been mended: this test needs another broken tensor"
    with pytest.raises(TypeError, match="16 bytes"):
        extension.float32(x)


@needs_torch
@pytest.mark.parametrize("kind", ["emptied", "meta", "sparse", "quantized", "zero", "nested"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_tensors_without_memory_are_refused(extension: ModuleType, kind: str) -> None:
    emptied = torch.zeros(4)
    emptied.untyped_storage().resize_(0)
    x = {
        "emptied": lambda: emptied,
        "meta": lambda: torch.zeros(4, device="meta"),
        "sparse": lambda: torch.zeros(4).to_sparse(),
        "quantized": lambda: torch.quantize_per_tensor(torch.zeros(4), 1.0, 0, torch.qint8),
        "zero": lambda: torch._efficientzerotensor((4,)),
        "nested": lambda: torch.nested.nested_tensor([torch.zeros(4), torch.zeros(2)]),
    }[kind]()
    with pytest.raises(TypeError, match="x: expected float32, CPU; got torch"):
        extension.float32(x)


# Other arguments run Python code


class _Meddler:
    """A number, an array: whatever is asked of it, it does something first."""

    def __init__(self, act: Any) -> None:
        self.act = act
        self.array = np.zeros(1, np.float32)

    def __float__(self) -> float:
        self.act()
        return 1.0

    def __dlpack__(self, **options: Any) -> Any:
        self.act()
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


def recording(
    expected: type[Exception], act: Callable[[], Any]
) -> tuple[list[Exception], Callable[[], None]]:
    """`act`, and a list of the refusals that it has met."""
    refused: list[Exception] = []

    def attempt() -> None:
        try:
            act()
        except expected as error:
            refused.append(error)

    return refused, attempt


class _Subclass(np.ndarray[Any, Any]):
    """An array that is not exactly NumPy's."""


@pytest.mark.parametrize("kind", [np.ndarray, _Subclass])
@pytest.mark.parametrize("function", ["then_convert", "convert_two"])
def test_an_array_resized_by_the_next_argument(extension: ModuleType, function: str, kind: type[Any]) -> None:
    x = kind(4, np.float32)
    resize = _Meddler(lambda: x.resize(1 << 20, refcheck=False))
    with pytest.raises(TypeError, match="changed while other arguments were converted"):
        getattr(extension, function)(x, resize)


def test_an_array_reshaped_by_the_next_argument(extension: ModuleType) -> None:
    x = np.arange(4, dtype=np.float32)
    with pytest.raises(TypeError, match="changed while other arguments were converted"):
        extension.then_convert(x, _Meddler(lambda: x.resize(2, refcheck=False)))


@needs_torch
@pytest.mark.parametrize("function", ["then_convert", "convert_two"])
@pytest.mark.parametrize(
    "act",
    [
        lambda x: x.resize_(1 << 20),
        lambda x: x.untyped_storage().resize_(0),
        lambda x: x.set_(torch.zeros(1).untyped_storage()),
        lambda x: setattr(x, "data", torch.zeros(1)),
    ],
    ids=["resize_", "emptied", "set_", "data"],
)
def test_a_tensor_moved_by_the_next_argument(extension: ModuleType, function: str, act: Any) -> None:
    x = torch.arange(4.0)
    with pytest.raises(TypeError, match="changed while other arguments were converted"):
        getattr(extension, function)(x, _Meddler(lambda: act(x)))


def test_a_bytearray_is_locked_while_others_are_converted(extension: ModuleType) -> None:
    block = bytearray(np.arange(4, dtype=np.float32).tobytes())
    refused, grow = recording(BufferError, lambda: block.extend(bytes(1 << 20)))
    assert extension.then_convert(memoryview(block).cast("f"), _Meddler(grow)) == 3
    assert len(refused) == 1


def test_a_bytearray_may_grow_after_the_call(extension: ModuleType) -> None:
    block = bytearray(np.arange(4, dtype=np.float32).tobytes())
    assert extension.then_convert(memoryview(block).cast("f"), 0.5) == 3
    block.extend(b"more")


@pytest.mark.parametrize(("code", "number"), [("i", 0.5), ("f", "no number")], ids=["itself", "the next"])
def test_a_bytearray_may_grow_after_a_refusal(extension: ModuleType, code: str, number: object) -> None:
    block = bytearray(16)
    with pytest.raises(TypeError):
        extension.then_convert(memoryview(block).cast(code), number)
    block.extend(b"more")


def test_a_harmless_argument_is_no_change(extension: ModuleType) -> None:
    x = np.arange(4, dtype=np.float32)
    assert extension.then_convert(x, _Meddler(lambda: x.sum())) == 3
    assert extension.convert_two(x, _Meddler(lambda: x.sum())) == 3


# Without the GIL


READERS = ["read_without_gil", "read_under_guard", "read_under_two_guards"]


@pytest.mark.parametrize("function", READERS)
def test_an_array_cannot_be_resized_without_the_gil(extension: ModuleType, function: str) -> None:
    x = np.arange(4, dtype=np.float32)
    refused, resize = recording(ValueError, lambda: x.resize(1 << 20, refcheck=False))
    assert getattr(extension, function)(x, resize) == 3
    assert len(refused) == 1
    x.resize(8, refcheck=False)  # and afterwards it can


@needs_torch
@pytest.mark.parametrize("function", READERS)
@pytest.mark.parametrize("how", ["resize_", "set_", "data", "emptied"])
def test_a_tensor_cannot_be_moved_without_the_gil(extension: ModuleType, function: str, how: str) -> None:
    x = torch.arange(4.0)

    def meddle() -> None:
        try:
            if how == "resize_":
                x.resize_(1 << 20)
            elif how == "set_":
                x.set_(torch.zeros(1).untyped_storage())
            elif how == "data":
                x.data = torch.zeros(1)
            else:
                x.untyped_storage().resize_(0)
        except RuntimeError:
            pass
        [torch.full((4,), 9.0) for _ in range(100)]  # so that freed memory is used again

    assert getattr(extension, function)(x, meddle) == 3


@pytest.mark.parametrize("function", READERS)
def test_a_bytearray_cannot_grow_without_the_gil(extension: ModuleType, function: str) -> None:
    block = bytearray(np.arange(4, dtype=np.float32).tobytes())
    refused, grow = recording(BufferError, lambda: block.extend(bytes(1 << 20)))
    assert getattr(extension, function)(memoryview(block).cast("f"), grow) == 3
    assert len(refused) == 1


@needs_torch
def test_pinning_does_not_ask_about_grad(extension: ModuleType) -> None:
    x = torch.arange(4.0, requires_grad=True)
    assert extension.read_without_gil(x, lambda: None) == 3


def test_the_guard_is_seen_at_any_place(extension: ModuleType) -> None:
    assert extension.guard_late(1, 2, 3, np.zeros(3, np.float32)) == 3


def test_arrays_that_nobody_else_holds_live_until_the_call_ends(extension: ModuleType) -> None:
    """`std::vector` takes any sequence, and makes a tuple of a generator that is gone before the call."""
    assert extension.many(np.full(1000, i + 1, np.float32) for i in range(4)) == 10_000


@needs_torch
def test_tensors_that_nobody_else_holds_live_until_the_call_ends(extension: ModuleType) -> None:
    assert extension.many(torch.full((1000,), float(i + 1)) for i in range(4)) == 10_000


def test_an_optional_array_moved_by_the_next_argument(extension: ModuleType) -> None:
    x = np.arange(4, dtype=np.float32)
    assert extension.optional_then_convert(x, 1.0) == 3
    # C++20 sees that it was moved; in C++17 it is pinned, and resizing it fails, so the number does, too.
    with pytest.raises(TypeError, match=r"changed while other arguments|incompatible function arguments"):
        extension.optional_then_convert(x, _Meddler(lambda: x.resize(1 << 20, refcheck=False)))
    assert extension.optional_then_convert(None, 1.0) == -1


@pytest.mark.parametrize("function", ["many_without_gil", "optional_without_gil"])
def test_nested_arrays_are_pinned_without_the_gil(extension: ModuleType, function: str) -> None:
    x = np.arange(4, dtype=np.float32)
    refused, resize = recording(ValueError, lambda: x.resize(1 << 20, refcheck=False))
    argument = [x] if function == "many_without_gil" else x
    assert getattr(extension, function)(argument, resize) == 3
    assert len(refused) == 1


def test_the_last_copy_of_a_share_may_go_without_the_gil(extension: ModuleType) -> None:
    block = bytearray(16)
    extension.drop_on_thread(memoryview(block).cast("f"))
    block.extend(b"unlocked again")
