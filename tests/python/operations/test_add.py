"""add_ on the CPU, against NumPy: every dtype, layout, broadcast and overlap, and whose memory it may be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import numpy_bridge as bridge
from numpy_bridge import add_, copy_
from strategies import BUFFER, elements_overlap, operands
from support import (
    BACKWARD,
    FORWARD,
    LAYOUTS,
    base_array,
    dtype_layouts,
    dtype_named,
    ml_dtypes,
    needs_ml_dtypes,
    needs_torch,
    peek,
    readonly,
    refused,
    strided,
    torch,
)

INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
FLOATS = ("float16", "float32", "float64")
COMPLEX = ("complex64", "complex128")
ADDABLE = [*INTEGERS, *FLOATS, *COMPLEX, pytest.param("bfloat16", marks=needs_ml_dtypes)]


def fill(seed: int) -> None:
    """Any bytes: as floats they are NaNs, subnormal and huge as well."""
    BUFFER[:] = np.random.default_rng(seed).integers(0, 256, len(BUFFER), dtype=np.uint8)


# Against NumPy


@given(operands((*INTEGERS, *FLOATS, *COMPLEX)), st.integers(0, 2**32))
def test_any_two_layouts(pair: tuple[np.ndarray, np.ndarray], seed: int) -> None:
    """As if y were read first, whatever overlaps what, and not a byte beside x is touched."""
    x, y = pair
    fill(seed)
    before = BUFFER.copy()
    if elements_overlap(x):
        with refused("strides", "add_", hint="write to a copy"):
            add_(x, y)
        assert np.array_equal(BUFFER, before)
        return
    with np.errstate(all="ignore"):
        expected = x.copy() + y.copy()
    assert add_(x, y) is x
    np.testing.assert_array_equal(x, expected.astype(x.dtype))
    x[...] = 0
    after = BUFFER.copy()
    BUFFER[:] = before
    x[...] = 0
    np.testing.assert_array_equal(BUFFER, after)


@pytest.mark.parametrize(("name", "layout"), dtype_layouts(ADDABLE, [*FORWARD, *BACKWARD, "odd-strides"]))
def test_every_dtype_and_layout(name: str, layout: str) -> None:
    x = LAYOUTS[layout](base_array(name))
    one = np.ones((1, 1) if x.ndim >= 2 else (), x.dtype)
    if layout == "broadcast":
        with refused("strides"):
            add_(x, one)
        return
    expected = x + one
    assert peek(add_(x, one)) == expected.tolist()
    assert peek(add_(x, 1)) == (expected + one).tolist()


@pytest.mark.parametrize("name", INTEGERS)
@pytest.mark.parametrize("length", [0, 1, 3, 15, 64, 1000])
def test_integers_wrap(name: str, length: int) -> None:
    """At every position of a vector register."""
    limits = np.iinfo(name)
    x = np.resize(np.array([limits.max, limits.min, 1, limits.max], name), length)
    y = np.resize(np.array([1, limits.max, limits.max, limits.max], name), length)
    expected = x + y
    assert np.array_equal(add_(x, y), expected)


@pytest.mark.parametrize("name", ["float16", pytest.param("bfloat16", marks=needs_ml_dtypes)])
def test_halves_round_once_to_even(name: str) -> None:
    """All numbers of 16 bits, added to some: against float64, which holds every sum exactly enough."""
    x = np.arange(2**16, dtype=np.uint16).view(dtype_named(name))
    for value in (0.0, 1.0, -1.0, 3e-8, 2049.0, 0.333, 65504.0, -1e-3):
        y = np.full_like(x, value)
        with np.errstate(all="ignore"):
            expected = (x.astype(np.float64) + y.astype(np.float64)).astype(x.dtype)
        result = add_(x.copy(), y)
        assert np.array_equal(result.astype(np.float32), expected.astype(np.float32), equal_nan=True)


@needs_torch
@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")
def test_complex32() -> None:
    x = torch.tensor([1 + 2j, 3 - 4j]).to(torch.complex32)
    y = torch.tensor([0.5 + 1j]).to(torch.complex32)
    assert add_(x, y) is x
    assert x.to(torch.complex64).tolist() == [1.5 + 3j, 3.5 - 3j]
    assert add_(x, 1j).to(torch.complex64).tolist() == [1.5 + 4j, 3.5 - 2j]


# Numbers


@pytest.mark.parametrize("name", ADDABLE)
def test_numbers_follow_the_dtype_of_x(name: str) -> None:
    x = base_array(name)
    before = x.astype("complex128")
    for value in (1, True, np.uint8(1)):
        add_(x, value)
    assert np.array_equal(x.astype("complex128"), before + 3)


@pytest.mark.parametrize("name", INTEGERS)
def test_integers_at_the_limits(name: str) -> None:
    limits = np.iinfo(name)
    for value in (limits.min, limits.max):
        assert add_(np.zeros(3, name), int(value)).tolist() == [value] * 3
    for value in (limits.min - 1, limits.max + 1, 2**70, -(2**70)):
        with refused("y", "add_", hint=None):
            add_(np.zeros(3, name), int(value))


def test_fractions() -> None:
    assert add_(np.zeros(2, "f4"), 0.1).tolist() == [np.float32(0.1)] * 2
    assert add_(np.zeros(2, "f2"), np.float64(0.1)).tolist() == [np.float16(0.1)] * 2
    assert add_(np.zeros(1, "c8"), 1 + 2j).tolist() == [1 + 2j]
    assert add_(np.zeros(1), float("inf")).tolist() == [np.inf]
    assert np.isnan(add_(np.zeros(1, "f2"), float("nan"))[0])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("int32", value) for value in (1.0, 1j, np.float32(1))),
        *(("float32", value) for value in (1j, np.complex64(1), 1e39, 10**400)),
        ("float16", 65520.0),
        ("complex64", 1e39j),
    ],
)
def test_numbers_that_would_lose_something(name: str, value: Any) -> None:
    x = np.zeros(2, name)
    with refused("y", "add_", hint=None):
        add_(x, value)
    assert x.tolist() == [0, 0]


# Whose memory


def test_python_memory() -> None:
    block = bytearray(4)
    assert add_(block, np.arange(4, dtype=np.uint8)) is block
    assert block == b"\0\1\2\3"
    array = np.zeros(4, np.uint8)
    add_(array, block)
    add_(memoryview(array)[::2], memoryview(block)[1::2])
    assert array.tolist() == [1, 1, 5, 3]
    block.append(0)  # nothing holds it


def test_views() -> None:
    x = np.zeros(3)
    shared = bridge.view(x)
    assert add_(shared, bridge.view(np.ones(3))) is shared
    assert x.tolist() == [1, 1, 1]
    with refused("readonly", "add_", hint="copy=True"):
        add_(bridge.view(x, readonly=True), 1)


@needs_torch
def test_tensors_and_arrays() -> None:
    t = torch.zeros(2, 3)
    a = np.arange(3, dtype=np.float32)
    assert add_(t, a) is t
    assert add_(a, t[0]) is a
    assert t.tolist() == [[0, 1, 2]] * 2
    assert a.tolist() == [0, 2, 4]
    t.resize_(10)  # borrowed for the call, not pinned
    add_(t[0:1], torch.ones(1, requires_grad=True))  # reading is no matter of autograd's


@needs_torch
def test_tensors_that_memory_does_not_describe() -> None:
    plain = torch.ones(2)
    for field, tensor in (
        ("requires_grad", torch.ones(2, requires_grad=True)),
        ("is_neg", torch.ones(2)._neg_view()),
        ("is_conj", torch.ones(2, dtype=torch.complex64).conj()),
    ):
        with refused(field, "torch"):
            add_(tensor, tensor.dtype.is_complex)
        if field != "requires_grad":
            with refused(field, "torch"):
                add_(plain.to(tensor.dtype), tensor)


@needs_torch
def test_autograd_goes_on_without_the_sum() -> None:
    leaf = torch.ones(2, requires_grad=True)
    with torch.no_grad(), refused("requires_grad", "torch"):
        add_(leaf, 1)
    assert add_(leaf.detach(), 1).tolist() == [2, 2]


@needs_ml_dtypes
def test_floats_of_a_byte_have_no_addition() -> None:
    with refused("dtype", "add_", hint="float32"):
        add_(np.zeros(2, ml_dtypes.float8_e5m2), 1)


def test_what_has_no_memory() -> None:
    for x, y in (
        (5, 1),
        ([1], 1),
        (np.float32(1), 1),
        (np.ones(1), "1"),
        (np.ones(1), None),
        (np.ones(1), [1]),
    ):
        with pytest.raises(TypeError):
            add_(x, y)
    for number in (np.datetime64(1, "s"), np.longdouble(1), np.str_("1")):
        with pytest.raises(TypeError, match=r"add_\(\): y \(\S+\) is not a number"):
            add_(np.ones(1), number)


def test_what_has_no_memory_is_named() -> None:
    for call, text in (
        (lambda: add_(np.ones(1), [1]), "add_(): y (list) has no memory to share; use np.asarray(y)"),
        (lambda: add_([1], 1), "add_(): x (list) has no memory to share; pass an array or a tensor"),
        (
            lambda: copy_(np.ones(1), 5),
            "copy_(): src (int) has no memory to share; use np.asarray(src)",
        ),
        (
            lambda: copy_((1,), np.ones(1)),
            "copy_(): dst (tuple) has no memory to share; pass an array or a tensor",
        ),
    ):
        with pytest.raises(TypeError) as caught:
            call()
        assert str(caught.value) == text


def test_arguments() -> None:
    for call in (lambda: add_(np.ones(1)), lambda: add_(np.ones(1), 1, 2), lambda: add_(np.ones(1), z=1)):
        with pytest.raises(TypeError, match=r"add_\(\)"):
            call()
    assert add_(x=np.ones(1), y=1).tolist() == [2]


# Overlaps


def test_operands_that_overlap() -> None:
    whole = np.arange(10)
    add_(whole[1:], whole[:-1])
    assert whole.tolist() == [0, 1, 3, 5, 7, 9, 11, 13, 15, 17]
    add_(whole, whole[::-1])
    assert whole.tolist() == [17, 16, 16, 16, 16, 16, 16, 16, 16, 17]
    assert add_(whole, whole).tolist() == [34, *[32] * 8, 34]
    square = np.arange(4).reshape(2, 2)
    assert add_(square, square.T).tolist() == [[0, 3], [3, 6]]
    assert add_(square, square[0]).tolist() == [[0, 6], [3, 9]]


def test_destinations_that_overlap_themselves() -> None:
    base = np.arange(8.0)
    for x in (strided(base, (3, 4), (0, 8)), strided(base, (3, 3), (8, 16)), strided(base, (3,), (4,))):
        with refused("strides", "add_"):
            add_(x, 1)
    assert base.tolist() == list(range(8))
    assert add_(strided(base, (2, 2), (24, 16)), 1).tolist() == [[1, 3], [4, 6]]  # interleaved


def test_a_resize_while_the_other_operand_is_read() -> None:
    """Reading y may run any code; x is then no longer where it was."""
    x = np.zeros(4)

    class Resizes:
        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
            x.resize(100_000, refcheck=False)
            return ones

    ones = np.ones(4)
    with refused("memory", "add_", hint="view"):
        add_(x, Resizes())


def test_read_only_memory_is_never_written() -> None:
    for x in (readonly(np.zeros(3)), bytes(3)):
        with refused("readonly", "add_"):
            add_(x, 1)
    assert add_(np.zeros(3), readonly(np.ones(3))).tolist() == [1, 1, 1]
