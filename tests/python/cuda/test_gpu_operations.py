"""add_ and copy_ on every library's memory, element by element, and that not a byte beside it changes.

The same tests run on the host, against NumPy, and on the device.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import numpy_bridge as bridge
from gpu_layouts import ADDABLE, COMPLEX, INTEGERS, LAYOUTS, SHAPES, any_bits, dtype_named, numbers
from gpu_libraries import Library
from numpy_bridge import add_, copy_

pytest.importorskip("ml_dtypes", reason="bfloat16 in NumPy needs ml_dtypes")


def assert_same(got: np.ndarray, expected: np.ndarray) -> None:
    """Of one dtype, and with the same values; NaNs are equal."""
    assert got.dtype == expected.dtype
    if got.dtype.name == "bfloat16":  # whose NaNs NumPy does not know
        got, expected = got.astype(np.float32), expected.astype(np.float32)
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ADDABLE)
def test_add(library: Library, name: str, layout: str) -> None:
    """A number, an array of the same layout, and a packed one."""
    for shape in SHAPES:
        base, more = numbers(name, shape), numbers(name, shape, seed=1)
        block, other = library.put(base), library.put(more)
        expected = LAYOUTS[layout](base, shape)
        x, y = LAYOUTS[layout](block, shape), LAYOUTS[layout](other, shape)
        assert add_(x, 1) is x
        assert add_(x, y) is x
        expected += dtype_named(name).type(1)
        expected += LAYOUTS[layout](more, shape)
        assert_same(library.get(block), base)
        packed = np.array(expected, order="C")
        add_(x, library.put(packed.reshape(-1)).reshape(packed.shape))
        expected += packed
        assert_same(library.get(block), base)
        assert_same(library.get(other), more)


@pytest.mark.parametrize("name", ["uint8", "float32", "complex128"])
def test_broadcast(library: Library, name: str) -> None:
    """Rows, columns and single elements are added to every row, column and element."""
    for shape in SHAPES:
        base = numbers(name, shape)
        block = library.put(base)
        expected, x = base.reshape(shape), block.reshape(shape)
        for part in ((1, shape[1]), (shape[0], 1), (shape[1],), (1,)):
            y = numbers(name, (1, int(np.prod(part))), seed=2)
            add_(x, library.put(y).reshape(part))
            expected += y.reshape(part)
        assert_same(library.get(block), base)
        copy_(x, library.put(y[:1]))
        assert set(library.get(block).tolist()) == {y[0].item()}


@pytest.mark.parametrize("name", ["int8", "uint16", "int64", "float16", "bfloat16", "float32", "complex64"])
def test_sums_of_any_bits(library: Library, name: str) -> None:
    """Integers wrap and floats round as on the host, at every position of a vector."""
    for count in (1, 31, 4099):
        base, more = any_bits(name, count), any_bits(name, count, seed=1)
        block = library.put(base)
        add_(block, library.put(more))
        with np.errstate(all="ignore"):
            assert_same(library.get(block), base + more)


def test_operands_of_any_two_libraries(library: Library, other: Library) -> None:
    """Whose memory it is does not matter, as long as it is on one device."""
    for name in ("float32", "int32"):
        base, more = numbers(name, SHAPES[1]), numbers(name, SHAPES[1], seed=1)
        block, y = library.put(base), other.put(more)
        add_(block, y)
        assert_same(library.get(block), base + more)
        copy_(block, y)
        assert_same(library.get(block), more)
        if other.writable:
            add_(y, block)
            assert_same(other.get(y), more + more)
        else:
            with pytest.raises(bridge.SharingError) as caught:
                add_(y, block)
            assert caught.value.field == "readonly"


# copy_


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["bool", "uint8", "float16", "float32", "float64", "complex128"])
def test_copy(library: Library, name: str, layout: str) -> None:
    """From packed memory and back, which transposes a transposed layout."""
    for shape in SHAPES:
        base = numbers(name, shape)
        block = library.put(np.zeros_like(base))
        x = LAYOUTS[layout](block, shape)
        values = np.array(LAYOUTS[layout](base, shape), order="C")
        packed = library.put(values.reshape(-1))
        assert copy_(x, packed.reshape(values.shape)) is x
        expected = np.zeros_like(base)
        LAYOUTS[layout](expected, shape)[...] = values
        assert_same(library.get(block), expected)
        back = library.put(np.zeros_like(values).reshape(-1))
        copy_(back.reshape(values.shape), x)
        assert_same(library.get(back), values.reshape(-1))


def same_kind(source: str, target: str) -> bool:
    """NumPy's rule, with bfloat16 as one of the floats."""
    known = [name.replace("bfloat16", "float32") for name in (source, target)]
    return source != target and bool(np.can_cast(*known, "same_kind"))


CASTS = [pair for pair in itertools.product(("bool", *ADDABLE), ADDABLE) if same_kind(*pair)]


@pytest.mark.parametrize(("source", "target"), CASTS)
def test_casts(library: Library, source: str, target: str) -> None:
    """As on the host, where test_copy.py holds every cast against NumPy."""
    for count, step in ((5003, 1), (5003, 2)):
        drawn = any_bits(source, count) if source != "bool" else numbers("bool", (1, count))
        host = np.zeros(count, dtype_named(target))
        block = library.put(host)
        copy_(host[::step], drawn[::step])
        copy_(block[::step], library.put(drawn)[::step])
        assert_same(library.get(block), host)


LOSSY = [
    pair
    for pair in itertools.product(("bool", *ADDABLE), repeat=2)
    if pair[0] != pair[1] and not same_kind(*pair)
]


def test_casts_that_lose_something(library: Library) -> None:
    """As on the host, NaN and numbers out of range, too."""
    for source, target in LOSSY:
        drawn = any_bits(source, 701) if source != "bool" else numbers("bool", (1, 701))
        host = np.zeros(701, dtype_named(target))
        block = library.put(host)
        copy_(host[::2], drawn[::2], casting="unsafe")
        copy_(block[::2], library.put(drawn)[::2], casting="unsafe")
        assert_same(library.get(block), host)


# Overlaps, and what is refused


@pytest.mark.parametrize("name", ["int32", "uint8", "float64"])
def test_operands_that_overlap(library: Library, name: str) -> None:
    """As if the operand that is read were read first."""
    for count in (10, 70_001):
        base = numbers(name, (1, count))
        block = library.put(base)
        for there, here in ((slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))):
            add_(block[there], block[here])
            base[there] = base[there] + base[here]
            assert_same(library.get(block), base)
            copy_(block[there], block[here])
            base[there] = base[here].copy()
            assert_same(library.get(block), base)
    square = numbers(name, (64, 64))
    block = library.put(square)
    x, expected = block.reshape((64, 64)), square.reshape(64, 64)
    add_(x, x.T)
    expected += expected.T.copy()
    assert_same(library.get(block), square)
    add_(x, x)
    expected += expected
    assert_same(library.get(block), square)


@pytest.mark.parametrize("name", INTEGERS + COMPLEX)
def test_nothing_but_memory_of_its_dtype_is_added(library: Library, name: str) -> None:
    block = library.put(numbers(name, SHAPES[0]))
    wrong = library.put(numbers("float32", SHAPES[0]))
    for y, field in ((wrong, "dtype"), (library.put(numbers(name, (1, 7))), "shape")):
        with pytest.raises(bridge.SharingError) as caught:
            add_(block, y)
        assert caught.value.field == field
    assert_same(library.get(block), numbers(name, SHAPES[0]))


def test_read_only_memory_is_never_written(library: Library) -> None:
    block = library.put(numbers("float32", SHAPES[0]))
    for call in (add_, copy_):
        with pytest.raises(bridge.SharingError) as caught:
            call(bridge.view(block, readonly=True), block)
        assert caught.value.field == "readonly"
    add_(block, bridge.view(block, readonly=True))
    assert_same(library.get(block), numbers("float32", SHAPES[0]) * 2)
