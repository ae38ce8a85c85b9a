"""numpy_op on tensors: memory, gradients, and the modes of torch."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_operations import Array, cube, exp, fft, like_first, numbers, product, rows, scaled, sine, square

torch = pytest.importorskip("torch", reason="calls operations on tensors")


CALLS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "cube": (cube, (numbers(3, 2),)),
    "transposed": (lambda x: cube(x.T), (numbers(3, 2),)),
    "no dimensions": (cube, (numbers(1)[0].detach().requires_grad_(),)),
    "empty": (cube, (numbers(0, 2),)),
    "outputs": (exp, (numbers(3),)),
    "two inputs": (product, (numbers(3), numbers(3))),
    "one input twice": (lambda x: product(x, x), (numbers(3),)),
    "one that needs none": (product, (numbers(3), numbers(3, grad=False))),
    "an ndarray beside": (lambda x: product(x, np.arange(3.0)), (numbers(3),)),
    "two results": (scaled, (numbers(2, 3),)),
    "one of two": (lambda x: scaled(x, 3.0)[1], (numbers(2, 3),)),
    "constants": (lambda x: scaled(x, factor=0.5, shift=1), (numbers(2, 3),)),
    "complex": (square, (numbers(3, dtype=torch.complex128),)),
    "complex fft": (fft, (numbers(3, dtype=torch.complex128),)),
    "fft of real numbers": (fft, (numbers(3),)),
    "integers": (lambda x: rows(x, torch.tensor([0, 2, 0])), (numbers(3, 2),)),
}


@pytest.mark.parametrize("name", [name for name in CALLS if name != "empty"])
def test_gradients_are_right(name: str) -> None:
    function, inputs = CALLS[name]
    assert torch.autograd.gradcheck(function, inputs)


def test_empty_inputs() -> None:
    function, (x,) = CALLS["empty"]
    function(x).sum().backward()
    assert x.grad.shape == (0, 2)


def test_gradients_that_are_conjugates_are_computed() -> None:
    @bridge.numpy_op(out=like_first)
    def doubled(x: Array) -> Array:
        return 2 * x

    doubled.vjp(lambda grad, x: 2 * grad)
    x = torch.tensor([1 + 2j, 3 - 1j], requires_grad=True)
    (doubled(x).conj() * (1 + 1j)).sum().real.backward()
    other = x.detach().clone().requires_grad_()
    ((2 * other).conj() * (1 + 1j)).sum().real.backward()
    assert torch.equal(x.grad, other.grad)
    assert torch.equal(doubled(x.detach().conj()), 2 * x.detach().conj())


def test_second_derivatives() -> None:
    assert torch.autograd.gradgradcheck(sine, (numbers(3),))
    z = torch.tensor([1 + 2j, 3 - 1j], dtype=torch.complex128, requires_grad=True)
    assert torch.autograd.gradgradcheck(square, (z,))
    (first,) = torch.autograd.grad(cube(x := numbers(3)).sum(), x, create_graph=True)
    with pytest.raises(bridge.SharingError) as caught:
        first.sum().backward()
    assert (caught.value.protocol, caught.value.field) == ("numpy_op", "vjp")
    assert "a vjp that is a numpy_op" in caught.value.hint


def test_without_a_vjp_only_the_backward_pass_fails() -> None:
    square = bridge.numpy_op(out=like_first)(lambda x: x * x)
    y = square(numbers(2))
    with pytest.raises(bridge.SharingError, match="expected a derivative, got no vjp") as caught:
        y.sum().backward()
    assert caught.value.field == "vjp"


@pytest.mark.parametrize("grad", [False, True])
def test_memory_is_shared_on_the_way_in_and_out(grad: bool) -> None:
    seen: list[Array] = []

    @bridge.numpy_op(out=like_first)
    def add_one(x: Array) -> Array:
        seen.extend((x, y := x + 1))
        return y

    x = numbers(4, grad=grad)
    y = add_one(x)
    with torch.no_grad():
        x[0] = 70
        y[0] = 80
    inside, returned = seen
    assert (inside[0], returned[0]) == (70, 80)
    assert (inside.ctypes.data, returned.ctypes.data) == (x.data_ptr(), y.data_ptr())
    assert not inside.flags.writeable
    with pytest.raises(ValueError, match="WRITEABLE"):
        inside.setflags(write=True)


def test_gradients_are_shared() -> None:
    seen = []

    @bridge.numpy_op(out=like_first)
    def same(x: Array) -> Array:
        return x.copy()

    @same.vjp
    def _(grad: Array, x: Array) -> Array:
        seen.extend((grad, x, found := grad * 2))
        return found

    x = numbers(3)
    given = torch.ones(3, dtype=torch.float64)
    (found,) = torch.autograd.grad(same(x), x, given)
    addresses = [array.ctypes.data for array in seen]
    assert addresses == [given.data_ptr(), x.data_ptr(), found.data_ptr()]
    assert not seen[0].flags.writeable
    assert not seen[1].flags.writeable


def test_writing_to_an_input_is_numpys_error() -> None:
    @bridge.numpy_op(out=like_first)
    def in_place(x: Array) -> Array:
        x += 1
        return x

    x = numbers(3)
    before = x.tolist()
    with pytest.raises(ValueError, match="read-only"):
        in_place(x)
    assert x.tolist() == before


@pytest.mark.parametrize("operation", [cube, exp])
def test_what_is_saved_may_not_be_written_later(operation: Any) -> None:
    leaf = numbers(3)
    x = leaf * 1
    y = operation(x)
    (x if operation is cube else y).detach()[0] = 9  # which counts for the version of both
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_outputs_are_saved_without_the_inputs() -> None:
    y = exp(numbers(1000))
    inputs, output = y.grad_fn.saved_tensors
    assert inputs.untyped_storage().nbytes() == 8
    assert output.data_ptr() == y.data_ptr()


def broken(result: Any, out: Any = like_first) -> Callable[[Any], Any]:
    return bridge.numpy_op(out=out)(lambda x: result(x))  # type: ignore[arg-type]


def overlapping(x: Array) -> tuple[Array, Array]:
    y = x.copy()
    return y, y[1:]


def two(x: Any) -> list[Any]:
    return [(x.shape, x.dtype), ((x.size - 1,), x.dtype)]


REFUSED: dict[str, tuple[Callable[[Any], Any], str, str, str]] = {
    "shape": (broken(lambda x: x[1:] + 1), "shape", "a result of shape (3,)", "(2,)"),
    "dtype": (broken(lambda x: x.astype("f4")), "dtype", "a result of float64", "float32"),
    "byte order": (broken(lambda x: x.astype(">f8")), "dtype", "a result of float64", ">f8"),
    "nothing": (broken(lambda x: None), "type", "an ndarray, or a tuple of them", "type NoneType"),
    "type": (broken(lambda x: "text"), "type", "an ndarray, or a tuple of them", "type str"),
    "number": (broken(lambda x: (x, x)), "outputs", "1 results, as out= says", "2"),
    "input": (broken(lambda x: x), "alias", "a result with memory of its own", "memory of an input"),
    "view of input": (broken(lambda x: x[::-1]), "alias", "a result with memory of its own", "an input"),
    "each other": (broken(overlapping, two), "alias", "results that share no memory", "results that do"),
    "read-only": (broken(lambda x: np.broadcast_to(1.0, 3)), "readonly", "writable memory", "read-only"),
    "reversed": (broken(lambda x: np.sort(x)[::-1]), "strides", "strides of 0 or more", "(-8,)"),
    "no pair": (broken(np.copy, lambda x: 3), "out", "a pair of shape and dtype", "3"),
    "no result": (broken(np.copy, lambda x: []), "out", "a pair of shape and dtype", "an empty list"),
}


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("name", REFUSED)
def test_results_that_are_refused(name: str, grad: bool) -> None:
    operation, field, expected, got = REFUSED[name]
    with pytest.raises(bridge.SharingError) as caught:
        operation(numbers(3, grad=grad))
    error = caught.value
    assert (error.protocol, error.field) == ("numpy_op", field)
    assert expected in error.expected
    assert got in error.got
    assert "<lambda>()" in error.got
    assert str(error).startswith("cannot make this call an operation: expected ")


def test_a_result_that_the_function_keeps_with_a_tensor_of_the_caller_is_refused() -> None:
    """Memory of an input that did not come through the argument."""
    a = np.ones(3)
    with pytest.raises(bridge.SharingError, match="memory of an input"):
        broken(lambda x: a)(bridge.to_torch(a))


def test_numbers_are_results() -> None:
    total = bridge.numpy_op(out=lambda x: ((), x.dtype))(lambda x: x.sum())
    assert total(numbers(3)).item() == numbers(3).sum().item()
    half = bridge.numpy_op(out=lambda x: ((), "float64"))(lambda x: 0.5)
    assert half(numbers(3)).item() == 0.5


@pytest.mark.parametrize(
    ("grads", "field"),
    [
        (lambda grad, x: grad.astype("f4"), "dtype"),
        (lambda grad, x: grad[1:], "shape"),
        (lambda grad, x: (grad, grad), "vjp"),
        (lambda grad, x: grad, "alias"),
    ],
)
def test_gradients_that_are_refused(grads: Any, field: str) -> None:
    operation = broken(lambda x: x * 2)
    operation.vjp(grads)  # type: ignore[attr-defined]
    with pytest.raises(bridge.SharingError) as caught:
        operation(numbers(3)).sum().backward()
    assert (caught.value.protocol, caught.value.field) == ("numpy_op", field)


ILL_DECLARED: dict[str, tuple[Callable[..., Any], Callable[..., Any], str, str]] = {
    "one of two": (like_first, lambda g, x, y: g * y, "2 gradients, one for each", "1 in"),
    "three for two": (lambda *_: [((3,), "f8")] * 3, lambda g, *_: (g * 1, g * 2, g * 3), "2 grad", "3 in"),
    "shape": (
        lambda *_: [((2, 3), "f8"), ((3,), "f8")],
        lambda g, *_: (np.ones((2, 3)), g * 1),
        "(3,)",
        "(2, 3)",
    ),
    "dtype": (
        lambda *_: [((3,), "f8"), ((3,), "f4")],
        lambda g, *_: (g * 1, g.astype("f4")),
        "float64",
        "float32",
    ),
}


@pytest.mark.parametrize("transformed", [False, True])
@pytest.mark.parametrize("name", ILL_DECLARED)
def test_gradients_of_a_vjp_that_is_an_operation_are_checked(name: str, transformed: bool) -> None:
    out, function, expected, got = ILL_DECLARED[name]
    operation = bridge.numpy_op(out=like_first)(lambda x, y: x * y)
    operation.vjp(bridge.numpy_op(out=out)(function))

    def differentiate() -> None:
        if transformed:
            torch.func.vmap(torch.func.grad(lambda x: operation(x, x).sum()))(numbers(1, 3, grad=False))
        else:
            operation(x := numbers(3), x).sum().backward()

    with pytest.raises(bridge.SharingError) as caught:
        differentiate()
    assert (caught.value.protocol, caught.value.field) == ("numpy_op", "vjp")
    assert expected in caught.value.expected
    assert got in caught.value.got


def test_none_is_a_gradient_of_zero() -> None:
    @bridge.numpy_op(out=like_first)
    def step(x: Array) -> Array:
        return np.heaviside(x, 0.5)

    step.vjp(lambda grad, x: None)
    step(x := numbers(3)).sum().backward()
    assert x.grad.tolist() == [0, 0, 0]


def raises(*_: Any) -> Any:
    raise ZeroDivisionError("in the NumPy code")


@pytest.mark.parametrize("where", ["call", "vjp"])
def test_errors_keep_their_type_and_traceback(where: str) -> None:
    operation = broken(raises if where == "call" else np.copy)
    operation.vjp(raises)  # type: ignore[attr-defined]
    with pytest.raises(ZeroDivisionError, match="in the NumPy code") as caught:
        operation(numbers(3)).sum().backward()
    assert "raises" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]


def test_autocast_leaves_dtypes_as_they_arrive() -> None:
    pytest.importorskip("ml_dtypes", reason="NumPy has no bfloat16")
    seen = []

    @bridge.numpy_op(out=like_first)
    def twice(x: Array) -> Array:
        seen.append(x.dtype.name)
        return x + x

    twice.vjp(lambda grad, x: grad + grad)
    layer = torch.nn.Linear(3, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = twice(layer(torch.ones(4, 3)))
    y.float().sum().backward()
    assert (seen, y.dtype) == (["bfloat16"], torch.bfloat16)
    assert layer.bias.grad.tolist() == [8, 8]


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_modes_that_record_nothing(mode: Any) -> None:
    x = numbers(3)
    with mode():
        y = cube(x)
        assert torch.equal(y, x**3)
    assert not y.requires_grad
    assert y.is_inference() == (mode is torch.inference_mode)


def test_an_inference_tensor_may_be_an_input_without_gradients() -> None:
    with torch.inference_mode():
        x = numbers(3, grad=False) * 1
    assert cube(x).tolist() == (x**3).tolist()


@pytest.mark.parametrize("inside", [False, True])
def test_forward_mode_is_refused_by_torch(inside: bool) -> None:
    with torch.autograd.forward_ad.dual_level():
        x = torch.autograd.forward_ad.make_dual(torch.ones(2), torch.ones(2))
        with torch.set_grad_enabled(inside), pytest.raises(NotImplementedError, match="jvp"):
            cube(x)


def test_calls_at_the_same_time() -> None:
    wrong = []

    def work(seed: int) -> None:
        for size in range(1, 40):
            x = torch.full((size + seed,), float(seed), requires_grad=True)
            cube(x).sum().backward()
            if not torch.equal(x.grad, 3 * x.detach() ** 2):
                wrong.append((seed, size))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_parameters_and_subclasses() -> None:
    class Named(torch.Tensor):
        pass

    weight = torch.nn.Parameter(torch.ones(2))
    cube(weight).sum().backward()
    assert weight.grad.tolist() == [3, 3]
    named = torch.full((2,), 2.0).as_subclass(Named)
    assert cube(named).tolist() == [8, 8]


@pytest.mark.parametrize("make", [lambda: torch.ones(3, device="meta"), lambda: torch.eye(2).to_sparse()])
def test_tensors_without_memory_here_are_refused(make: Callable[[], Any]) -> None:
    with pytest.raises(bridge.SharingError, match="torch cannot share this"):
        cube(make())
