"""Parts of a View, compared with NumPy: len, iteration, indexing, reshape and cast."""

from __future__ import annotations

import ctypes
import gc
import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge import View, view
from support import MAX_NDIM, base_array, needs_torch, readonly, refused, torch


def cube() -> Any:
    """(2, 3, 4), with strides of all kinds."""
    return np.arange(96, dtype="i4").reshape(4, 3, 8)[::-2, :, ::2]


def assert_same_elements(part: View, expected: Any) -> None:
    """The same addresses, seen by writing through one side and reading the other."""
    assert type(part) is View
    assert part.shape == expected.shape
    assert part.dtype == expected.dtype.name
    if expected.size == 0:
        return
    assert part.ptr == expected.ctypes.data
    seen = bridge.to_numpy(part)
    np.testing.assert_array_equal(seen, expected)
    expected[...] = 77
    assert (seen == 77).all()
    seen[...] = 78
    assert (expected == 78).all()


KEYS: list[Any] = [
    *(0, -1, np.int64(1), (), ..., None, slice(None), slice(None, None, -1), slice(5, 0), slice(9, 99)),
    *(
        (0, 1, 2),
        (-1, -1, -1),
        (1, ..., 0),
        (..., -2),
        (0, ...),
        (None, 0, None),
        (..., None),
        (0, 1, 2, ...),
    ),
    *(
        (slice(None), 0),
        (slice(None, None, 2), slice(1, None)),
        (slice(-1, None, -1), slice(None), slice(None, None, 3)),
    ),
    *((slice(None, None, 2**62), 0), (slice(-(2**70), 2**70, 2**70),), (0, None, slice(2, 0, -1), ..., None)),
    (None,) * (MAX_NDIM - 3),
]


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_indices_select_what_numpy_selects(key: Any) -> None:
    array = cube()
    whole = key if isinstance(key, tuple) else (key,)
    expected = array[whole if any(index is ... for index in whole) else (*whole, ...)]  # never a scalar
    assert_same_elements(view(array)[key], expected)


REFUSED_KEYS: dict[str, tuple[Any, type[Exception], str]] = {
    "beyond the end": (2, IndexError, "index 2 is out of bounds for axis 0 with size 2"),
    "before the start": ((0, -4), IndexError, "index -4 is out of bounds for axis 1 with size 3"),
    "beyond 64 bits": (2**70, IndexError, "cannot fit"),
    "too many": ((0, 0, 0, 0), IndexError, "the View has 3 axes, but 4 were indexed"),
    "two ellipses": ((..., 0, ...), IndexError, "single ellipsis"),
    "too many axes": ((None,) * 62, IndexError, "at most 64 axes"),
    "a list": ([0, 1], TypeError, r"not by list.*numpy_bridge\.to_numpy\(v\)\[\.\.\.\]"),
    "an array": (np.array([0, 1]), TypeError, "integer|numpy.ndarray"),
    "a mask": (True, TypeError, "not by bool"),
    "a float": (1.0, TypeError, "not by float"),
    "a name": ("x", TypeError, "not by str"),
    "a slice of floats": (slice(0.5), TypeError, "slice indices must be integers"),
}


@pytest.mark.parametrize("name", REFUSED_KEYS)
def test_refused_indices(name: str) -> None:
    key, error, text = REFUSED_KEYS[name]
    with pytest.raises(error, match=text):
        view(cube())[key]


def test_length_and_iteration() -> None:
    array = cube()
    shared = view(array)
    assert len(shared) == len(array)
    for part, expected in zip(shared, array, strict=True):
        assert_same_elements(part, expected)
    assert [part.shape for part in view(np.zeros(2))] == [(), ()]
    assert list(view(np.zeros((0, 3)))) == []
    assert bool(shared)
    assert not view(b"")


def test_without_dimensions_there_is_no_length() -> None:
    single = view(np.array(3.0))
    assert bool(single)
    for use in (len, iter, list):
        with pytest.raises(TypeError, match="without dimensions"):
            use(single)
    with pytest.raises(IndexError, match="0 axes"):
        single[0]
    assert_same_elements(single[()], np.asarray(single))


def test_values_are_not_searched_or_set_by_index() -> None:
    """Each element is a View, which is equal to no number."""
    shared = view(np.arange(3))
    with pytest.raises(TypeError, match="not a container"):
        0 in shared  # noqa: B015
    with pytest.raises(TypeError, match="item assignment"):
        shared[0] = 1  # type: ignore[index]


def test_a_part_keeps_the_owner_and_its_flags() -> None:
    array = base_array().copy()
    gone = weakref.ref(array)
    part = view(readonly(array), readonly=True)[2:]
    for _ in range(1000):  # parts of parts do not keep each other
        part = part[:]
    assert part.readonly
    assert part.owner.base is array or part.owner is array
    assert all(each.readonly for each in (part[0], part.reshape(-1), part.cast("u1")))
    del array
    gc.collect()
    owner = gone()
    assert owner is not None
    assert bridge.shares_memory(part, owner[2:])
    assert not bridge.shares_memory(part, owner[:2])
    del part, owner
    gc.collect()
    assert gone() is None


def test_a_part_of_a_part_has_one_view_below_it() -> None:
    whole = view(np.arange(4))
    deep = whole[1:][1:][1:]
    assert [x for x in gc.get_referents(deep) if isinstance(x, View)] == [whole]


def test_device_and_stream_are_kept() -> None:
    interface = {"version": 3, "typestr": "<f4", "shape": (4, 2), "data": (4096, False), "stream": 7}
    producer = SimpleNamespace(__cuda_array_interface__=interface)
    part = view(producer)[1:, 0]
    assert (part.device, part.ptr, part.strides) == ("cuda:0", 4104, (8,))
    assert part.__cuda_array_interface__["stream"] == 7
    handle = bridge.from_pointer(4096, (4,), "f4", device="opencl:0")
    assert handle[:2].shape == (2,)
    with refused("device", "View", hint=None):
        handle[1:]


def test_parts_of_a_block_are_views() -> None:
    block = bridge.shared_empty((3, 2), "f4")
    row = block[1]
    assert_same_elements(row, np.asarray(block)[1])
    assert row.owner == block.owner


# reshape

SHAPES: list[tuple[Callable[[], Any], tuple[int, ...]]] = [
    (lambda: np.arange(12), (3, 4)),
    (lambda: np.arange(12), (-1, 2, 3)),
    (lambda: np.arange(12)[::-1], (3, 4)),
    (lambda: np.arange(24)[::2], (2, 1, -1, 3)),
    (lambda: np.arange(24).reshape(2, 3, 4)[:, ::-1], (2, 3, 2, 2)),
    (lambda: np.arange(24).reshape(2, 3, 4)[:, :, 1:3], (6, 2)),
    (lambda: np.arange(24).reshape(4, 6).T, (3, 2, 4)),
    (lambda: np.broadcast_to(np.arange(3), (4, 3)).view(), (2, 2, 3)),
    (lambda: np.arange(6).reshape(2, 1, 3, 1)[:, :, ::-1], (1, 2, 3)),
    (lambda: np.zeros((0, 3)), (3, -1)),
    (lambda: np.array(5), (1, 1)),
    (lambda: np.ones((1, 1)), ()),
]


@pytest.mark.parametrize(("make", "shape"), SHAPES)
def test_reshape_is_that_of_numpy(make: Callable[[], Any], shape: tuple[int, ...]) -> None:
    array = make()
    expected = array.reshape(shape)
    assert np.shares_memory(array, expected) or array.size == 0
    for given in ((shape,), shape or ((),)):
        part = view(array).reshape(*given)
        assert part.shape == expected.shape
        assert array.size == 0 or part.ptr == expected.ctypes.data
        np.testing.assert_array_equal(np.asarray(part), expected)
        if array.flags.writeable and array.size:
            bridge.to_numpy(part)[...] += 1
            np.testing.assert_array_equal(np.asarray(part), expected)


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: np.arange(24).reshape(4, 6).T, (24,)),
        (lambda: np.arange(24).reshape(2, 3, 4)[:, :, 1:3], (12,)),
        (lambda: np.arange(12).reshape(3, 4)[:, ::-1], (12,)),
        (lambda: np.broadcast_to(np.arange(3), (4, 3)), (12,)),
    ],
)
def test_a_shape_that_needs_a_copy_is_refused(make: Callable[[], Any], shape: tuple[int, ...]) -> None:
    array = make()
    assert not np.shares_memory(array, array.reshape(shape))
    with refused("strides", "reshape", hint="take a copy: numpy_bridge.to_numpy(v).reshape(...)"):
        view(array).reshape(shape)


@pytest.mark.parametrize("shape", [(5,), (-1, 5), (-1, -1), (-2, -6), (0, -1), (2**62, 4), ()])
def test_a_shape_of_another_size_is_refused(shape: tuple[int, ...]) -> None:
    with refused("shape", "reshape", hint=None):
        view(np.arange(12)).reshape(shape)


@pytest.mark.parametrize("shape", ["34", (1.5, 8), (True, 12), None, ((3, 4),)])
def test_a_shape_is_of_integers(shape: Any) -> None:
    with pytest.raises((TypeError, bridge.SharingError)):
        view(np.arange(12)).reshape(shape)


# cast


@pytest.mark.parametrize(
    "dtype", ["u1", "i2", "uint32", "float64", ">f4", "bool", "complex128", np.int64, np.dtype("f2")]
)
@pytest.mark.parametrize(
    "make",
    [
        lambda: np.zeros((3, 16), "f4"),
        lambda: np.zeros((3, 20), "i8")[:, 4:],
        lambda: np.zeros((6, 8), "u1")[::-2],
        lambda: np.zeros((0, 8), "f4"),
        lambda: np.zeros((4, 0), "f4"),
    ],
)
def test_cast_is_the_view_of_numpy(make: Callable[[], Any], dtype: Any) -> None:
    array = make()
    try:
        expected = array.view(dtype)
    except ValueError:
        with refused("shape", "cast", hint=None):
            view(array).cast(dtype)
        return
    part = view(array).cast(dtype)
    assert part.shape == expected.shape
    assert bridge.to_numpy(part).dtype == expected.dtype
    if expected.size:
        assert part.strides == expected.strides
        expected[...] = 1
        assert (bridge.to_numpy(part) == 1).all()


@needs_torch
def test_cast_to_and_from_a_dtype_of_torch() -> None:
    tensor = torch.ones(4, dtype=torch.bfloat16)
    bits = view(tensor).cast("uint16")
    bridge.to_numpy(bits)[:] = 0x4000
    assert tensor.tolist() == [2.0] * 4
    assert bridge.to_torch(bits.cast(torch.bfloat16)).tolist() == [2.0] * 4


CASTS_REFUSED: dict[str, tuple[Callable[[], Any], Any, str]] = {
    "gaps": (lambda: np.zeros(8, "f4")[::2], "u1", "strides"),
    "reversed": (lambda: np.zeros(8, "f4")[::-1], "u1", "strides"),
    "columns": (lambda: np.zeros((4, 4), "f4").T, "f8", "strides"),
    "a remainder": (lambda: np.zeros((2, 3), "f4"), "f8", "shape"),
    "no dimensions": (lambda: np.zeros((), "f4"), "u1", "ndim"),
    "no such dtype": (lambda: np.zeros(4), "float", "dtype"),
    "objects": (lambda: np.zeros(4), object, "dtype"),
}


@pytest.mark.parametrize("name", CASTS_REFUSED)
def test_refused_casts(name: str) -> None:
    make, dtype, field = CASTS_REFUSED[name]
    with refused(field, "cast", hint=None):
        view(make()).cast(dtype)
    same_size = view(np.arange(8, dtype="f4")[::-2]).cast("i4")  # needs no axis without gaps
    assert same_size.strides == (-8,)


def test_unaligned_elements_are_left_to_their_consumer() -> None:
    block = bytearray(9)
    odd = view(block)[1:].cast("float64")
    assert bridge.to_numpy(odd).flags.aligned is False
    bridge.to_numpy(odd)[0] = 1
    assert block[7:] == b"\xf0\x3f"
    with refused("alignment", hint=None):
        np.from_dlpack(odd)


# Other libraries


def test_a_view_is_no_sequence() -> None:
    """Other libraries read sequences one by one: `torch.tensor` would guess the dtype from Python objects."""
    shared = view(np.arange(6, dtype="f4"))
    assert ctypes.pythonapi.PySequence_Check(ctypes.py_object(shared)) == 0
    assert ctypes.pythonapi.PySequence_Check(ctypes.py_object([])) == 1


OTHERS = {
    "np.array": np.array,
    "np.asarray": np.asarray,
    "np.array, nested": lambda x: np.array([x])[0],
    **({f"torch.{name}": getattr(torch, name) for name in ("tensor", "as_tensor")} if torch else {}),
}


@pytest.mark.parametrize("make", OTHERS.values(), ids=OTHERS)
def test_other_libraries_read_the_memory(make: Callable[[Any], Any]) -> None:
    result = make(view(np.ones((2, 3), "f4")))
    assert tuple(result.shape) == (2, 3)
    assert str(result.dtype).endswith("float32")
