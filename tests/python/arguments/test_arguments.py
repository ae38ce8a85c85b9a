"""Array arguments of C++ functions: any library's array is borrowed or shared, and writes go through."""

from __future__ import annotations

import array
import ctypes
import gc
import mmap
import sys
import textwrap
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from support import needs_ml_dtypes, needs_torch, run_python

try:
    import torch
except ImportError:
    torch = None


def _mmap() -> mmap.mmap:
    return mmap.mmap(-1, 24)


def _capsule_producer() -> Any:
    """An object with `__dlpack__` only."""

    class Producer:
        def __init__(self) -> None:
            self.array = np.zeros(6, np.float32)

        def __dlpack__(self, **options: Any) -> Any:
            return self.array.__dlpack__(**options)

        def __dlpack_device__(self) -> tuple[int, int]:
            return (1, 0)

    return Producer()


WRITABLE: dict[str, Callable[[], Any]] = {
    "ndarray": lambda: np.zeros(6, np.float32),
    "ndarray subclass": lambda: np.zeros(6, np.float32).view(np.recarray),
    "ndarray of a ctypes array": lambda: np.asarray((ctypes.c_float * 6)()),
    "strided ndarray": lambda: np.zeros((6, 2), np.float32)[:, 1],
    "negative strides": lambda: np.zeros(6, np.float32)[::-1],
    "array.array": lambda: array.array("f", [0] * 6),
    "memoryview": lambda: memoryview(bytearray(24)).cast("f"),
    "View": lambda: bridge.view(np.zeros(6, np.float32)),
    "View of a strided array": lambda: bridge.view(np.zeros((6, 2), np.float32)[:, 1]),
    "View of a mmap": lambda: bridge.view(memoryview(_mmap()).cast("f")),
    "View of a reversed array": lambda: bridge.view(np.zeros(6, np.float32)[::-1]),
    "part of a View": lambda: bridge.view(np.zeros((6, 2), np.float32))[:, 1],
    "DLPack capsule": _capsule_producer,
    "tensor": lambda: torch.zeros(6),
    "strided tensor": lambda: torch.zeros(6, 2)[:, 1],
    "parameter without grad": lambda: torch.nn.Parameter(torch.zeros(6), requires_grad=False),
    "View of a tensor": lambda: bridge.view(torch.zeros(6)),
}
PARAMS = [
    pytest.param(make, id=name, marks=needs_torch if "tensor" in name or "parameter" in name else ())
    for name, make in WRITABLE.items()
]


def values(x: Any) -> list[float]:
    return [float(value) for value in (x.array if hasattr(x, "__dlpack__") and hasattr(x, "array") else x)]


@pytest.mark.parametrize("make", PARAMS)
def test_writes_are_seen_by_the_caller(extension: ModuleType, make: Callable[[], Any]) -> None:
    x = make()
    seen = bridge.to_numpy(x) if isinstance(x, bridge.View) else x
    extension.visit_double(x)  # zeros stay zeros: now something to see
    facts = extension.facts(x)
    assert facts["shape"] == (6,)
    writer = bridge.to_numpy(x)
    writer[:] = [1, 2, 3, 4, 5, 6]
    extension.visit_double(x)
    assert values(seen) == [2, 4, 6, 8, 10, 12]
    assert not facts["copied"]
    assert not facts["readonly"]


@pytest.mark.parametrize("make", PARAMS)
def test_a_share_sees_later_writes(extension: ModuleType, make: Callable[[], Any]) -> None:
    x = make()
    keeper = extension.Keeper(x)
    bridge.to_numpy(x)[3] = 7
    assert keeper.at(3) == 7
    assert keeper.source() is x


READ_ONLY = {
    "bytes": lambda: memoryview(bytes(24)).cast("f"),
    "ndarray": lambda: np.frombuffer(bytes(24), np.float32),
    "View": lambda: bridge.view(np.zeros(6, np.float32), readonly=True),
}


@pytest.mark.parametrize("make", READ_ONLY.values(), ids=READ_ONLY)
def test_read_only_memory_is_for_const_elements(extension: ModuleType, make: Callable[[], Any]) -> None:
    assert extension.facts(make())["readonly"]
    assert extension.float32(make()) == 6
    with pytest.raises(TypeError, match="read-only"):
        extension.writable(make())
    with pytest.raises(TypeError, match="read-only"):
        extension.shared(make())


def test_two_and_three_dimensions(extension: ModuleType) -> None:
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    extension.scale(x, 2.0)
    assert x.tolist() == [[0, 2, 4], [6, 8, 10]]
    y = np.zeros((4, 3, 2)).transpose(2, 0, 1)[:, ::-1]
    extension.increment(y)
    assert (y == 1).all()


def test_contiguous_arrays_iterate(extension: ModuleType) -> None:
    assert extension.total(np.arange(6.0).reshape(2, 3)) == 15
    assert extension.total(np.arange(6.0).reshape(2, 3).T) == 15
    assert extension.total(np.zeros((0, 3))) == 0
    assert extension.span_size(np.zeros((2, 3), np.float32)) == 6


def test_indices_follow_strides(extension: ModuleType) -> None:
    x = np.arange(12.0).reshape(3, 4)
    assert extension.corner(x[:, ::-1]) == 0
    assert extension.corner(x[1:, 1:3]) == 6
    assert extension.corner(x[1]) == 4
    assert extension.scalar(np.array(5.0)) == 5


def test_facts(extension: ModuleType) -> None:
    x = np.zeros((4, 6), np.int16)[::2, ::-3]
    facts = extension.facts(x)
    assert facts == extension.facts_of_shared(x)
    assert facts == {
        "shape": (2, 2),
        "strides": (12, -3),
        "dtype": "int16",
        "size": 4,
        "device": "cpu",
        "stream": 0,
        "readonly": False,
        "copied": False,
        "ptr": x.ctypes.data,
    }


def test_complex_elements(extension: ModuleType) -> None:
    x = np.zeros(3, np.complex64)
    extension.fill_complex(x, 1 + 2j)
    assert x.tolist() == [1 + 2j] * 3


@needs_ml_dtypes
def test_dtypes_without_a_cpp_type_are_arrays_of_void(extension: ModuleType) -> None:
    import ml_dtypes

    assert extension.facts(np.zeros(2, ml_dtypes.bfloat16))["dtype"] == "bfloat16"


def test_arrays_anywhere_among_the_arguments(extension: ModuleType) -> None:
    x, y = np.ones(3), np.full(3, 2.0)
    extension.add(1, 2.0, "three", x, y)
    assert x.tolist() == [3, 3, 3]


def test_optional_arguments(extension: ModuleType) -> None:
    assert extension.optional() == -1
    assert extension.optional(None) == -1
    assert extension.optional(np.zeros(3, np.float32)) == 3
    with pytest.raises(TypeError):
        extension.optional(np.zeros(3))


class _Subclass(np.ndarray[Any, Any]):
    """An array that is not exactly NumPy's."""


def test_subclasses_of_ndarray(extension: ModuleType) -> None:
    x = np.arange(3, dtype=np.float32).view(_Subclass)
    assert extension.writable(x) == 3
    for function in (extension.float32, extension.writable):
        with pytest.raises(TypeError, match=r"got float64 .*_Subclass"):
            function(x.astype(float))
    with pytest.raises(TypeError, match="a masked array"):
        extension.float32(np.ma.masked_array(x, [1, 0, 0]))


def test_views_of_read_only_and_of_other_memory(extension: ModuleType) -> None:
    x, fixed = np.zeros(4, np.float32), np.frombuffer(bytes(16), np.float32)
    for value in (1, 2, 3):  # the first call finds out whether the library of Views forbids writes
        extension.fill(bridge.view(x), value)
        assert x.tolist() == [value] * 4
        assert extension.float32(bridge.view(fixed)) == 4
        with pytest.raises(TypeError, match=r"expected float32, writable, CPU; got float32 .*read-only"):
            extension.writable(bridge.view(fixed))
        with pytest.raises(TypeError, match="expected float32, CPU; got float64"):
            extension.float32(bridge.view(x.astype(float)))


VIEWS_THAT_DO_NOT_FIT = {
    "byte order": (np.zeros(3, ">f4"), "got >f4"),
    "alignment": (np.zeros(13, np.uint8)[1:].view(np.float32), "misaligned"),
    "strides": (np.zeros(4, "u1,f4,u1")["f1"], "strides"),
    "records": (np.zeros(3, "i2,i2"), r"numpy_bridge\.\S*View"),
    "times": (np.zeros(3, "M8[s]"), r"numpy_bridge\.\S*View"),
}


@pytest.mark.parametrize(("array", "reason"), VIEWS_THAT_DO_NOT_FIT.values(), ids=VIEWS_THAT_DO_NOT_FIT)
def test_views_of_memory_that_functions_cannot_use(
    extension: ModuleType, array: np.ndarray[Any, Any], reason: str
) -> None:
    for _ in range(2):
        for function in (extension.float32, extension.writable):
            with pytest.raises(TypeError, match=reason):
                function(bridge.view(array))


def test_views_of_one_element_and_of_none(extension: ModuleType) -> None:
    assert extension.float32(bridge.view(np.zeros((), np.float32))) == 1
    assert extension.float32(bridge.view(np.zeros((0, 3), np.float32))) == 0


def test_views_of_another_version_come_in_by_their_protocols(extension: ModuleType) -> None:
    """A module must not need what the type of Views publishes for it."""
    run_python(
        textwrap.dedent(
            f"""
        import importlib.util, numpy as np, numpy_bridge
        spec = importlib.util.spec_from_file_location({extension.__name__!r}, {extension.__file__!r})
        extension = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(extension)
        del numpy_bridge.View.__numpy_bridge_view__
        x = np.zeros(3, np.float32)
        extension.fill(numpy_bridge.view(x), 7)
        assert x.tolist() == [7] * 3
        assert extension.float32(numpy_bridge.view(x, readonly=True)) == 3
        """
        )
    )


def test_lists_of_arrays(extension: ModuleType) -> None:
    arrays = [np.ones(3, np.float32), memoryview(np.ones(2, np.float32)), _capsule_producer()]
    assert extension.many(arrays) == 5
    assert extension.many([]) == 0
    with pytest.raises(TypeError):
        extension.many([np.ones(3)])


def test_passed_by_reference(extension: ModuleType) -> None:
    assert extension.by_reference(np.zeros(3, np.float32)) == 3
    assert extension.by_rvalue(np.zeros(3, np.float32)) == 3


def test_cast_inside_a_function(extension: ModuleType) -> None:
    assert extension.cast(np.zeros(3, np.float32)) == 3
    assert extension.cast(memoryview(np.zeros(3, np.float32))) == 3


def test_eigen_maps_the_same_memory(extension: ModuleType) -> None:
    x = np.arange(12.0).reshape(3, 4)
    extension.eigen_double(x[::2, ::-1])
    assert x.tolist() == [[0, 2, 4, 6], [4, 5, 6, 7], [16, 18, 20, 22]]
    y = np.ones((2, 3))
    extension.eigen_double_c(y)
    extension.eigen_double_f(y.T)
    assert (y == 4).all()
    z = np.zeros((4, 3))
    extension.eigen_columns(z[::2, ::-1])
    assert z.tolist() == [[2, 1, 0], [0, 0, 0], [12, 11, 10], [0, 0, 0]]
    assert extension.eigen_dot(np.arange(6.0)[::2], np.ones(3)) == 6


def test_class_methods_and_constructors(extension: ModuleType) -> None:
    keeper = extension.Keeper(x=np.arange(3, dtype=np.float32))
    assert keeper.dot(np.ones(3, np.float32)) == 3
    with pytest.raises(TypeError, match="y: expected float32, 1-D, CPU; got float64"):
        keeper.dot(y=np.ones(3))
    with pytest.raises(TypeError, match="x: expected float32, 1-D, CPU; got float64"):
        extension.Keeper(np.ones(3))


def test_a_share_keeps_its_owner_alive_and_lets_go(extension: ModuleType) -> None:
    class Owner(np.ndarray):
        pass

    x = np.arange(3, dtype=np.float32).view(Owner)
    gone = weakref.ref(x)
    keeper = extension.Keeper(x)
    del x
    gc.collect()
    assert gone() is not None
    assert keeper.at(2) == 2
    del keeper
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("make", PARAMS)
@pytest.mark.parametrize("function", ["facts", "facts_of_shared", "visit_double", "on_cuda"])
def test_calls_leave_no_references(extension: ModuleType, make: Callable[[], Any], function: str) -> None:
    x = make()
    call = getattr(extension, function)

    def try_call() -> None:
        try:
            call(x)
        except TypeError:
            assert function == "on_cuda"

    try_call()
    before = sys.getrefcount(x)
    for _ in range(100):
        try_call()
    assert sys.getrefcount(x) == before
