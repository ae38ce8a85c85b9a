"""What can be an operation, how it is declared, and that it is copied and pickled."""

from __future__ import annotations

import copy
import functools
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_operations import Array, cube, exp, like_first, numbers, scaled

torch = pytest.importorskip("torch", reason="calls operations on tensors")


class Scale:
    def __init__(self, factor: float) -> None:
        self.factor = factor

    @bridge.numpy_op(out=lambda self, x, shift=0.0: (x.shape, x.dtype))
    def run(self, x: Array, shift: float = 0.0) -> Array:
        return x * self.factor + shift

    @run.vjp
    def _(grad: Array, self: Scale, x: Array, shift: float) -> tuple[Any, ...]:
        return None, grad * self.factor, None


def test_a_method_can_be_an_operation() -> None:
    scale = Scale(3.0)
    x = numbers(2)
    assert torch.autograd.gradcheck(scale.run, (x,))
    assert torch.equal(scale.run(x, 1.0), x * 3 + 1)
    assert scale.run(np.ones(1)) == 3
    assert isinstance(Scale.run, type(cube))


def test_arrays_only_is_the_function_itself() -> None:
    x = np.arange(3.0)
    assert cube(x).tolist() == [0, 1, 8]
    assert bridge.numpy_op(out=like_first)(lambda x: x)(x) is x
    assert scaled(np.ones(2), 3)[1] == 18
    assert exp(0) == 1


def test_declarations() -> None:
    for wrong in ({"vmap": "legacy"}, {"save": "all"}):
        with pytest.raises(ValueError, match="is one of"):
            bridge.numpy_op(out=like_first, **wrong)(np.copy)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="positional parameters only"):
        bridge.numpy_op(out=like_first)(lambda x, *, factor: x)
    with pytest.raises(ValueError, match=r"lambda x: sin\(x\)"):
        bridge.numpy_op(out=like_first)(np.sin)
    with pytest.raises(TypeError):
        scaled(numbers(3), unknown=1)
    assert cube.__name__ == "cube"
    assert repr(cube).startswith("<numpy_op cube(x")


def test_operations_are_pickled_and_copied_by_name() -> None:
    assert pickle.loads(pickle.dumps(cube)) is cube
    assert copy.deepcopy(cube) is cube
    of_c = bridge.numpy_op(out=like_first)(math.sin)  # it has a __self__, its module, but is no method
    assert copy.deepcopy(of_c) is of_c


class Power:
    """Its bound methods make an operation, which goes where the object goes."""

    def __init__(self, exponent: float) -> None:
        self.exponent = exponent
        self.operation = bridge.numpy_op(out=self.like, vmap="expand_dims", save="both")(self.run)
        self.operation.vjp(self.back)

    def like(self, x: Any) -> tuple[Any, Any]:
        return x.shape, x.dtype

    def run(self, x: Array) -> Array:
        return x**self.exponent

    def back(self, grad: Array, x: Array, y: Array) -> Array:
        return grad * self.exponent * y / x


COPIES: dict[str, Callable[[Any], Any]] = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda x: pickle.loads(pickle.dumps(x)),
}


@pytest.mark.parametrize("copied", COPIES)
def test_operations_of_bound_methods_are_copied_with_their_object(copied: str) -> None:
    power = Power(2.0)
    other = COPIES[copied](power)
    other.exponent = 3.0
    x = torch.full((2,), 2.0, dtype=torch.float64, requires_grad=True)
    assert (power.operation(x).tolist(), other.operation(x).tolist()) == ([4, 4], [8, 8])
    assert torch.autograd.gradcheck(other.operation, (x,))
    assert (other.operation.vmap_method, other.operation.save) == ("expand_dims", "both")


class Doubled:
    def __call__(self, x: Array) -> Array:
        return x * 2


NAMELESS: dict[str, Callable[..., Any]] = {
    "partial": functools.partial(lambda k, x: x * k, 2.0),
    "Doubled": Doubled(),
}


def test_functions_without_a_name() -> None:
    for name, function in NAMELESS.items():
        operation = bridge.numpy_op(out=like_first)(function)
        operation.vjp(lambda grad, x: grad * 2)
        assert operation.__name__ == name
        assert torch.autograd.gradcheck(operation, (numbers(2),))


@pytest.mark.parametrize("call", [lambda f, x: f(x), lambda f, x: f(x=x), lambda f, x: f(x, 2.0, 5)])
def test_defaults_before_further_arguments(call: Callable[..., Any]) -> None:
    seen = []

    @bridge.numpy_op(out=like_first)
    def scale(x: Array, factor: float = 2.0, *rest: int) -> Array:
        return x * factor

    @scale.vjp
    def _(grad: Array, x: Array, factor: float, *rest: int) -> tuple[Any, ...]:
        seen.append((factor, rest))
        return grad * factor, None, *(None for _ in rest)

    call(scale, x := numbers(2)).sum().backward()
    assert x.grad.tolist() == [2, 2]
    assert seen == [(2.0, (5,) * len(seen[0][1]))]
