"""copy_ with `casting=` on simulated devices: what the host makes of the same numbers."""

from __future__ import annotations

import numpy as np
import pytest

from casts import CONVERTIBLE, assert_same, converted, edges
from numpy_bridge import View, copy_, from_pointer
from simulated import OnStream, Simulation
from support import byte_swapped, dtype_named, refused


def located(array: np.ndarray, device: str = "cuda:0") -> View:
    """Memory at an address, of any dtype."""
    name = array.dtype.name if array.dtype.isnative else array.dtype.str
    return from_pointer(
        array.ctypes.data, array.shape, name, strides=array.strides, device=device, owner=array
    )


@pytest.mark.parametrize("source", CONVERTIBLE)
def test_every_cast(cuda: Simulation, source: str) -> None:
    """Packed and with gaps, and nothing is written between."""
    values = edges(source)
    block = cuda.block(values)
    for target in CONVERTIBLE:
        dtype = dtype_named(target)
        for step in (1, 2):
            there, here = cuda.block(np.zeros(len(values), dtype)), np.zeros(len(values), dtype)
            copy_(located(there[::step]), located(block[::step]), casting="unsafe")
            copy_(here[::step], values[::step], casting="unsafe")
            cuda.run()
            assert_same(there, here, f"{source} to {target}")
            assert_same(there[::step], converted(values[::step], target), f"{source} to {target}")


@pytest.mark.parametrize("target", ["bool", "int8", "uint64", "float16", "complex64"])
def test_other_places_and_byte_orders(cuda: Simulation, target: str) -> None:
    """To the device, to another one and to the host; complex numbers in either order."""
    values = edges("complex128")
    expected = converted(values, target)
    for read in (values, byte_swapped(values)):
        there, far = (cuda.block(np.zeros(len(values), target), f"cuda:{i}") for i in (0, 1))
        back = np.zeros(len(values), expected.dtype.newbyteorder())
        copy_(located(there), read, casting="unsafe")
        on_device = cuda.block(read)
        copy_(located(far, "cuda:1"), located(on_device), casting="unsafe")
        copy_(back, located(on_device), casting="unsafe")
        cuda.run()
        for written in (there, far, back):
            np.testing.assert_array_equal(written, expected)


def test_every_word(cuda: Simulation) -> None:
    there, here = cuda.block(np.zeros(3, "i4")), cuda.block(np.array([1.9, -1.9, 1e10]))
    for rule in ("no", "equiv", "safe", "same_kind"):
        with refused("dtype", "copy_", hint='casting="unsafe"'):
            copy_(OnStream(there, 5), OnStream(here, 5), casting=rule)  # type: ignore[arg-type]
    copy_(OnStream(there, 5), OnStream(here, 5), casting="unsafe")
    cuda.run()
    assert there.tolist() == [1, -1, 2**31 - 1]
