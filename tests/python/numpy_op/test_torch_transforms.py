"""numpy_op under torch.func, torch.compile, export, and modes that watch calls."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_operations import Array, cube, exp, like_first, product, rows, scaled, sine

torch = pytest.importorskip("torch", reason="transforms operations on tensors")
from torch.func import grad, jacrev, vjp, vmap  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from numpy_bridge.numpy_ops import torch_registered  # noqa: E402

X = torch.linspace(-1, 1, 6, dtype=torch.float64).reshape(2, 3)
W = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)
SAME = {  # the same in torch's own operations
    cube: lambda x: x**3,
    exp: torch.exp,
    product: lambda x, y: x * y,
    sine: torch.sin,
    scaled: lambda x, factor=2.0, shift=None: (
        (y := x * factor + (shift or 0)),
        (y * y).sum(-1),
    ),
    rows: lambda x, index: x[index],
}
ONE_ARRAY = [cube, exp, sine, lambda x: scaled(x, 3.0)[1], lambda x: scaled(x)[0], lambda x: product(x, W)]


def theirs(operation: Any) -> Any:
    if operation in SAME:
        return SAME[operation]
    code = {2: lambda x: SAME[scaled](x, 3.0)[1], 3: lambda x: x * 2.0, 4: lambda x: x * W}
    return code[ONE_ARRAY.index(operation) - 1]


def total(function: Any) -> Any:
    return lambda x: function(x).sum()


TRANSFORMS: dict[str, Callable[[Any], Any]] = {
    "grad": lambda f: grad(total(f))(X[0]),
    "vjp": lambda f: vjp(f, X[0])[1](f(X[0].clone())),
    "vmap": lambda f: vmap(f)(X),
    "vmap, second axis": lambda f: vmap(f, in_dims=1)(X.T),
    "vmap of vmap": lambda f: vmap(vmap(f))(torch.stack([X, X + 1])),
    "vmap of grad": lambda f: vmap(grad(total(f)))(X),
    "grad of vmap": lambda f: grad(lambda x: vmap(f)(x).sum())(X),
    "jacrev": lambda f: jacrev(f)(X[0]),
    "vmap of an empty batch": lambda f: vmap(f)(X[:0]),
}


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("operation", ONE_ARRAY, ids=["cube", "exp", "sine", "norm", "scaled", "product"])
def test_transforms(operation: Any, transform: str) -> None:
    found, expected = TRANSFORMS[transform](operation), TRANSFORMS[transform](theirs(operation))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("method", ["sequential", "expand_dims", "broadcast_all"])
@pytest.mark.parametrize("dims", [(0, None), (None, 0), (0, 0)])
def test_batches_of_some_inputs(method: Any, dims: tuple[int | None, int | None]) -> None:
    shapes = []

    @bridge.numpy_op(out=like_first, vmap=method)
    def times(x: Array, y: Array) -> Array:
        shapes.append((x.shape, y.shape))
        return x * y

    times.vjp(lambda g, x, y: (g * y, g * x))
    inputs = [X if dim == 0 else W for dim in dims]
    torch.testing.assert_close(vmap(times, dims)(*inputs), vmap(SAME[product], dims)(*inputs))
    alone = {"sequential": (3,), "expand_dims": (1, 3), "broadcast_all": (2, 3)}[method]
    whole = (3,) if method == "sequential" else (2, 3)
    assert shapes == [tuple(whole if dim == 0 else alone for dim in dims)] * (2 if len(alone) == 1 else 1)

    def both(f: Any) -> Any:
        per_example = vmap(grad(lambda x, y: f(x, y).sum(), argnums=(0, 1)), dims)(*inputs)
        of_batch = grad(lambda x, y: vmap(f, dims)(x, y).sum(), argnums=(0, 1))(*inputs)
        return per_example, of_batch

    torch.testing.assert_close(both(times), both(SAME[product]))


@pytest.mark.parametrize("method", ["sequential", "expand_dims", "broadcast_all"])
def test_results_that_depend_on_one_of_two_batches(method: Any) -> None:
    """As gradients do: that of x * y by y is x, for all y."""
    times = bridge.numpy_op(out=like_first, vmap=method)(lambda x, y: x * y)
    times.vjp(lambda g, x, y: (g * y, g * x))
    first = bridge.numpy_op(out=like_first, vmap=method)(lambda x, y: x * 2)

    def nested(f: Any) -> Any:
        return vmap(vmap(f, (0, None)), (None, 0))(X, torch.stack([W, 2 * W, 3 * W, 4 * W]))

    torch.testing.assert_close(nested(first), nested(lambda x, y: x * 2))
    both = nested(grad(lambda x, y: times(x, y).sum(), argnums=(0, 1)))
    torch.testing.assert_close(both, nested(grad(lambda x, y: (x * y).sum(), argnums=(0, 1))))


def test_second_derivatives() -> None:
    torch.testing.assert_close(grad(grad(sine))(W[0]), -torch.sin(W[0]))
    with pytest.raises(bridge.SharingError, match="no vjp"):
        grad(grad(cube))(W[0])


def test_forward_mode_is_refused_by_torch() -> None:
    with pytest.raises((RuntimeError, NotImplementedError), match="jvp"):
        torch.func.jvp(cube, (W,), (W,))


def compiled(function: Any, backend: str = "aot_eager") -> Any:
    torch._dynamo.reset()
    return torch.compile(function, backend=backend, fullgraph=True)


PROGRAMS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "cube": (lambda o, x: o(cube)(x * 2).sum(), (X,)),
    "outputs": (lambda o, x: o(exp)(x).sum(), (X,)),
    "two results": (lambda o, x: sum(y.sum() for y in o(scaled)(x, 3.0, shift=1)), (X,)),
    "one of two results": (lambda o, x: o(scaled)(x)[1].sum(), (X,)),
    "integers": (lambda o, x: (o(rows)(x, torch.tensor([1, 0, 1])) ** 2).sum(), (X,)),
    "transposed": (lambda o, x: (o(cube)(x.T).reshape(-1) * x.reshape(-1)).sum(), (X,)),
    "vmap": (lambda o, x: vmap(o(cube))(x).sum(), (X,)),
    "vmap of one": (lambda o, x: vmap(o(product), (0, None))(x, x[0]).sum(), (X,)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_compiled(name: str) -> None:
    program, inputs = PROGRAMS[name]
    results = []
    for function in (compiled(lambda x: program(lambda f: f, x)), lambda x: program(SAME.__getitem__, x)):
        x = inputs[0].clone().requires_grad_()
        y = function(x)
        y.backward()
        results.append((y.detach(), x.grad))
    torch.testing.assert_close(*results)


def test_compiled_with_shapes_that_change() -> None:
    function = compiled(lambda x: cube(x) + 1)
    for size in (3, 4, 5):
        x = torch.arange(float(size))
        assert torch.equal(function(x), x**3 + 1)


def test_inductor() -> None:
    function = torch.compile(lambda x: cube(x.T) + 1, fullgraph=True, options={"compile_threads": 1})
    assert torch.equal(function(X), X.T**3 + 1)


def test_memory_is_shared_in_compiled_code_and_errors_arrive() -> None:
    seen = []

    @bridge.numpy_op(out=like_first)
    def add_one(x: Array) -> Array:
        seen.append(x)
        return x + 1

    compiled(lambda x: add_one(x))(x := W.clone())
    x[0] = 70
    assert seen[-1][0] == 70
    assert not seen[-1].flags.writeable

    @bridge.numpy_op(out=like_first)
    def wrong(x: Array) -> Array:
        return x[1:] + 1

    with pytest.raises(bridge.SharingError, match="a result of shape"):
        compiled(lambda x: wrong(x))(W)


def test_arguments_of_other_kinds_are_refused_where_torch_compiles() -> None:
    @bridge.numpy_op(out=like_first)
    def scaled_by(x: Array, table: dict[str, float]) -> Array:
        return x * table["factor"]

    assert scaled_by(W, {"factor": 2.0})[0] == 2
    with (
        FlopCounterMode(display=False),
        pytest.raises(bridge.SharingError) as caught,
    ):
        scaled_by(W, {"factor": 2.0})
    assert caught.value.field == "arguments"


def test_export_and_fake_tensors() -> None:
    class Model(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return cube(x) + exp(x)

    program = torch.export.export(Model(), (X,))
    torch.testing.assert_close(program.module()(X + 1), (X + 1) ** 3 + torch.exp(X + 1))
    with torch._subclasses.FakeTensorMode():
        y = rows(torch.empty(5, 2), torch.empty(3, dtype=torch.int64))
    assert y.shape == (3, 2)


def operator_of(operation: Any, x: Any) -> Any:
    """Return the operator that stands for a call on one tensor."""
    with FlopCounterMode(display=False):
        operation(x)  # which registers it
    name = torch_registered._names[operation, ("Tensor",)]
    return getattr(torch.ops.numpy_bridge, name).default


@bridge.numpy_op(out=like_first)
def fortran(x: Array) -> Array:
    """Neither the result nor the gradient is in C order."""
    return np.asfortranarray(x * 2)


@fortran.vjp
def _(g: Array, x: Array) -> Array:
    return np.asfortranarray(g * 2)


@pytest.mark.parametrize("operation", [cube, fortran], ids=["cube", "fortran"])
@pytest.mark.parametrize("x", [X, X.T], ids=["C order", "transposed"])
def test_operators_pass_torchs_own_checks(operation: Any, x: Any) -> None:
    """opcheck: schema, fake results, autograd registration, and AOTAutograd with dynamic shapes."""
    torch.library.opcheck(operator_of(operation, x), ([], x.detach().requires_grad_()))


@pytest.mark.parametrize("name", ["__main__", "größe", "a.<locals>.b"])
def test_names_of_operators_are_plain(name: str) -> None:
    """Classes that inductor writes have them, where Python changes names that begin with two underscores."""
    operation = bridge.numpy_op(out=like_first)(lambda x: x + 1)
    operation.__module__ = name
    assert re.fullmatch(r"op_[0-9A-Za-z_]+", operator_of(operation, W).name().split("::")[1])


def test_results_keep_their_dtype_under_every_way() -> None:
    half = torch.ones(3, dtype=torch.float16)
    assert cube(half).dtype == vmap(cube)(half).dtype == torch.float16
    assert np.dtype("float16") == cube(half.numpy()).dtype
