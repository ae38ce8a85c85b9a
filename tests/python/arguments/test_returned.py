"""Memory made in C++ becomes an array of the caller's choosing, without a copy, and is freed once."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from support import needs_torch, run_python

try:
    import torch
except ImportError:
    torch = None

MAKERS = ["pointer", "as_numpy", pytest.param("as_torch", marks=needs_torch), "as_view"]


def make(extension: ModuleType, function: str) -> object:
    return extension.pointer([2, 3]) if function == "pointer" else getattr(extension, function)()


def test_containers_become_arrays(extension: ModuleType) -> None:
    x = extension.from_vector()
    assert x.dtype == np.float32
    assert x.tolist() == [0, 1, 2, 3, 4, 5]
    x[0] = 9
    assert x[0] == 9
    assert extension.vector_of_shape([2, 3]).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert extension.array().tolist() == [1, 2, 3]
    assert extension.array().dtype == np.int16
    assert extension.unique().tolist() == [[0, 0], [0, 7]]


def test_a_vector_is_not_copied(extension: ModuleType) -> None:
    address, x = extension.vector_address()
    assert x.ctypes.data == address


@pytest.mark.parametrize("function", MAKERS)
def test_memory_is_freed_once(extension: ModuleType, function: str) -> None:
    before = extension.freed()
    x = make(extension, function)
    shared = bridge.to_numpy(x)
    assert shared.tolist() == [[0, 1, 2], [3, 4, 5]]
    shared[0, 0] = 8
    assert float(bridge.to_numpy(x)[0, 0]) == 8
    del x
    gc.collect()
    assert extension.freed() == before
    assert shared[0, 0] == 8
    del shared
    gc.collect()
    assert extension.freed() == before + 1


def test_a_wrong_shape_frees_the_memory_too(extension: ModuleType) -> None:
    before = extension.freed()
    for shape in ([-1, 3], [1 << 62, 1 << 62], [1] * 65):
        with pytest.raises(BufferError, match=r"cannot return this array: expected"):
            extension.pointer(shape)
    assert extension.freed() == before + 3
    with pytest.raises(
        BufferError,
        match=r"cannot return this array: expected a shape of 6 elements, got \(4,\)\. \[returned\.shape\]",
    ):
        extension.vector_of_shape([4])


@needs_torch
def test_a_failed_conversion_frees_the_memory(extension: ModuleType) -> None:
    with pytest.raises(BufferError, match="torch cannot share this: expected writable memory"):
        extension.read_only_as_torch()


def test_const_elements_are_read_only(extension: ModuleType) -> None:
    x = extension.read_only()
    assert x.tolist() == [1, 2, 3]
    assert not x.flags.writeable


def test_the_callers_library_decides(extension: ModuleType) -> None:
    assert type(extension.like(np.zeros(1, np.float32))) is np.ndarray
    assert type(extension.like(bridge.view(np.zeros(1, np.float32)))) is bridge.View
    assert type(extension.like(memoryview(np.zeros(1, np.float32)))) is np.ndarray


@needs_torch
def test_a_tensor_for_a_tensor(extension: ModuleType) -> None:
    x = extension.like(torch.zeros(1))
    assert type(x) is torch.Tensor
    assert x.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_library_with_a_namespace(extension: ModuleType) -> None:
    class Array:
        """Stands for JAX and CuPy: an array with `__array_namespace__` and `__dlpack__`."""

        array = np.zeros(1, np.float32)

        def __dlpack__(self, **options: object) -> object:
            return self.array.__dlpack__(**options)

        def __dlpack_device__(self) -> tuple[int, int]:
            return (1, 0)

        def __array_namespace__(self) -> object:
            return sys.modules[__name__]

    assert extension.like(Array()) == "from_dlpack of [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]"


def from_dlpack(x: object) -> str:
    return f"from_dlpack of {np.from_dlpack(x).tolist()}"


def by_rows(*shape: int) -> np.ndarray[Any, Any]:
    return np.arange(np.prod(shape)).reshape(shape)


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        ("column_major", (2, 3)),
        ("row_major", (2, 3)),
        ("fixed", (3, 3)),
        ("array_of_eigen", (2, 3)),
        ("derived", (2, 3)),
        ("column", (3,)),
        ("row", (3,)),
    ],
)
def test_matrices_of_eigen_keep_shape_and_order(
    extension: ModuleType, function: str, shape: tuple[int, ...]
) -> None:
    x = getattr(extension, function)()
    assert x.shape == shape
    assert (x == by_rows(*shape)).all()
    x[-1] = 7
    assert (x[-1] == 7).all()


def test_other_consumers_see_the_same_matrix(extension: ModuleType) -> None:
    assert bridge.to_numpy(extension.matrix_as_view()).tolist() == by_rows(2, 3).tolist()
    if torch is not None:
        assert extension.matrix_as_torch().tolist() == by_rows(2, 3).tolist()
    assert extension.matrix_of_shape([2, 3]).tolist() == by_rows(2, 3).tolist()
    assert extension.column_of_shape([2, 3]).tolist() == by_rows(2, 3).tolist()
    for shape in ([3, 2], [6]):
        with pytest.raises(BufferError, match=r"expected \(2, 3\), got .* without a shape"):
            extension.matrix_of_shape(shape)


@pytest.mark.parametrize(
    ("get", "values"),
    [
        (lambda extension, s: s.owned, [0, 1, 2, 3, 4, 5]),
        (lambda extension, s: s.aliased, [[0, 1, 2], [3, 4, 5]]),
        (lambda extension, s: s.odd, [1, 3, 5]),
        (lambda extension, s: s.reversed(), [5, 4, 3, 2, 1, 0]),
        (lambda extension, s: extension.Sound.of_owner(s), [0, 1, 2, 3, 4, 5]),
    ],
    ids=["owned", "aliased", "odd", "reversed", "of_owner"],
)
def test_an_array_keeps_the_object_that_it_is_part_of(
    extension: ModuleType, get: Callable[[ModuleType, Any], Any], values: list[Any]
) -> None:
    before = extension.freed()
    sound = extension.Sound()
    x = get(extension, sound)
    assert x.tolist() == values
    x[0] = 9
    assert np.array_equal(get(extension, sound)[0], x[0])  # the same memory
    part = x[1:]
    del sound, x
    gc.collect()
    assert extension.freed() == before
    assert part.tolist() == values[1:]
    del part
    gc.collect()
    assert extension.freed() == before + 1


def test_an_alias_of_const_elements_is_read_only(extension: ModuleType) -> None:
    x = extension.Sound().read_only()
    assert x.tolist() == [0, 1, 2, 3, 4, 5]
    assert not x.flags.writeable


def test_results_can_be_made_without_the_gil_at_first(extension: ModuleType) -> None:
    folder = Path(extension.__file__ or "").parent
    code = f"""
import sys
sys.path.insert(0, {str(folder)!r})
import {extension.__name__} as module
print(module.made_without_gil().sum())
"""
    assert run_python(code).strip() == "15.0"


@pytest.mark.parametrize(
    "call", [lambda extension, s: s.dangling(), lambda extension, s: extension.Sound.of_nobody(s)]
)
def test_an_array_without_an_owner_is_refused(
    extension: ModuleType, call: Callable[[ModuleType, Any], Any]
) -> None:
    with pytest.raises(BufferError, match=r"reference_internal.*\[returned\.owner\]"):
        call(extension, extension.Sound())


def test_arguments_that_go_back_are_the_objects_that_came(extension: ModuleType) -> None:
    x = np.zeros(3, np.float32)
    assert extension.same(x) is x
    assert extension.same_share(x) is x
    assert extension.same_or_none(x) is x
    assert extension.same_or_none(None) is None
    assert extension.pass_on(x, lambda given: given) is x
    assert extension.pass_to(x, lambda given: given.shape[0] * (given is x)) == 3
    assert extension.Holder(x).kept is x
    with pytest.raises(TypeError, match="keep a numpy_bridge::shared"):
        _ = extension.Holder(x).lost
    double = np.zeros(3)
    assert extension.copied_and_back(double) is double
    assert extension.copied_and_back(x).dtype == np.float64
