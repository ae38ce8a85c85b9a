"""`__array__`: shares where the array is the object's own, never a copy that passes for one."""

from __future__ import annotations

import gc
import weakref
from multiprocessing import Array, Value
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fake_interfaces import ArrayMethod, OldArrayMethod, wrapper
from fakes import FakeBuffer, FakeTensor
from numpy_bridge import _core, view
from producers import SimpleBytes
from support import (
    LAYOUTS,
    assert_aliases,
    assert_independent,
    base_array,
    byte_swapped,
    needs_torch,
    refused,
    torch,
)


@pytest.mark.parametrize("kind", [ArrayMethod, OldArrayMethod])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_shares(layout: str, kind: type) -> None:
    array = LAYOUTS[layout](base_array())
    producer = kind(lambda: array)
    assert_aliases(array, bridge.to_numpy(producer))
    assert view(producer).owner is producer


@needs_torch
def test_reaches_torch() -> None:
    array = base_array()
    assert_aliases(array, bridge.to_torch(wrapper(array)))


def test_readonly_is_kept() -> None:
    array = base_array()
    array.flags.writeable = False
    assert view(wrapper(array)).readonly


def test_a_new_view_each_time_is_no_copy() -> None:
    array = base_array()
    assert_aliases(array, bridge.to_numpy(ArrayMethod(lambda: array[:])))


@pytest.mark.parametrize("kind", [ArrayMethod, OldArrayMethod])
def test_copies_are_refused_whatever_copy_false_says(kind: type) -> None:
    array = base_array()
    producer = kind(array.copy)
    for function in (view, bridge.to_numpy, lambda x: bridge.shares_memory(x, array)):
        with refused("data", "__array__", hint="copy=True"):
            function(producer)
    for copy in (None, True):
        assert_independent(array, bridge.to_numpy(producer, copy=copy))


def test_where_a_copy_will_do_it_is_made_once() -> None:
    producer = ArrayMethod(base_array().copy)
    bridge.to_numpy(producer, copy=True)
    assert producer.calls == 1


def test_copy_false_is_asked_for() -> None:
    asked = []

    class Asked:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            asked.append((dtype, copy))
            return array

    array = base_array()
    view(Asked())
    assert set(asked) == {(None, False)}


@pytest.mark.parametrize("error", [ValueError, BufferError, RuntimeError, TypeError, ZeroDivisionError])
def test_a_refusal_to_share_is_kept_to(error: type[Exception]) -> None:
    class Refuses:
        size = base_array().size

        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            if copy is False or error is TypeError:
                raise error("the reason")
            return base_array()

    cured = error is not TypeError
    hint = r" Pass copy=None or copy=True to take the copy\." if cured else ""
    with pytest.raises(bridge.SharingError, match=rf"{error.__name__}: the reason\.{hint} \["):
        bridge.to_numpy(Refuses())
    with pytest.raises(bridge.SharingError) as caught:
        view(Refuses())
    assert ("to_numpy(x, copy=True)" in caught.value.hint) is cured
    if cured:
        assert bridge.to_numpy(Refuses(), copy=None).tolist() == base_array().tolist()


@pytest.mark.parametrize("result", [None, 5, [1, 2], b"ab", memoryview(b"ab"), np.float64(1)])
def test_nonsense(result: Any) -> None:
    with refused("call", "__array__", hint=None):
        view(ArrayMethod(lambda: result))


@pytest.mark.parametrize("dtype", ["O", "M8[s]", "U2", "S2", "i4,f4", "g"])
def test_dtypes_that_are_no_numbers(dtype: str) -> None:
    array = np.zeros(2, dtype)
    with refused("dtype", "NumPy"):
        _core.values_of(wrapper(array))
    if dtype != "O":
        assert bridge.to_numpy(view(wrapper(array))).dtype == array.dtype


def test_masks() -> None:
    masked = np.ma.masked_array([1.0, 2.0], [0, 1])
    with refused("type", "NumPy", hint="filled"):
        view(wrapper(masked))


def test_the_array_is_kept_alive_and_in_place() -> None:
    array = base_array()
    seen, producer = weakref.ref(array), wrapper(array)
    shared = view(producer)
    with pytest.raises(ValueError, match="resize"):
        array.resize(10_000, refcheck=False)
    producer.make = None
    del array
    gc.collect()
    assert np.asarray(shared).tolist() == base_array().tolist()
    del shared
    gc.collect()
    assert seen() is None


@pytest.mark.parametrize("x", [[1, 2], (1, 2), 5, 1.5, {}, "text", None, object(), range(3)])
def test_what_has_no_memory_is_not_made_an_array(x: Any) -> None:
    with pytest.raises(TypeError, match="no memory"):
        bridge.to_numpy(x)
    with pytest.raises(TypeError, match="no memory"):
        bridge.to_numpy(x, copy=None)


@needs_torch
def test_a_refused_tensor_is_not_asked_for_an_array() -> None:
    called = []

    class Sub(torch.Tensor):
        def __array__(self, *_: Any, **__: Any) -> Any:
            called.append(1)
            return np.ones(2)

    tensor = torch.ones(2, requires_grad=True).as_subclass(Sub)
    with pytest.raises(bridge.SharingError):
        view(tensor)
    assert not called


def test_better_protocols_come_first() -> None:
    class Both(ArrayMethod, FakeTensor):
        def __init__(self) -> None:
            FakeTensor.__init__(self)
            ArrayMethod.__init__(self, base_array)

    producer = Both()
    assert bridge.to_numpy(producer).tolist() == [0, 1, 2, 3, 4, 5]
    assert producer.calls == 0
    producer.lies["error"] = BufferError("no")
    with pytest.raises(bridge.SharingError, match=r"BufferError: no\n  - __array__: expected"):
        view(producer)


def test_foreign_byte_order() -> None:
    array = byte_swapped(base_array())
    assert_aliases(array, bridge.to_numpy(wrapper(array)))


# Known wrappers, and the last resort


def test_locked_array_of_multiprocessing() -> None:
    locked = Array("d", range(4))
    array = bridge.to_numpy(locked)
    locked[1] = 50
    assert array.tolist() == [0, 50, 2, 3]
    array[2] = 60
    assert locked[2] == 60
    assert view(locked).owner is locked
    assert bridge.shares_memory(locked, locked.get_obj())


def test_locked_value_of_multiprocessing() -> None:
    locked = Value("i", 5)
    bridge.to_numpy(locked)[...] = 7
    assert locked.value == 7


def test_unlocked_array_of_multiprocessing() -> None:
    plain = Array("h", 3, lock=False)
    bridge.to_numpy(plain)[1] = 7
    assert plain[1] == 7


def test_a_buffer_that_lends_only_bytes() -> None:
    producer = SimpleBytes()
    shared = view(producer)
    assert (shared.dtype, shared.shape) == ("uint8", (24,))
    bridge.to_numpy(shared).view("f8")[1] = 50
    assert producer.values[1] == 50


def test_bytes_are_the_last_resort() -> None:
    class Described(SimpleBytes):
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            return array

    array = base_array()
    assert_aliases(array, bridge.to_numpy(Described()))
    with refused("format", "buffer"):
        view(FakeBuffer(format=b"T{f:x:}"))
