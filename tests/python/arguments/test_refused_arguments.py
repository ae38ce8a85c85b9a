"""Which of the arguments of a C++ function are named in a refusal, and how often each is asked."""

from __future__ import annotations

import itertools
import re
from types import ModuleType
from typing import Any

import numpy as np
import pytest

try:
    import torch
except ImportError:
    torch = None

F32 = np.float32


def test_every_refused_argument_is_named(extension: ModuleType) -> None:
    x = np.zeros(3)
    with pytest.raises(TypeError, match=r"two\(\): x: expected .*\ny: expected "):
        extension.two(x, y=x)
    with pytest.raises(TypeError, match=r"^two\(\): y: expected [^\n]*$"):
        extension.two(x.astype(F32), x)


def test_arguments_without_a_name_are_numbered(extension: ModuleType) -> None:
    with pytest.raises(TypeError, match=r"unnamed\(\): arg1: expected float32, writable, CPU; got float64"):
        extension.unnamed(1, np.zeros(3))
    with pytest.raises(TypeError, match=r"method\(\): arg0: expected float32, CPU; got float64"):
        extension.Operand().method(np.zeros(3))


def test_late_arguments_are_named(extension: ModuleType) -> None:
    with pytest.raises(TypeError, match=r"^late\(\): x: expected float32, writable, CPU; got float64"):
        extension.late(1, 2, 3, np.zeros(3))


def refused(message: str) -> list[str]:
    """The names of the arguments that an error gives reasons for, in its order."""
    return re.findall(r"(?m)^(?:\w+\(\): )?(\w+): expected ", message)


SETS = [names for count in (1, 2, 6) for names in itertools.combinations("abcdef", count)]


@pytest.mark.parametrize("wrong", SETS, ids="".join)
def test_refused_arguments_are_named_in_every_position(extension: ModuleType, wrong: tuple[str, ...]) -> None:
    """By value, reference, rvalue reference and pointer, optional and shared."""
    given = {name: np.zeros(3, np.float64 if name in wrong else F32) for name in "abcdef"}
    for call in (lambda: extension.six(**given), lambda: extension.six(*given.values())):
        with pytest.raises(TypeError) as caught:
            call()
        assert refused(str(caught.value)) == list(wrong)
        assert str(caught.value).startswith("six(): ")
    assert extension.six(*[np.zeros(3, F32)] * 4, None, np.zeros(3, F32)) == 15


@pytest.mark.parametrize("wrong", ["b", "d", "f", "bd", "bf", "df", "bdf"])
def test_refused_arguments_are_named_beside_others(extension: ModuleType, wrong: str) -> None:
    def array(name: str) -> np.ndarray[Any, Any]:
        return np.zeros(3, np.float64 if name in wrong else F32)

    with pytest.raises(TypeError) as caught:
        extension.mixed(1, array("b"), "text", array("d"), 2.0, array("f"))
    assert refused(str(caught.value)) == list(wrong)
    assert str(caught.value).count("expected") == len(wrong)


GOOD, BAD = np.zeros(3, F32), np.zeros(3)
INSIDE: dict[str, tuple[str, tuple[Any, ...], str]] = {
    "an item": (
        "many_by_name",
        (1, [GOOD, BAD, BAD]),
        "many_by_name(): parts[1]: expected float32, 1-D, writable, CPU; got float64 (3,), a numpy.ndarray; "
        "assign it first, or the writes are lost: parts[1] = parts[1].astype(np.float32)",
    ),
    "of a tuple": ("many_by_name", (1, ("text",)), "many_by_name(): parts[0]: expected float32"),
    "without a name": ("many", ([3],), "many(): arg0[0]: expected float32, 1-D, CPU; got int"),
    "no list": ("many", (3,), "many(): incompatible function arguments"),
    "another argument": ("many_by_name", ("one", [GOOD]), "many_by_name(): incompatible function arguments"),
    "alternatives": (
        "either",
        (BAD,),
        "either(): x: expected float32, CPU; got float64 (3,), a numpy.ndarray; call x.astype(np.float32)\n"
        "x: expected float64, 2-D, CPU; got float64 (3,), a numpy.ndarray; call x.reshape(...)",
    ),
    "no array": ("either", ("text",), "either(): x: expected float32, CPU; got str"),
    "an array, not a number": (
        "array_or_number",
        (BAD,),
        "array_or_number(): x: expected float32, CPU; got float64",
    ),
    "neither": ("array_or_number", ("text",), "array_or_number(): incompatible function arguments"),
}


@pytest.mark.parametrize("case", INSIDE)
def test_arrays_inside_a_refused_container_are_named(extension: ModuleType, case: str) -> None:
    function, arguments, start = INSIDE[case]
    with pytest.raises(TypeError, match="^" + re.escape(start)):
        getattr(extension, function)(*arguments)


def test_containers_of_arrays_that_fit(extension: ModuleType) -> None:
    assert extension.many_by_name(1, [GOOD, memoryview(GOOD)]) == 2
    assert [extension.either(x) for x in (GOOD, BAD.reshape(1, 3))] == [0, 1]
    assert [extension.array_or_number(x) for x in (GOOD, 3.5)] == [0, 1]


def test_arrays_behind_a_refused_number_are_named(extension: ModuleType) -> None:
    good, bad = np.zeros(3, F32), np.zeros(3)
    with pytest.raises(TypeError) as caught:
        extension.mixed("one", good, "text", bad, 2.0, bad)
    assert refused(str(caught.value)) == ["d", "f"]
    with pytest.raises(TypeError, match="incompatible function arguments"):
        extension.mixed("one", good, "text", good, 2.0, good)


def test_refused_arguments_of_methods_are_named(extension: ModuleType) -> None:
    good, bad = np.zeros(3, F32), np.zeros(3)
    operand = extension.Operand()
    assert operand.pair(good, good) == 6
    for x, y, wrong in [(bad, good, "x"), (good, bad, "y"), (bad, bad, "xy")]:
        with pytest.raises(TypeError, match=r"^pair\(\): ") as caught:
            operand.pair(x, y=y)
        assert refused(str(caught.value)) == list(wrong)
    with pytest.raises(TypeError, match=r"^Keeper\(\): x: expected float32, 1-D, CPU; got float64"):
        extension.Keeper(bad)


class Counted:
    """Six float64, and how often they were asked for."""

    def __init__(self) -> None:
        self.values = np.arange(6.0)
        self.asked = 0


class WithDlpack(Counted):
    def __dlpack__(self, **keywords: Any) -> object:
        self.asked += 1
        return self.values.__dlpack__(**keywords)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


class WithBuffer(Counted):
    def __buffer__(self, flags: int) -> memoryview:
        self.asked += 1
        return memoryview(self.values)


class WithInterface(Counted):
    @property
    def __array_interface__(self) -> dict[str, Any]:
        self.asked += 1
        return self.values.__array_interface__


class WithStruct(Counted):
    @property
    def __array_struct__(self) -> object:
        self.asked += 1
        return self.values.__array_struct__


class WithArray(Counted):
    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray[Any, Any]:
        self.asked += 1
        return self.values


# Those that do not say whether they copy are asked twice by one import.
ASKED_BY_ONE_IMPORT = {WithDlpack: 1, WithBuffer: 1, WithInterface: 2, WithStruct: 2, WithArray: 2}


@pytest.mark.parametrize("kind", ASKED_BY_ONE_IMPORT, ids=lambda kind: kind.__name__)
def test_a_refused_argument_is_asked_once(extension: ModuleType, kind: type[Counted]) -> None:
    """The reason is worded from what was seen then."""
    once = ASKED_BY_ONE_IMPORT[kind]
    x = kind()
    assert extension.facts(x)["shape"] == (6,)
    assert x.asked == once
    for function in (extension.float32, extension.shared_const, extension.on_cuda, extension.optional):
        x = kind()
        with pytest.raises(TypeError, match=r"expected .*; got float64 \(6,\)"):
            function(x)
        assert x.asked == once
    given = [kind() for _ in range(6)]
    with pytest.raises(TypeError) as caught:
        extension.six(*given)
    assert refused(str(caught.value)) == list("abcdef")
    assert [x.asked for x in given] == [once] * 6
    given = [kind() for _ in range(3)]
    with pytest.raises(TypeError) as caught:
        extension.mixed("one", given[0], "text", given[1], 2.0, given[2])
    assert refused(str(caught.value)) == list("bdf")
    assert [x.asked for x in given] == [once] * 3


def test_a_refusal_is_not_asked_for_again(extension: ModuleType) -> None:
    """What a producer raises is recorded, not provoked once more."""

    class Refusing(Counted):
        def __dlpack__(self, **keywords: Any) -> object:
            self.asked += 1
            raise BufferError("not today")

    x = Refusing()
    with pytest.raises(TypeError, match=r"x: expected float32, CPU; got .*Refusing: BufferError: not today"):
        extension.float32(x)
    assert x.asked == 1


def test_an_argument_that_is_no_array_is_left_to_pybind11(extension: ModuleType) -> None:
    with pytest.raises(TypeError, match="incompatible function arguments"):
        extension.scale(np.zeros((2, 2), F32), "two")


def test_properties_name_what_they_expect(extension: ModuleType) -> None:
    operand = extension.Operand()
    operand.array = np.zeros(3, F32)
    with pytest.raises(TypeError, match="expected float32, CPU; got float64"):
        operand.array = np.zeros(3)


def test_operators_leave_the_other_side_a_chance(extension: ModuleType) -> None:
    class Right:
        def __radd__(self, left: Any) -> str:
            return "right"

    assert extension.Operand() + np.zeros(3, F32) == 3
    assert extension.Operand() + Right() == "right"
