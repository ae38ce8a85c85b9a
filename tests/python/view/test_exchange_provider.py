"""View as a provider of DLPack's C exchange API: every function of the table, and tvm-ffi reading it."""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
import weakref
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from exchange import (
    allocate,
    current_work_stream,
    delete,
    managed_tensor_from_object,
    managed_tensor_to_object,
    table,
    tensor_from_object,
)
from fake_interfaces import FakeCudaInterface
from fakes import IS_COPIED, READ_ONLY, DLTensor, FakeTensor, capsule_name, integers
from numpy_bridge import from_pointer, view
from support import (
    ARRAY_DTYPES,
    BACKWARD,
    FORWARD,
    MAX_NDIM,
    assert_aliases,
    base_array,
    byte_swapped,
    dtype_layouts,
    needs_ml_dtypes,
    refused,
    run_python,
    with_odd_strides,
)

try:
    import tvm_ffi
except ImportError:
    tvm_ffi = None
needs_tvm_ffi = pytest.mark.skipif(tvm_ffi is None, reason="tvm-ffi is missing: pip install apache-tvm-ffi")


def test_the_table_is_on_the_type_and_static() -> None:
    capsule = bridge.View.__dlpack_c_exchange_api__
    assert capsule_name(capsule) == b"dlpack_exchange_api"
    assert (table().major, table().minor, table().previous) == (1, 3, None)
    assert all(getattr(table(), name) for name, _ in table()._fields_[3:])


def seen_by(tensor: Any) -> np.ndarray:
    """What a consumer of the struct reads, through an address and strides in elements."""
    shape = tensor.shape[: tensor.ndim]
    strides = [step * tensor.bits // 8 for step in tensor.strides[: tensor.ndim]]
    name = {(2, 64): "f8", (2, 32): "f4", (0, 32): "i4", (0, 64): "i8", (6, 8): "bool"}[
        tensor.code, tensor.bits
    ]
    return np.asarray(from_pointer(tensor.data + tensor.byte_offset, shape, name, strides=strides))


@pytest.mark.parametrize(("name", "layout"), dtype_layouts(["float64", "int32", "bool"], FORWARD))
def test_both_forms_describe_the_memory(name: str, layout: str) -> None:
    array = FORWARD[layout](base_array(name))
    shared = view(array)
    tensor = tensor_from_object(shared)
    assert (tensor.device_type, tensor.device_index, tensor.ndim, tensor.lanes) == (1, 0, array.ndim, 1)
    assert_aliases(array, seen_by(tensor))
    managed = managed_tensor_from_object(shared)
    assert (managed.major, managed.minor, managed.flags) == (1, 3, 0)
    assert_aliases(array, seen_by(managed.tensor))
    delete(managed)


def test_the_managed_form_keeps_the_memory_alive() -> None:
    array = base_array()
    seen = weakref.ref(array)
    managed = managed_tensor_from_object(view(array))
    del array
    gc.collect()
    assert seen().tolist() == seen_by(managed.tensor).tolist()
    deleting = threading.Thread(target=delete, args=(managed,))
    deleting.start()
    deleting.join()
    gc.collect()
    assert seen() is None


def test_the_bare_form_takes_no_reference() -> None:
    shared = view(base_array())
    before = sys.getrefcount(shared)
    tensor = tensor_from_object(shared)
    assert sys.getrefcount(shared) == before
    assert tensor.data == shared.ptr


def test_readonly() -> None:
    """The bare form has no word for it, the managed one has."""
    managed = managed_tensor_from_object(view(b"ab"))
    assert managed.flags == READ_ONLY
    delete(managed)
    with refused("readonly", "DLPack", hint="managed"):
        tensor_from_object(view(b"ab"))


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: byte_swapped(base_array()), "byte order"),
        *((lambda layout=layout: BACKWARD[layout](base_array()), "strides") for layout in BACKWARD),
        (lambda: with_odd_strides(base_array()), "strides"),
        (lambda: np.ndarray((2,), "f8", bytearray(32), 4), "alignment"),
    ],
)
def test_what_dlpack_has_no_words_for(make: Any, field: str) -> None:
    for function in (managed_tensor_from_object, tensor_from_object):
        with refused(field, "DLPack"):
            function(view(make()))


def test_work_on_other_streams() -> None:
    """The table says that work goes to the legacy default stream; for others see test_without_cuda.py."""
    assert current_work_stream(1) is None
    assert current_work_stream(2) is None
    for stream in (None, 1):
        delete(managed_tensor_from_object(view(FakeCudaInterface(stream=stream))))


@pytest.mark.parametrize("x", [None, 5, "text", np.ones(2), bridge.View])
def test_foreign_objects(x: Any) -> None:
    for function in (managed_tensor_from_object, tensor_from_object):
        with pytest.raises(TypeError, match=r"numpy_bridge\.View"):
            function(x)


# To an object


def test_to_object() -> None:
    producer = FakeTensor()
    made = managed_tensor_to_object(producer.managed)
    assert type(made) is bridge.View
    assert made.owner is None
    np.asarray(made)[0] = 50
    assert producer.values[0] == 50
    assert producer.deleted == 0
    del made
    gc.collect()
    assert producer.deleted == 1


def test_flags_of_what_becomes_an_object() -> None:
    assert managed_tensor_to_object(FakeTensor(flags=READ_ONLY).managed).readonly
    assert not managed_tensor_to_object(FakeTensor(flags=IS_COPIED).managed).readonly


@pytest.mark.parametrize("lie", [{"version": (2, 0)}, {"ndim": 65}, {"dtype": (3, 64, 1)}, {"data": None}])
def test_what_is_refused_is_released_all_the_same(lie: dict[str, Any]) -> None:
    producer = FakeTensor(**lie)
    with pytest.raises(bridge.SharingError):
        managed_tensor_to_object(producer.managed)
    assert producer.deleted == 1


# Allocation


def prototype(
    shape: Any = (2, 3), dtype: tuple[int, int, int] = (2, 32, 1), device: tuple[int, int] = (1, 0)
) -> Any:
    wanted = DLTensor()
    wanted.keep = integers(ctypes.c_int64, shape)
    wanted.shape, wanted.ndim = wanted.keep, 0 if shape is None else len(shape)
    wanted.code, wanted.bits, wanted.lanes = dtype
    wanted.device_type, wanted.device_index = device
    return wanted


@pytest.mark.parametrize("shape", [(2, 3), (6,), (), (0,), (4, 0, 2), (1,) * MAX_NDIM])
def test_allocate(shape: tuple[int, ...]) -> None:
    managed, errors = allocate(prototype(shape))
    assert not errors
    assert tuple(managed.tensor.shape[: len(shape)]) == shape
    assert managed.tensor.data % 64 == 0
    made = managed_tensor_to_object(managed)
    array = bridge.to_numpy(made)
    assert (array.shape, array.dtype, array.flags.c_contiguous) == (shape, np.float32, True)
    array[...] = 7
    assert (np.asarray(made) == 7).all()


@needs_ml_dtypes
@pytest.mark.parametrize("name", ARRAY_DTYPES)
def test_allocate_every_dtype(name: str) -> None:
    like = view(base_array(name))  # owns the extents of its tensor
    managed, errors = allocate(tensor_from_object(like))
    assert not errors
    assert managed_tensor_to_object(managed).dtype == name


@pytest.mark.parametrize(
    ("wanted", "kind", "text"),
    [
        (
            lambda: prototype(device=(2, 0)),
            "BufferError",
            "expected cpu, got cuda:0. Let the library",
        ),
        (lambda: prototype(dtype=(3, 64, 1)), "BufferError", "dtype"),
        (lambda: prototype((-1,)), "BufferError", "shape"),
        (lambda: prototype((2**62, 4)), "BufferError", "shape"),
        (lambda: prototype((1,) * 65), "BufferError", "ndim"),
        (lambda: prototype((2**45,)), "MemoryError", "no memory"),
    ],
)
def test_what_cannot_be_allocated_is_told(wanted: Any, kind: str, text: str) -> None:
    managed, errors = allocate(wanted())
    assert managed is None
    assert [error[0] for error in errors] == [kind]
    assert text in errors[0][1]


def test_allocation_needs_no_gil() -> None:
    """`Allocate` is a function without the GIL; so is the deleter."""
    managed, _ = allocate(prototype())
    delete(managed)


# A consumer


@needs_tvm_ffi
def test_tvm_ffi_reads_a_view() -> None:
    array = base_array().reshape(4, 6)
    tensor = tvm_ffi.from_dlpack(view(array))
    assert (tuple(tensor.shape), str(tensor.dtype)) == ((4, 6), "float64")
    assert_aliases(array, np.from_dlpack(tensor))


@needs_tvm_ffi
def test_tvm_ffi_takes_a_view_as_an_argument_and_gives_one_back() -> None:
    seen = []
    array = base_array()
    function = tvm_ffi.convert(lambda tensor: seen.append(type(tensor)) or tensor)
    back = function(view(array))
    assert seen == [tvm_ffi.Tensor]
    assert type(back) is bridge.View
    assert_aliases(array, bridge.to_numpy(back))


@needs_tvm_ffi
def test_tvm_ffi_does_not_need_dlpack_of_python() -> None:
    """It goes through the table, not through `__dlpack__`."""
    run_python(
        """
import numpy as np, numpy_bridge as bridge, tvm_ffi
def refuse(*_, **__): raise AssertionError("__dlpack__ was called")
bridge.View.__dlpack__ = refuse
array = np.arange(6.0)
assert np.from_dlpack(tvm_ffi.from_dlpack(bridge.view(array))).ctypes.data == array.ctypes.data
"""
    )


@needs_tvm_ffi
def test_tvm_ffi_is_told_why_not() -> None:
    with pytest.raises((bridge.SharingError, RuntimeError, ValueError), match="strides"):
        tvm_ffi.from_dlpack(view(base_array()[::-1]))


@needs_tvm_ffi
def test_what_tvm_ffi_holds_stays_alive() -> None:
    array = base_array()
    seen = weakref.ref(array)
    tensor = tvm_ffi.from_dlpack(view(array))
    del array
    gc.collect()
    assert np.from_dlpack(tensor).tolist() == base_array().tolist()
    del tensor
    gc.collect()
    assert seen() is None
