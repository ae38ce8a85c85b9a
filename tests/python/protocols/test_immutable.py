"""Arrays of immutable libraries come in read-only by every protocol, whatever the protocol says."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fake_interfaces import FakeInterface, FakeStruct, wrapper
from fakes import Borrow, FakeTensor, exchange_type
from numpy_bridge import view
from numpy_bridge.libraries import LIBRARIES, Library, library_of
from producers import WritableBuffer, named
from support import needs_torch, refused

IMMUTABLE = [
    ("jax", "Array"),
    ("jaxlib._jax", "ArrayImpl"),
    ("tensorflow.python.framework.ops", "EagerTensor"),
    ("pyarrow.lib", "DoubleArray"),
    ("pyarrow.lib", "ChunkedArray"),
    ("pandas", "RangeIndex"),
    ("pandas.arrays", "SparseArray"),
    ("awkward.highlevel", "Array"),
    ("dask.array.core", "Array"),
]
MUTABLE = [
    ("pyarrow.lib", "Tensor"),
    ("pyarrow.lib", "Buffer"),
    ("pandas", "Series"),
    ("pandas.arrays", "IntegerArray"),
    ("mlx.core", "array"),
    ("paddle", "Tensor"),
    ("onnxruntime.capi", "OrtValue"),
    ("jaxtyping", "Array"),
    ("tensorflow_probability", "Array"),
    ("my.jax", "Array"),
]


def exchanged(module: str, name: str) -> Any:
    fakes: list[FakeTensor] = []

    def answer(_: object) -> Any:
        fakes.append(FakeTensor())
        return fakes[-1].managed

    return named(module, name, exchange_type(answer))()


MAKERS: dict[str, Callable[[str, str], Any]] = {
    "exchange API": exchanged,
    "buffer": lambda module, name: named(module, name, WritableBuffer)(),
    "DLPack": lambda module, name: named(module, name, FakeTensor)(),
    "unversioned DLPack": lambda module, name: named(module, name, FakeTensor)(versioned=False),
    "__array_struct__": lambda module, name: named(module, name, FakeStruct)(),
    "__array_interface__": lambda module, name: named(module, name, FakeInterface)(),
    "__array__": lambda module, name: named(module, name, type(wrapper(np.ones(1))))(
        wrapper(np.ones(2)).make
    ),
}
each_protocol = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


@each_protocol
@pytest.mark.parametrize(("module", "name"), IMMUTABLE)
def test_immutable(module: str, name: str, make: Callable[[str, str], Any]) -> None:
    x = make(module, name)
    assert view(x).readonly
    assert not bridge.to_numpy(x).flags.writeable
    assert bridge.to_numpy(x, copy=True).flags.writeable


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.name)
@pytest.mark.parametrize(
    "name", ["Array", "ChunkedArray", "Tensor", "Series", "ArrayView", "Index", "SparseArray"]
)
def test_the_table_of_libraries_agrees(library: Library, name: str) -> None:
    """Copy-on-write libraries, whose objects mark read-only memory themselves, are not in the C++ list."""
    for module in library.modules:
        for root in (module, f"{module}.inner"):
            x = named(root, name, WritableBuffer)()
            assert view(x).readonly is library.is_immutable(name), root
            assert library_of(x) == library.name


def test_the_libraries_with_immutable_types_are_these() -> None:
    immutable = {library.name for library in LIBRARIES if library.immutable}
    assert immutable == {"jax", "tensorflow", "pyarrow", "pandas", "awkward", "dask"}
    assert {library.name for library in LIBRARIES if library.lends_readonly} == {"pandas", "polars"}


@each_protocol
@pytest.mark.parametrize(("module", "name"), IMMUTABLE)
def test_what_inherits_is_immutable_too(module: str, name: str, make: Callable[[str, str], Any]) -> None:
    x = make(module, name)
    x.__class__ = type("Mine", (type(x),), {"__module__": "mine"})
    assert view(x).readonly


@needs_torch
@each_protocol
def test_torch_does_not_get_to_write(make: Callable[[str, str], Any]) -> None:
    with refused("readonly", "torch", hint="copy=True"):
        bridge.to_torch(make(*IMMUTABLE[0]))


@each_protocol
@pytest.mark.parametrize(("module", "name"), MUTABLE)
def test_mutable(module: str, name: str, make: Callable[[str, str], Any]) -> None:
    assert not view(make(module, name)).readonly


@pytest.mark.parametrize(
    ("module", "name", "mutable"), [("jax", "Array", False), ("mlx.core", "array", True)]
)
def test_functions_in_cpp_do_not_get_to_write(
    module: str, name: str, mutable: bool, extension: ModuleType
) -> None:
    fake = FakeTensor()

    def lend(_: object, out: Any) -> int:
        out[0] = fake.managed.tensor  # has no word for read-only
        return 0

    function = Borrow(lend)
    kind = exchange_type(lambda _: fake.managed)
    kind.table.tensor_from_object = ctypes.cast(function, ctypes.c_void_p)
    x = named(module, name, kind)()
    assert extension.float32(x) == 6
    if mutable:
        assert extension.writable(x) == 6
    else:
        with pytest.raises(TypeError, match="read-only"):
            extension.writable(x)
