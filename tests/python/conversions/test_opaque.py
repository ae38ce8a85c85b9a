"""Elements that only NumPy's dtype describes: shared with it, and refused by libraries that lack them."""

from __future__ import annotations

import copy
import ctypes
import gc
import pickle
import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge import view
from records import DTYPES, RECORD, assert_same_values, filled, has_format
from support import needs_torch, readonly, refused

LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "packed": lambda x: x,
    "transposed": lambda x: x.T,
    "strided": lambda x: x[::2, ::-1],
    "one": lambda x: x[1, 1, ...],
    "empty": lambda x: x[:0],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", DTYPES)
def test_the_dtype_and_the_memory_are_kept(name: str, layout: str) -> None:
    array = LAYOUTS[layout](filled(DTYPES[name]))
    shared = view(array)
    seen = bridge.to_numpy(shared)
    assert seen.dtype is array.dtype
    assert (shared.shape, shared.itemsize, shared.nbytes) == (array.shape, array.itemsize, array.nbytes)
    assert shared.dtype == str(array.dtype)
    assert repr(shared) == f"<numpy_bridge.View {array.dtype} {array.shape} on cpu, of numpy.ndarray>"
    assert shared.owner is array
    if array.size == 0:
        return
    assert shared.strides == array.strides
    assert_same_values(seen, array)
    seen[...] = np.zeros((), array.dtype)
    assert_same_values(array, seen)
    assert bridge.shares_memory(shared, array)
    assert bridge.may_share_memory(seen, shared)


@pytest.mark.parametrize("name", DTYPES)
def test_read_only_is_kept_and_a_copy_is_no_alias(name: str) -> None:
    array = filled(DTYPES[name])
    for shared in (view(readonly(array)), view(array, readonly=True), view(view(readonly(array)))):
        assert shared.readonly
        assert not bridge.to_numpy(shared).flags.writeable
    copied = bridge.to_numpy(view(array), copy=True)
    assert copied.dtype == array.dtype
    assert not bridge.shares_memory(copied, array)
    assert_same_values(copied, array)


@pytest.mark.parametrize("name", DTYPES)
def test_numpy_reads_a_view_as_the_array_itself(name: str) -> None:
    """Through the buffer, where NumPy itself loses titles and the like, or through the array interface."""
    array = filled(DTYPES[name])
    shared = view(array)
    twin = (
        memoryview(array)
        if has_format(array)
        else SimpleNamespace(__array_interface__=array.__array_interface__)
    )
    for seen in (np.asarray(shared), np.array(shared)[:]):
        assert seen.dtype == np.asarray(twin).dtype
        assert_same_values(seen, np.asarray(twin))
    assert np.shares_memory(np.asarray(shared), array)
    assert shared.__array__().dtype is array.dtype
    assert shared.__array_interface__ == array.__array_interface__
    assert not hasattr(shared, "__array_struct__")  # NumPy's own loses units, fields and the right to write


@pytest.mark.parametrize("name", DTYPES)
def test_the_buffer_is_that_of_the_array(name: str) -> None:
    array = filled(DTYPES[name])
    shared = view(array)
    if not has_format(array):
        with pytest.raises(BufferError, match="PEP 3118 has a format"):
            memoryview(shared)
        return
    lent = memoryview(shared)
    assert (lent.format, lent.itemsize, lent.strides) == (
        memoryview(array).format,
        array.itemsize,
        array.strides,
    )
    assert memoryview(view(array, readonly=True)).readonly
    del shared
    gc.collect()
    assert lent.tobytes() == memoryview(array).tobytes()


PROTOCOLS: dict[str, Callable[[Any], Any]] = {
    "buffer": memoryview,
    "__array_interface__": lambda x: SimpleNamespace(__array_interface__=x.__array_interface__, keep=x),
    "__array__": lambda x: SimpleNamespace(__array__=lambda *_, **__: x),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", DTYPES)
def test_every_protocol_brings_what_numpy_reads(name: str, protocol: str) -> None:
    array = filled(DTYPES[name])
    if protocol == "buffer" and not has_format(array):
        pytest.skip("NumPy exports no buffer of it")
    producer = PROTOCOLS[protocol](array)
    expected = array if protocol == "__array__" else np.asarray(producer)
    shared = view(producer)
    seen = bridge.to_numpy(shared)
    assert (seen.shape, seen.strides, seen.itemsize) == (expected.shape, expected.strides, expected.itemsize)
    assert np.shares_memory(seen, array)
    if array.dtype.names and seen.dtype.names:  # NumPy makes fields of the bytes between them
        assert seen.dtype.names == array.dtype.names
        assert all(seen.dtype[field] == array.dtype[field] for field in seen.dtype.names)
    else:
        assert seen.dtype in (expected.dtype, array.dtype)
    seen[...] = np.zeros((), seen.dtype)
    assert_same_values(array, np.zeros_like(array))


def test_a_structure_is_refused_and_the_dictionary_is_taken() -> None:
    """NumPy's own structure has no fields, no unit, and forbids writing to records."""
    for name in ("record", "times", "text"):
        array = filled(DTYPES[name])
        with refused("typekind", "__array_struct__"):
            view(SimpleNamespace(__array_struct__=array.__array_struct__))
        both = {each: getattr(array, each) for each in ("__array_struct__", "__array_interface__")}
        assert bridge.to_numpy(view(SimpleNamespace(**both))).dtype == array.dtype


LIES: dict[str, tuple[dict[str, Any], str]] = {
    "descr of another size": ({"typestr": "|V8", "descr": [("x", "<f4")]}, "typestr"),
    "descr with objects": ({"typestr": "|V8", "descr": [("x", "|O")]}, "typestr"),
    "descr that is none": ({"typestr": "|V8", "descr": [("x",)]}, "typestr"),
    "descr in itself": ({"typestr": "|V8", "descr": [("x", [("y", "nonsense")])]}, "typestr"),
    "objects": ({"typestr": "|O8"}, "typestr"),
    "no bytes": ({"typestr": "|V0"}, "typestr"),
    "a size beyond the address space": ({"typestr": "|V1000000000", "shape": (2**40,)}, "typestr"),
}


@pytest.mark.parametrize("name", LIES)
def test_interfaces_that_lie_are_refused(name: str) -> None:
    entries, field = LIES[name]
    interface = {"version": 3, "shape": (1,), "data": (4096, False), **entries}
    with pytest.raises(bridge.SharingError) as caught:
        view(SimpleNamespace(__array_interface__=interface))
    assert caught.value.field in (field, "data")


def test_an_array_of_records_shares_memory_with_its_fields() -> None:
    records = filled(RECORD, (5,))
    for field in ("x", "id"):
        assert bridge.shares_memory(records, records[field])
    assert not bridge.shares_memory(records["x"], records["id"])
    assert bridge.may_share_memory(records["x"], records["id"])
    assert not bridge.shares_memory(records[:2], records[2:]["x"])


def test_elements_that_are_arrays_become_axes() -> None:
    block = ((ctypes.c_float * 3) * 2 * 4)()
    assert view(block).shape == (4, 2, 3)

    class Point(ctypes.Structure):
        _fields_ = (("x", ctypes.c_double), ("cells", ctypes.c_int16 * 4))

    points = (Point * 3)()
    shared = view(points)
    assert (shared.shape, shared.itemsize) == ((3,), 16)
    bridge.to_numpy(bridge.fields(points)["cells"])[1] = [1, 2, 3, 4]
    assert list(points[1].cells) == [1, 2, 3, 4]


REFUSED: dict[str, Callable[[], Any]] = {
    "objects": lambda: np.array([None, 1]),
    "objects in records": lambda: np.zeros(2, [("x", "f4"), ("o", "O")]),
    "objects in nested records": lambda: np.zeros(2, [("a", [("o", "O")])]),
    "no fields": lambda: np.zeros(2, []),
    "no bytes": lambda: np.zeros(2, "V0"),
    "a time": lambda: np.datetime64("2020-01-01"),
    "py_object": lambda: (ctypes.py_object * 2)(),
    **(
        {"strings": lambda: np.array(["a"], np.dtypes.StringDType())}
        if hasattr(np.dtypes, "StringDType")
        else {}
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_behind_pointers_is_refused(name: str) -> None:
    x = REFUSED[name]()
    for use in (view, bridge.to_numpy, lambda x: bridge.shares_memory(x, x)):
        if isinstance(x, np.ndarray) and use is bridge.to_numpy:
            assert bridge.to_numpy(x) is x  # an ndarray is returned as it is
            continue
        with pytest.raises(bridge.SharingError):
            use(x)


@needs_torch
@pytest.mark.parametrize("name", DTYPES)
def test_torch_and_dlpack_refuse_by_name(name: str) -> None:
    array = filled(DTYPES[name])
    shared = view(array)
    field = repr(array.dtype.names[0]) if array.dtype.names else ""
    for x, hint in ((array, f"x[{field}]"), (shared, f"numpy_bridge.fields(x)[{field}]")):
        with refused("dtype", hint=hint if field else None):
            bridge.to_torch(x)
    with refused("dtype", "DLPack"):
        np.from_dlpack(shared)
    with pytest.raises(bridge.SharingError):
        bridge.add_(shared, 1)
    with pytest.raises(bridge.SharingError):
        bridge.copy_(shared, shared)


@pytest.mark.parametrize("name", DTYPES)
def test_copies_and_pickles_of_views(name: str) -> None:
    array = filled(DTYPES[name])
    shared = view(array, readonly=True)
    assert bridge.shares_memory(copy.copy(shared), array)
    for other in (
        copy.deepcopy(shared),
        pickle.loads(pickle.dumps(shared)),
        bridge.loads(bridge.dumps(shared)),
    ):
        assert type(other) is bridge.View
        assert other.readonly
        assert bridge.to_numpy(other).dtype in (array.dtype, pickle.loads(pickle.dumps(array)).dtype)
        assert_same_values(bridge.to_numpy(other), array)
    assert (
        {view(array): 1} if False else shared == shared
    )  # equal to itself, as dtypes that memoryview cannot read


def test_parts_of_views() -> None:
    records = filled(RECORD)
    part = view(records)[1:, 0]
    assert bridge.to_numpy(part).dtype is records.dtype
    assert bridge.to_numpy(view(records).reshape(-1)).shape == (12,)
    assert bridge.to_numpy(view(records).cast("u1")).shape == (4, 3 * RECORD.itemsize)
    days = view(np.arange(3)).cast("datetime64[D]")
    assert bridge.to_numpy(days).tolist() == np.arange(3).view("M8[D]").tolist()
    pairs = view(bytearray(24)).cast(RECORD)
    assert pairs.shape == (2,)
    first = pairs[0]
    del pairs
    gc.collect()
    assert bridge.to_numpy(first).dtype == RECORD


def test_the_dtype_lives_as_long_as_the_view() -> None:
    array = filled(np.dtype([("x", "f4"), ("y", "S7")]))
    gone = weakref.ref(array)
    shared = view(array)
    array.dtype = "u1"  # type: ignore[misc]
    gc.collect()
    assert bridge.to_numpy(shared).dtype.names == ("x", "y")
    del array, shared
    gc.collect()
    assert gone() is None


def test_explain_finds_the_field_in_the_record() -> None:
    records = filled(RECORD, (5,))
    assert "[('x', '<f4'), ('id', '<i8')]" in str(bridge.explain(records))
    assert "torch" in str(bridge.explain(records))
