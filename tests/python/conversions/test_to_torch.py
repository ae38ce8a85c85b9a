"""to_torch: shared with whoever made the memory, or refused, or copied on request."""

from __future__ import annotations

import ctypes
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge import to_torch
from producers import (
    PRODUCERS,
    READONLY_PRODUCERS,
    Legacy,
    Versioned,
    shared_memory,
)
from support import (
    BACKWARD,
    FLOAT8_OF_ML_DTYPES,
    FORWARD,
    LAYOUTS,
    TORCH_DTYPES,
    assert_aliases,
    assert_independent,
    base_array,
    base_tensor,
    byte_swapped,
    dtype_layouts,
    needs_ml_dtypes,
    needs_torch,
    peek,
    readonly,
    refused,
    torch,
    with_odd_strides,
)

pytestmark = needs_torch

SOME_DTYPES: list[Any] = ["float64", "int16", pytest.param("bfloat16", marks=needs_ml_dtypes)]

# What torch cannot take: how it is made, the field at fault, and a part of the hint
REFUSED: dict[str, tuple[Callable[[], Any], str, str]] = {
    "reversed": (lambda: base_array()[::-1], "strides", "copy=True"),
    "reversed-rows": (lambda: base_array().reshape(4, 6)[::-1, ::2], "strides", "copy=True"),
    "odd-strides": (lambda: with_odd_strides(base_array()), "strides", "copy=True"),
    "byte-swapped": (lambda: byte_swapped(base_array()), "byte order", "native byte order"),
    "byte-swapped-ctypes": (
        lambda: (ctypes.c_int32.__ctype_be__ * 2)(1, 2),
        "byte order",
        "native byte order",
    ),
    "readonly": (lambda: readonly(base_array()), "readonly", "allow_readonly=True"),
    "broadcast_to": (lambda: np.broadcast_to(base_array(), (2, 24)), "readonly", "allow_readonly=True"),
}


def as_itself(x: Any) -> Any:
    return x


# Shared


TENSORS: dict[str, Callable[[], Any]] = {
    "plain": base_tensor,
    "requires_grad": lambda: torch.ones(2, requires_grad=True),
    "subclass": lambda: torch.ones(2).as_subclass(type("Sub", (torch.Tensor,), {})),
    "meta": lambda: torch.ones(2, device="meta"),
    "sparse": lambda: torch.eye(2).to_sparse(),
    "conj": lambda: torch.tensor([1j]).conj(),
    "parameter": lambda: torch.nn.Parameter(torch.ones(2)),
}


@pytest.mark.parametrize("kind", TENSORS)
@pytest.mark.parametrize("copy", [False, None])
def test_a_tensor_is_returned_as_it_is(kind: str, copy: bool | None) -> None:
    tensor = TENSORS[kind]()
    assert to_torch(tensor, copy=copy) is tensor


@pytest.mark.parametrize(("name", "layout"), dtype_layouts(TORCH_DTYPES, FORWARD))
def test_array(name: str, layout: str) -> None:
    array = FORWARD[layout](base_array(name))
    for source in (array, bridge.view(array)):
        tensor = to_torch(source)
        assert type(tensor) is torch.Tensor
        assert (tensor.dtype, tuple(tensor.shape)) == (getattr(torch, name), array.shape)
        assert not tensor.requires_grad
        assert_aliases(array, tensor)


@pytest.mark.parametrize("producer", [memoryview, Legacy, Versioned], ids=lambda p: p.__name__)
@pytest.mark.parametrize("layout", FORWARD)
def test_array_through_protocols(layout: str, producer: Callable[[Any], Any]) -> None:
    array = FORWARD[layout](base_array("float32"))
    assert_aliases(array, to_torch(producer(array)))


@pytest.mark.parametrize("name", PRODUCERS)
def test_producer(name: str) -> None:
    producer = PRODUCERS[name]()
    tensor = to_torch(producer)
    assert tensor.tolist() == list(range(8))
    assert_aliases(producer, tensor)


def test_shared_memory() -> None:
    with shared_memory() as block:
        block.buf[:] = bytes(range(8))
        assert_aliases(block.buf, to_torch(block.buf))


def test_torch_sees_writes_of_its_own_kind() -> None:
    array = np.zeros((5, 2))
    tensor = to_torch(array)
    np.add(array, 1, out=array)
    tensor.add_(tensor)
    torch.mul(tensor, 3, out=tensor)
    assert array.tolist() == [[6, 6]] * 5


def test_round_trip() -> None:
    array, tensor = base_array(), base_tensor("bfloat16")
    assert_aliases(array, bridge.to_numpy(to_torch(array)))
    assert_aliases(array, to_torch(bridge.view(bridge.view(array))))
    pytest.importorskip("ml_dtypes", reason="bfloat16 in NumPy needs ml_dtypes")
    assert_aliases(tensor, to_torch(bridge.to_numpy(tensor)))


@pytest.mark.parametrize("name", SOME_DTYPES)
def test_default_device_of_torch_does_not_matter(name: str) -> None:
    array = base_array(name)
    with torch.device("meta"):  # as torch.set_default_device("cuda") does
        tensor = to_torch(array)
        copy = to_torch(array, copy=True)
    assert_independent(array.copy(), copy)
    assert_aliases(array, tensor)


# Read-only


@pytest.mark.parametrize("name", READONLY_PRODUCERS)
def test_readonly_memory_is_refused(name: str) -> None:
    producer = READONLY_PRODUCERS[name]()
    with refused("readonly", "torch", hint="allow_readonly=True"):
        to_torch(producer)


@pytest.mark.parametrize("name", READONLY_PRODUCERS)
def test_allow_readonly_shares_without_a_warning(name: str) -> None:
    producer = READONLY_PRODUCERS[name]()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tensor = to_torch(producer, allow_readonly=True)
    assert tensor.tolist() == list(range(8))
    assert bridge.shares_memory(tensor, producer)


def test_allow_readonly_aliases() -> None:
    array = base_array()
    tensor = to_torch(bridge.view(array, readonly=True), allow_readonly=True)
    array[3] = 100  # through the side that may
    assert tensor[3] == 100


@pytest.mark.parametrize("name", ["reversed", "odd-strides", "byte-swapped"])
def test_allow_readonly_allows_nothing_else(name: str) -> None:
    make, field, _ = REFUSED[name]
    with refused(field, "torch"):
        to_torch(make(), allow_readonly=True)


# Refused


@pytest.mark.parametrize("wrap", [as_itself, bridge.view, memoryview], ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", REFUSED)
def test_what_torch_cannot_take_is_refused(name: str, wrap: Callable[[Any], Any]) -> None:
    make, field, hint = REFUSED[name]
    source = wrap(make())
    with refused(field, "torch", hint=hint):
        to_torch(source)
    assert bridge.to_numpy(source).tolist() == np.asarray(source).tolist()  # NumPy can


@pytest.mark.parametrize("layout", BACKWARD)
@pytest.mark.parametrize("producer", [Legacy, Versioned])
def test_negative_strides_through_dlpack_are_refused(layout: str, producer: type[Legacy]) -> None:
    with refused("strides", "torch", hint="copy=True"):
        to_torch(producer(BACKWARD[layout](base_array())))


@needs_ml_dtypes
@pytest.mark.parametrize("name", FLOAT8_OF_ML_DTYPES)
def test_dtypes_that_torch_lacks_are_refused(name: str) -> None:
    array = base_array(name)
    for copy in (False, None, True):
        with refused("dtype", "torch", hint="uint8"):
            to_torch(array, copy=copy)
    assert_aliases(array.view("u1"), to_torch(array.view("u1")))  # as the hint says


@pytest.mark.parametrize("copy", [False, None, True])
@pytest.mark.parametrize("x", [None, 1, "text", [1.0], object(), np], ids=lambda x: type(x).__name__)
def test_without_memory_it_is_a_type_error(x: object, copy: bool | None) -> None:
    with pytest.raises(TypeError, match="has no memory to share"):
        to_torch(x, copy=copy)


# Copied


@pytest.mark.parametrize(("name", "layout"), dtype_layouts(SOME_DTYPES, LAYOUTS))
def test_copy_of_array(name: str, layout: str) -> None:
    array = LAYOUTS[layout](base_array(name))
    for source in (array, bridge.view(array), bridge.view(array, readonly=True)):
        copy = to_torch(source, copy=True)
        assert copy.dtype == getattr(torch, name)
        assert_independent(array, copy)


@pytest.mark.parametrize("name", REFUSED)
def test_copy_if_needed(name: str) -> None:
    source = REFUSED[name][0]()
    copy = to_torch(source, copy=None)
    assert copy.tolist() == np.asarray(source).tolist()
    assert not bridge.shares_memory(copy, source)
    copy.fill_(100)
    assert 100 not in np.asarray(source)


@pytest.mark.parametrize("name", PRODUCERS)
def test_copy_if_needed_shares_where_it_can(name: str) -> None:
    producer = PRODUCERS[name]()
    assert_aliases(producer, to_torch(producer, copy=None))


@pytest.mark.parametrize("name", {**PRODUCERS, **READONLY_PRODUCERS})
def test_copy_of_producer(name: str) -> None:
    producer = {**PRODUCERS, **READONLY_PRODUCERS}[name]()
    copy = to_torch(producer, copy=True)
    assert copy.tolist() == list(range(8))
    copy.fill_(9)
    assert bridge.to_numpy(producer).tolist() == list(range(8))


def test_copy_of_tensor_is_a_clone() -> None:
    tensor = torch.tensor([1 + 1j, 2 - 1j], requires_grad=True)
    copy = to_torch(tensor.conj(), copy=True)
    assert copy.tolist() == [1 - 1j, 2 + 1j]
    assert copy.grad_fn is not None
    plain = base_tensor()
    assert_independent(plain, to_torch(plain, copy=True))


@pytest.mark.parametrize("kind", ["meta", "sparse", "conj"])
def test_what_cannot_be_shared_is_cloned(kind: str) -> None:
    tensor = TENSORS[kind]()
    copy = to_torch(tensor, copy=True)
    assert copy is not tensor
    assert (copy.layout, copy.device, copy.shape) == (tensor.layout, tensor.device, tensor.shape)


def test_a_tensor_that_has_lost_its_memory_is_not_cloned() -> None:
    emptied, cut = torch.ones(4), torch.ones(4)
    emptied.untyped_storage().resize_(0)
    cut.untyped_storage().resize_(4)
    for tensor, field in [(emptied, "data"), (cut, "storage")]:
        with refused(field, "torch"):
            to_torch(tensor, copy=True)


def test_torch_copies_what_numpy_has_no_dtype_for() -> None:
    tensor = torch.zeros(3, dtype=torch.complex32)
    copy = to_torch(bridge.view(tensor), copy=True)
    assert (copy.dtype, copy.shape) == (torch.complex32, (3,))
    assert not bridge.shares_memory(copy, tensor)


def test_a_copy_keeps_the_order_of_the_axes() -> None:
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    assert to_torch(array, copy=True).stride() == to_torch(array).stride() == (1, 2)


# Arguments, and torch missing


@pytest.mark.parametrize(
    "call", [lambda f: f(), lambda f: f(b"", True), lambda f: f(b"", dtype="f4"), lambda f: f(b"", x=b"")]
)
def test_wrong_arguments(call: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match="to_torch"):
        call(to_torch)


def test_nothing_warns() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for make in PRODUCERS.values():
            assert peek(to_torch(make())) == peek(to_torch(make(), copy=True))
