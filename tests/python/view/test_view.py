"""View: what it says about its memory, and how it behaves as a Python object."""

from __future__ import annotations

import copy
import ctypes
import gc
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge import View, view
from producers import (
    PRODUCERS,
    READONLY_PRODUCERS,
)
from support import (
    ARRAY_DTYPES,
    LAYOUTS,
    TENSOR_LAYOUTS,
    TORCH_DTYPES,
    assert_aliases,
    base_array,
    base_tensor,
    byte_swapped,
    dtype_layouts,
    dtype_named,
    needs_ml_dtypes,
    needs_torch,
    peek,
    readonly,
    refused,
)

# Properties


@pytest.mark.parametrize(("name", "layout"), dtype_layouts(ARRAY_DTYPES, LAYOUTS))
def test_properties_are_those_of_the_array(name: str, layout: str) -> None:
    array = LAYOUTS[layout](base_array(name))
    shared = view(array)
    assert shared.shape == array.shape
    assert shared.strides == array.strides
    assert shared.itemsize == array.itemsize
    assert shared.nbytes == array.nbytes
    assert shared.ndim == array.ndim
    assert shared.readonly is False
    assert shared.device == "cpu"
    assert shared.owner is array
    assert shared.dtype == (array.dtype.str if layout == "byte-swapped" else name)
    assert (dtype_named(name) if layout != "byte-swapped" else np.dtype(shared.dtype)) == array.dtype
    assert_aliases(array, shared)


@needs_torch
@pytest.mark.parametrize("layout", TENSOR_LAYOUTS)
@pytest.mark.parametrize("name", TORCH_DTYPES)
def test_properties_are_those_of_the_tensor(name: str, layout: str) -> None:
    tensor = TENSOR_LAYOUTS[layout](base_tensor(name))
    shared = view(tensor)
    size = tensor.element_size()
    assert shared.shape == tuple(tensor.shape)
    assert shared.strides == tuple(step * size for step in tensor.stride())
    assert (shared.itemsize, shared.nbytes, shared.ndim) == (size, tensor.nbytes, tensor.ndim)
    assert (shared.dtype, shared.device, shared.readonly) == (name, "cpu", False)
    assert shared.owner is tensor
    assert_aliases(tensor, shared)


def test_ptr_is_the_address_of_the_first_element() -> None:
    for array in (np.arange(6.0), np.arange(6.0)[::-1], np.arange(6.0)[2:]):
        first = ctypes.c_double.from_address(view(array).ptr)
        assert first.value == array[0]
        first.value = 50
        assert array[0] == 50


@pytest.mark.parametrize("name", PRODUCERS)
def test_producer(name: str) -> None:
    producer = PRODUCERS[name]()
    shared = view(producer)
    assert (shared.shape, shared.readonly) == ((8,), False)
    assert shared.owner is (producer.owner if isinstance(producer, View) else producer)
    assert_aliases(producer, shared)


@pytest.mark.parametrize("name", READONLY_PRODUCERS)
def test_readonly_producer(name: str) -> None:
    shared = view(READONLY_PRODUCERS[name]())
    assert shared.readonly is True
    assert peek(shared) == list(range(8))
    with pytest.raises(TypeError, match="read-only"):
        memoryview(shared)[0] = 1


def test_readonly_argument() -> None:
    array = base_array()
    guarded = view(array, readonly=True)
    assert guarded.readonly is True
    assert view(array, readonly=False).readonly is False
    assert view(guarded, readonly=False).readonly is True
    assert view(readonly(base_array()), readonly=False).readonly is True
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(guarded)[0] = 1
    array[0] = 77
    assert np.asarray(guarded)[0] == 77


def test_view_of_a_view() -> None:
    array = base_array().reshape(4, 6)[:, ::2]
    inner = view(array)
    outer = view(view(inner))
    assert outer is not inner
    assert outer.owner is array
    del inner
    gc.collect()
    assert_aliases(array, outer)


def test_view_is_immutable_and_has_no_constructor() -> None:
    shared = view(base_array())
    for name in ("shape", "strides", "dtype", "readonly", "ptr", "owner", "anything"):
        with pytest.raises(AttributeError):
            setattr(shared, name, 1)
    with pytest.raises(TypeError, match=r"numpy_bridge.*View"):
        View()
    with pytest.raises(TypeError, match="base type"):
        type("Derived", (View,), {})


def test_a_copied_or_pickled_view_has_memory_of_its_own() -> None:
    """A shallow copy is one more View of the same memory, as that of a memoryview would be."""
    array = base_array()
    shared = view(array)
    for each in (shared, view(array[::2])):
        assert_aliases(each, copy.copy(each))
    for other in (
        copy.deepcopy(shared),
        pickle.loads(pickle.dumps(shared)),
        pickle.loads(pickle.dumps(shared, 2)),
    ):
        assert type(other) is View
        assert np.array_equal(np.asarray(other), array)
        assert not bridge.shares_memory(other, array)


@pytest.mark.parametrize(
    "call", [lambda: view(), lambda: view(b"", True), lambda: view(b"", copy=True), lambda: view(b"", x=b"")]
)
def test_wrong_arguments(call: Callable[[], Any]) -> None:
    with pytest.raises(TypeError, match="view"):
        call()


# repr


REPRS: dict[str, tuple[Callable[[], Any], str]] = {
    "1-d": (lambda: view(np.zeros(3, "f4")), "float32 (3,) on cpu, of numpy.ndarray"),
    "0-d": (lambda: view(np.zeros(())), "float64 () on cpu, of numpy.ndarray"),
    "2-d": (lambda: view(np.zeros((5, 2), "i2")), "int16 (5, 2) on cpu, of numpy.ndarray"),
    "swapped": (lambda: view(byte_swapped(np.zeros(1, "i4"))), ">i4 (1,) on cpu, of numpy.ndarray"),
    "readonly": (lambda: view(b"ab"), "uint8 (2,) on cpu, read-only, of bytes"),
    "no owner": (lambda: bridge.from_pointer(8, (0,), "u1"), "uint8 (0,) on cpu"),
    "cuda": (lambda: bridge.from_pointer(8, (1,), "u1", device="cuda:1"), "uint8 (1,) on cuda:1"),
    "view": (lambda: view(view(b"")), "uint8 (0,) on cpu, read-only, of numpy_bridge.View"),
}


@pytest.mark.parametrize("name", REPRS)
def test_repr(name: str) -> None:
    make, text = REPRS[name]
    assert repr(make()) == f"<numpy_bridge.View {text}>"


def test_device_memory_is_not_read() -> None:
    """Made from a pointer, as this needs no device: every way onto the host is refused."""
    device = bridge.from_pointer(4096, (4,), "f4", device="cuda:0")
    assert (device.device, device.__dlpack_device__()) == ("cuda:0", (2, 0))
    for use in (memoryview, bytes, bridge.to_numpy, np.asarray, np.from_dlpack):
        with pytest.raises((BufferError, RuntimeError), match=r"host|device"):
            use(device)
    with refused("device", "NumPy", hint=None):
        bridge.to_numpy(device)


@needs_ml_dtypes
def test_foreign_byte_order_of_an_extension_dtype_is_refused_or_has_a_name() -> None:
    """`x.view(x.dtype.newbyteorder())` of bfloat16: there is no typestr to call it by."""
    array = base_array("bfloat16")
    try:
        shared = view(array.view(array.dtype.newbyteorder()))
    except bridge.SharingError:
        return
    assert shared.dtype.isprintable()
    assert repr(shared).isprintable()
