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
from producers import WritableBuffer, named
from support import needs_torch, refused

IMMUTABLE = [
    ("jax", "Array"),
    ("jaxlib._jax", "ArrayImpl"),
    ("tensorflow.python.framework.ops", "EagerTensor"),
    ("pyarrow.lib", "DoubleArray"),
    ("pyarrow.lib", "ChunkedArray"),
]
MUTABLE = [
    ("pyarrow.lib", "Tensor"),
    ("pyarrow.lib", "Buffer"),
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
