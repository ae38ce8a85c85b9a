"""Operations that the tests share: one of each kind."""

from __future__ import annotations

from typing import Any

import numpy as np

import numpy_bridge as bridge

Array = np.ndarray[Any, Any]


def like_first(x: Any, *_: Any) -> tuple[Any, Any]:
    return x.shape, x.dtype


@bridge.numpy_op(out=like_first)
def cube(x: Array) -> Array:
    return x**3


@cube.vjp
def _(grad: Array, x: Array) -> Array:
    return grad * 3 * x**2


@bridge.numpy_op(out=like_first, save="outputs", vmap="broadcast_all")
def exp(x: Array) -> Array:
    return np.exp(x)


@exp.vjp
def _(grad: Array, y: Array) -> Array:
    return grad * y


@bridge.numpy_op(out=like_first, vmap="expand_dims")
def product(x: Array, y: Array) -> Array:
    return x * y


@product.vjp
def _(grad: Array, x: Array, y: Array) -> tuple[Array, Array]:
    return grad * y, grad * x


@bridge.numpy_op(out=lambda x, *_: [(x.shape, x.dtype), (x.shape[:-1], x.dtype)], save="both")
def scaled(x: Array, factor: float = 2.0, shift: float | None = None) -> tuple[Array, Array]:
    """Two results, and arguments that are no arrays."""
    y = x * x.dtype.type(factor) + x.dtype.type(shift or 0)
    return y, (y * y).sum(-1)


@scaled.vjp
def _(grads: tuple[Array, Array], x: Array, factor: float, _s: Any, y: Array, _n: Array) -> tuple[Any, ...]:
    of_y = grads[0] + grads[1][..., None] * 2 * y
    return of_y * x.dtype.type(factor), None, None


@bridge.numpy_op(out=lambda x, index: ((index.size, *x.shape[1:]), x.dtype))
def rows(x: Array, index: Array) -> Array:
    """An input of integers, which has no gradient."""
    return x[index]


@rows.vjp
def _(grad: Array, x: Array, index: Array) -> tuple[Array, None]:
    found = np.zeros(x.shape, x.dtype)
    np.add.at(found, index, grad)
    return found, None


@bridge.numpy_op(out=like_first)
def sine(x: Array) -> Array:
    """Its vjp is an operation with a vjp, so that second derivatives exist."""
    return np.sin(x)


@bridge.numpy_op(out=like_first)
def sine_vjp(grad: Array, x: Array) -> Array:
    return grad * np.cos(x)


@sine_vjp.vjp
def _(second: Array, grad: Array, x: Array) -> tuple[Array, Array]:
    return second * np.cos(x), -second * grad * np.sin(x)


sine.vjp(sine_vjp)


@bridge.numpy_op(out=like_first)
def square(z: Array) -> Array:
    """Differentiable twice, for complex numbers too."""
    return z**2


@bridge.numpy_op(out=like_first)
def square_vjp(grad: Array, z: Array) -> Array:
    return grad * np.conj(2 * z)


@square_vjp.vjp
def _(second: Array, grad: Array, z: Array) -> tuple[Array, Array]:
    return second * 2 * z, 2 * np.conj(second) * grad


square.vjp(square_vjp)


@bridge.numpy_op(out=lambda x: (x.shape, np.result_type(x.dtype, "complex64")))
def fft(x: Array) -> Array:
    """A complex result for real inputs, too."""
    return np.fft.fft(x).astype(np.result_type(x.dtype, "complex64"))


@fft.vjp
def _(grad: Array, x: Array) -> Array:
    found = np.fft.ifft(grad) * x.size
    return (found if x.dtype.kind == "c" else found.real).astype(x.dtype)


def numbers(*shape: int, dtype: Any = None, grad: bool = True) -> Any:
    """A tensor of numbers from -1 to 1.5; float64 if no dtype is given."""
    import torch

    x = torch.linspace(-1.0, 1.5, int(np.prod(shape)), dtype=torch.float64).reshape(shape)
    return x.to(dtype or torch.float64).requires_grad_(grad)
