"""numpy_op on jax arrays: the same operations under jax's transforms."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_operations import Array, cube, exp, fft, like_first, product, rows, scaled, sine, square

jax = pytest.importorskip("jax", reason="calls operations on jax arrays")
jnp = jax.numpy
X = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)
W = np.array([1, 2, 0.5], np.float32)
SAME: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "cube": (cube, lambda x: x**3),
    "exp": (exp, jnp.exp),
    "sine": (sine, jnp.sin),
    "norm": (lambda x: scaled(x, 3.0)[1], lambda x: (9 * x * x).sum(-1)),
    "product": (lambda x: product(x, W), lambda x: x * W),
    "rows": (lambda x: rows(x, np.array([0, 2, 0], np.int32)), lambda x: x[np.array([0, 2, 0])]),
}
TRANSFORMS: dict[str, Callable[[Any], Any]] = {
    "call": lambda f: f(jnp.asarray(X[0])),
    "jit": lambda f: jax.jit(f)(X[0]),
    "grad": lambda f: jax.grad(lambda x: f(x).sum())(X[0]),
    "vmap": lambda f: jax.vmap(f)(jnp.asarray(X)),
    "jit of vmap of grad": lambda f: jax.jit(jax.vmap(jax.grad(lambda x: f(x).sum())))(X),
}


@pytest.mark.parametrize(
    ("name", "transform"),
    [("cube", transform) for transform in TRANSFORMS] + [(name, "jit of vmap of grad") for name in SAME],
)
def test_transforms(name: str, transform: str) -> None:
    found, expected = (TRANSFORMS[transform](f) for f in SAME[name])
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_second_derivatives() -> None:
    np.testing.assert_allclose(jax.grad(jax.grad(sine))(0.5), -np.sin(0.5), rtol=1e-6)
    with pytest.raises(Exception, match="no vjp"):
        jax.grad(jax.grad(cube))(jnp.float32(0.5))


COMPLEX: dict[str, tuple[Any, Callable[..., Any], Callable[..., Any]]] = {
    "square": (np.array([1 + 2j, 3 - 1j], np.complex64), square, lambda z: z**2),
    "fft": (np.array([1 + 2j, 3 - 1j, 1j], np.complex64), fft, jnp.fft.fft),
    "fft of real numbers": (np.arange(4, dtype=np.float32), fft, jnp.fft.fft),
}


@pytest.mark.parametrize("name", COMPLEX)
def test_complex_gradients_are_those_of_jax(name: str) -> None:
    x, ours, theirs = COMPLEX[name]
    weights = np.array([1j, 2 + 1j, 3 - 2j, 1], np.complex64)[: x.size]

    def first(f: Any) -> Any:
        return jax.grad(lambda x: jnp.abs(f(x) * weights + 1j).sum())(x)

    np.testing.assert_allclose(first(ours), first(theirs), rtol=1e-5, atol=1e-5)


def test_second_derivatives_of_complex_numbers() -> None:
    z, ours, theirs = COMPLEX["square"]

    def second(f: Any) -> Any:
        first = jax.grad(lambda z: jnp.abs(f(z)).sum())
        return jax.grad(lambda z: (first(z) * (1 + 2j)).real.sum())(z)

    np.testing.assert_allclose(second(ours), second(theirs), rtol=1e-5)


def test_inputs_are_shared_and_read_only() -> None:
    seen = []

    @bridge.numpy_op(out=like_first)
    def look(x: Array) -> Array:
        seen.append(x)
        return x + 1

    look(jnp.asarray(X))
    assert not seen[0].flags.writeable
    with pytest.raises(ValueError, match="WRITEABLE"):
        seen[0].setflags(write=True)


@pytest.mark.parametrize("transform", ["call", "grad"])
def test_calls_after_the_first_keep_nothing_and_compile_nothing(transform: str) -> None:
    compiled = []
    run = TRANSFORMS[transform]
    alive = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, *_, **__: compiled.append(event) if "backend_compile" in event else None
    )
    for _ in range(4):
        run(lambda x: scaled(x, 0.1, None)[0])
        gc.collect()
        alive.append((len(jax.live_arrays()), len(compiled)))
    assert compiled  # the first call was heard of
    assert alive[1:] == [alive[1]] * 3


def test_constants_keep_their_values_and_types() -> None:
    seen: list[Any] = []

    @bridge.numpy_op(out=like_first)
    def look(x: Array, *constants: Any) -> Array:
        seen.append(constants)
        return x + 1

    changing = [1.0]
    given = [1, 1.0, True, 0.0, -0.0, np.float32(1), None, "1", (1, 2), (1.0, 2), changing, changing]
    for constant in given:
        changing[0] += 1
        look(jnp.asarray(W), constant)
    assert [(type(x), repr(x)) for (x,) in seen] == [(type(x), repr(x)) for x in given]
    assert seen[-1][0] is changing


def test_results_are_checked() -> None:
    wrong = bridge.numpy_op(out=like_first)(lambda x: x[1:] + 1)
    with pytest.raises(Exception, match="expected a result of shape"):
        wrong(jnp.asarray(W))


def test_a_dtype_that_jax_would_truncate_is_refused() -> None:
    double = bridge.numpy_op(out=lambda x: (x.shape, "float64"))(lambda x: x.astype("f8"))
    with pytest.raises(bridge.SharingError, match="jax_enable_x64") as caught:
        double(jnp.asarray(W))
    assert (caught.value.protocol, caught.value.field) == ("numpy_op", "dtype")


@pytest.mark.parametrize("values", [np.array([2**40, 0, 0]), np.array([1e300, 0, 0])])
def test_ndarrays_that_jax_would_truncate_are_refused(values: Array) -> None:
    """int64 would wrap and float64 overflow before the function sees them."""
    with pytest.raises(bridge.SharingError, match="jax_enable_x64") as caught:
        product(jnp.asarray(W), values)
    assert (caught.value.protocol, caught.value.field) == ("numpy_op", "dtype")
    assert caught.value.got == f"an ndarray of {values.dtype} in product()"
