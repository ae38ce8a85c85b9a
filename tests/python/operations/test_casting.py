"""copy_ with `casting=`: which conversions each word allows, and what they make of every number."""

from __future__ import annotations

import itertools
import math
from typing import Any, Literal

import numpy as np
import pytest

from casts import CONVERTIBLE, assert_same, converted, edges
from numpy_bridge import SharingError, copy_, from_pointer
from support import NUMBERS, byte_swapped, dtype_named, needs_torch, refused, torch

Rule = Literal["no", "equiv", "safe", "same_kind", "unsafe"]
RULES: tuple[Rule, ...] = ("no", "equiv", "safe", "same_kind", "unsafe")


def is_allowed(source: np.dtype[Any], target: np.dtype[Any], rule: Rule) -> bool:
    """Tried with no elements."""
    try:
        copy_(np.zeros(0, target), np.zeros(0, source), casting=rule)
    except SharingError as error:
        if error.field == "dtype":
            return False
        raise
    return True


@pytest.mark.parametrize("rule", RULES)
def test_the_rules_are_those_of_numpy(rule: Rule) -> None:
    dtypes = [np.dtype(name) for name in NUMBERS]
    dtypes += [dtype.newbyteorder() for dtype in dtypes if dtype.itemsize > 1]
    for source, target in itertools.product(dtypes, dtypes):
        expected = np.can_cast(source, target, rule)
        assert is_allowed(source, target, rule) == expected, f"{source} to {target}"


@pytest.mark.parametrize("source", CONVERTIBLE)
def test_every_cast(source: str) -> None:
    """Packed and with gaps, in more elements than a block has."""
    values = np.resize(edges(source), 2100)
    for target in CONVERTIBLE:
        for step in (1, 2):
            read = values[::step]
            expected = converted(read, target)
            whole = np.zeros(2 * len(read), dtype_named(target))
            written = copy_(whole[::step][: len(read)], read, casting="unsafe")
            assert_same(written, expected, f"{source} to {target}")
            assert step == 1 or not whole[1::2].any()


@pytest.mark.parametrize("source", [name for name in NUMBERS if np.dtype(name).itemsize > 1])
def test_byte_orders(source: str) -> None:
    values = edges(source)
    for target in (name for name in NUMBERS if np.dtype(name).itemsize > 1):
        swapped = copy_(byte_swapped(np.zeros(values.shape, target)), byte_swapped(values), casting="unsafe")
        np.testing.assert_array_equal(swapped, converted(values, target), target)


@pytest.mark.parametrize(
    ("target", "values", "expected"),
    [
        ("uint8", [255.99, 256, -0.99, -1, 1e300, -1e300, math.nan], [255, 255, 0, 0, 255, 0, 0]),
        ("int8", [127.99, 128, -128.99, -129, 1.99, -1.99], [127, 127, -128, -128, 1, -1]),
        ("int32", [2147483647.9, 2.0**31, -2147483648.9, -(2.0**40)], [2**31 - 1] * 2 + [-(2**31)] * 2),
        ("int64", [2.0**63 - 1024, 2.0**63, -(2.0**63), -1e19], [2**63 - 1024, 2**63 - 1] + [-(2**63)] * 2),
        ("uint64", [2.0**64 - 2048, 2.0**64, 2.0**63, -5], [2**64 - 2048, 2**64 - 1, 2**63, 0]),
        ("bool", [0.0, -0.0, math.nan, 1e-320, -math.inf], [False, False, True, True, True]),
        ("bool", [0j, 1j, complex(-0.0, -0.0), complex(0, math.nan)], [False, True, False, True]),
        ("float32", [1 + 2j, complex(math.nan, 1), complex(-0.5, math.inf)], [1, math.nan, -0.5]),
        ("int16", [1e9 + 1j, 2.9 - 1e9j], [2**15 - 1, 2]),
    ],
)
def test_what_cpp_does_not_define(target: str, values: list[Any], expected: list[Any]) -> None:
    result = copy_(np.zeros(len(values), target), np.array(values), casting="unsafe")
    np.testing.assert_array_equal(result, np.array(expected, target))


def test_operands_that_overlap() -> None:
    """As if the source were read first: the parts of its own numbers, in another order."""
    numbers = np.arange(40) + 1j * np.arange(40)[::-1]
    expected = numbers.real[::-1].copy()
    copy_(numbers.imag[::-1], numbers, casting="unsafe")
    np.testing.assert_array_equal(numbers.imag, expected)
    np.testing.assert_array_equal(numbers.real, np.arange(40))
    floats = np.arange(40.0) - 2.5
    integers = floats.view(np.int64)
    expected = np.trunc(floats[::-1]).astype(np.int64)
    assert copy_(integers, floats[::-1], casting="unsafe").tolist() == expected.tolist()


@needs_torch
def test_tensors() -> None:
    mask = torch.zeros(3, dtype=torch.bool)
    seen = mask.numpy()
    assert copy_(mask, torch.tensor([0, 0.5, -2], dtype=torch.bfloat16), casting="unsafe") is mask
    assert seen.tolist() == [False, True, True]
    copy_(seen, torch.tensor([0j, 1j, 0j]), casting="unsafe")
    assert mask.tolist() == [False, True, False]
    pairs = torch.tensor([1.5 + 2j, -3j]).to(torch.complex32)
    assert copy_(torch.ones(2, dtype=torch.int8), pairs, casting="unsafe").tolist() == [1, 0]


def test_other_arguments() -> None:
    for rule in ("same_value", "SAFE", ""):
        with refused("casting", "copy_", hint="leave the keyword out"):
            copy_(np.zeros(1), np.zeros(1), casting=rule)  # type: ignore[arg-type]
    for other in (None, 1, b"safe"):
        with pytest.raises(TypeError, match="casting: expected a string, got "):
            copy_(np.zeros(1), np.zeros(1), casting=other)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "target", "rule", "remedy"),
    [
        ("float32", "int32", "same_kind", "unsafe"),
        ("float32", "int32", "no", "unsafe"),
        ("int64", "int32", "safe", "same_kind"),
        ("int32", "float64", "equiv", "safe"),
        (">f4", "float32", "no", "equiv"),
    ],
)
def test_a_refusal_names_the_next_word(source: str, target: str, rule: Rule, remedy: Rule) -> None:
    values = np.ones(2, source)
    with refused("dtype", "copy_", hint=f'or pass casting="{remedy}"'):
        copy_(np.zeros(2, target), values, casting=rule)
    assert copy_(np.zeros(2, target), values, casting=remedy).tolist() == [1, 1]


def test_dtypes_that_are_moved_only() -> None:
    """No word converts them."""
    block = np.zeros(2)
    other = from_pointer(block.ctypes.data, (2,), "float8_e5m2fnuz", owner=block)
    for rule in RULES:
        with pytest.raises(SharingError) as caught:
            copy_(np.zeros(2), other, casting=rule)
        assert caught.value.field == "dtype"
        assert "casting=" not in str(caught.value.hint)
        assert copy_(other, other, casting=rule) is other
