"""Any layout, through any producer, to any consumer: an exact alias, or a SharingError; never a copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import numpy_bridge as bridge
from producers import Legacy, Versioned
from strategies import BUFFER, DTYPES, everyday_layouts, layouts
from support import needs_numpy_2, needs_torch, torch

pytestmark = needs_numpy_2


class Dictionary:
    """Only the array interface; keeps its array."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.__array_interface__ = array.__array_interface__


class Structure:
    """Only the C structure of the array interface."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    @property
    def __array_struct__(self) -> object:
        return self.array.__array_struct__


PRODUCERS: dict[str, Callable[[np.ndarray], Any]] = {
    "ndarray": lambda a: a,
    "memoryview": memoryview,
    "view": bridge.view,
    "versioned capsule": lambda a: Versioned(bridge.view(a)),
    "unversioned capsule": lambda a: Legacy(bridge.view(a)),
    "NumPy's capsule": Versioned,
    "dictionary": Dictionary,
    "structure": Structure,
    "from_pointer": lambda a: bridge.from_pointer(
        a.ctypes.data, a.shape, a.dtype.str, strides=a.strides, owner=a, readonly=not a.flags.writeable
    ),
}
CONSUMERS: dict[str, Callable[[Any], Any]] = {
    "to_numpy": bridge.to_numpy,
    "asarray": lambda x: np.asarray(bridge.view(x)),
    "memoryview": lambda x: np.asarray(memoryview(bridge.view(x))),
    "from_dlpack": lambda x: np.from_dlpack(bridge.view(x)),
    "structure": lambda x: np.asarray(Structure(bridge.view(x))),  # type: ignore[arg-type]
}
if torch is not None:
    PRODUCERS["tensor"] = bridge.to_torch
    CONSUMERS["to_torch"] = bridge.to_torch
    CONSUMERS["torch.from_dlpack"] = lambda x: torch.from_dlpack(bridge.view(x))
CARRY_EVERYTHING = {"to_numpy", "asarray", "memoryview", "structure"}
each_consumer = pytest.mark.parametrize("consumer", CONSUMERS)
each_producer = pytest.mark.parametrize("producer", PRODUCERS)
WITH_ORDERS = (*DTYPES, ">f4", ">i8", "?", "f2", "u8", "c8")


def as_array(x: Any) -> np.ndarray:
    """What a consumer holds, as NumPy sees it; a tensor's own `numpy` shares."""
    return x if isinstance(x, np.ndarray) else x.numpy()


def assert_alias(array: np.ndarray, result: Any) -> None:
    """Equal to the last bit, and so after writes through either side."""
    assert tuple(result.shape) == array.shape
    assert as_array(result).tobytes() == array.tobytes()
    BUFFER[:] = np.roll(BUFFER, 7) ^ 1
    if array.dtype == bool:
        BUFFER[:] &= 1
    assert as_array(result).tobytes() == array.tobytes()
    if array.size and as_array(result).flags.writeable:
        first = (0,) * array.ndim
        for value in (1, 0):
            result[first] = value
            assert array[first] == value


def fill() -> None:
    BUFFER[:] = np.arange(len(BUFFER)) * 37 % 251
    BUFFER[:] &= 1  # valid bools, too


@each_producer
@each_consumer
@settings(max_examples=60)
@given(array=layouts(WITH_ORDERS), readonly=st.booleans())
def test_any_layout_aliases_or_is_refused(
    producer: str, consumer: str, array: np.ndarray, readonly: bool
) -> None:
    fill()
    given_array = array.view()
    given_array.flags.writeable = not readonly
    try:
        made = PRODUCERS[producer](given_array)
        result = CONSUMERS[consumer](made)
    except BufferError:  # SharingError is one; NumPy's own capsules raise it too
        plain = producer in ("ndarray", "memoryview", "view", "dictionary", "structure", "from_pointer")
        assert not (plain and consumer in CARRY_EVERYTHING)
        return
    assert_alias(array, result)
    if readonly and consumer != "torch.from_dlpack":  # which drops the flag; `to_torch` is what refuses
        assert not as_array(result).flags.writeable


@each_producer
@each_consumer
@settings(max_examples=40)
@given(array=everyday_layouts())
def test_everyday_layouts_are_never_refused(producer: str, consumer: str, array: np.ndarray) -> None:
    fill()
    assert_alias(array, CONSUMERS[consumer](PRODUCERS[producer](array)))


@needs_torch
@settings(max_examples=200)
@given(data=st.data())
def test_tensors_of_any_layout(data: Any) -> None:
    """as_strided over one storage: there and back it is the same memory."""
    base = torch.arange(
        128, dtype=getattr(torch, data.draw(st.sampled_from(["int16", "float32", "float64"])))
    )
    shape = data.draw(st.lists(st.integers(0, 4), max_size=4))
    strides = [data.draw(st.integers(0, 9)) for _ in shape]
    offset = data.draw(st.integers(0, 8))
    tensor = base.as_strided(shape, strides, offset)
    array = bridge.to_numpy(tensor)
    assert array.tolist() == tensor.tolist()
    again = bridge.to_torch(bridge.view(array))
    base += 1
    assert array.tolist() == tensor.tolist() == again.tolist()
    if array.size:
        array[(0,) * array.ndim] = 99
        assert tensor[(0,) * array.ndim] == again[(0,) * array.ndim] == 99
    assert bridge.shares_memory(array, tensor) == (array.size > 0)
