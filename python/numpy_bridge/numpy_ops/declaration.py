"""The decorator `numpy_op`, and the object that it makes."""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

import numpy as np

if TYPE_CHECKING:
    from .spec import ArraySpec

Vmap = Literal["sequential", "expand_dims", "broadcast_all"]
Save = Literal["inputs", "outputs", "both"]
Function = TypeVar("Function", bound=Callable[..., Any])
_Kind = inspect.Parameter


def numpy_op(
    *, out: Callable[..., Any], vmap: Vmap = "sequential", save: Save = "inputs"
) -> Callable[[Callable[..., Any]], NumpyOp]:
    """Make NumPy code an operation of torch and jax: with gradients, under their transforms and compilers.

    The function gets the memory of its inputs as read-only ndarrays, and its results become tensors over the
    memory that it returns. Nothing is copied on the CPU. Called with ndarrays only it is just the function.

    Parameters
    ----------
    out : callable
        Says what the function returns: a pair (shape, dtype), or a list of pairs if it returns a tuple. It is
        called with the arguments of the function, each array as an object with `shape` and `dtype` (NumPy's).
    vmap : {"sequential", "expand_dims", "broadcast_all"}, optional
        How the function is called under `vmap`, in the words of `jax.pure_callback`: for each element of the
        batch; once, where inputs have a leading axis that is 1 for those without a batch; or once, where all
        inputs have the full leading axis. The results have the full axis.
    save : {"inputs", "outputs", "both"}, optional
        What the vjp gets beside the gradient, and what is therefore kept for it.

    Returns
    -------
    callable
        A decorator. What it makes is called like the function, and has the decorator `vjp`.

    Raises
    ------
    SharingError
        When called: for results that are not as declared or share memory of an input, and for inputs that
        cannot be shared as ndarrays, such as those on a device. In the backward pass: if there is no vjp.
    ValueError
        If `vmap` or `save` is none of the words above, or the function is a ufunc or has keyword-only
        parameters.

    Notes
    -----
    Arguments that are no arrays are passed on as they are. Where torch compiles they must be numbers, text or
    None. ndarrays among tensors are inputs too, without a gradient. Gradients must have the dtypes of their
    inputs. An operation that torch has compiled is never forgotten, so define it at the top of a module.

    Examples
    --------
    >>> @bridge.numpy_op(out=lambda x: (x.shape, x.dtype))
    ... def cube(x):
    ...     return x**3
    >>> @cube.vjp
    ... def _(grad, x):
    ...     return grad * 3 * x**2
    >>> x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> cube(x).sum().backward()
    >>> x.grad
    tensor([ 3., 12., 27.])
    """

    def decorate(function: Callable[..., Any]) -> NumpyOp:
        return NumpyOp(function, out, vmap, save)

    return decorate


_call_torch: Callable[[NumpyOp, tuple[Any, ...]], Any] | None = None


def _load_torch_calls() -> Callable[[NumpyOp, tuple[Any, ...]], Any]:
    """Import what calls on tensors need, once."""
    global _call_torch
    from . import torch_calls

    _call_torch = torch_calls.call
    return _call_torch


class NumpyOp:
    """A NumPy function that is an operation of torch and jax. `numpy_op` makes it.

    Parameters
    ----------
    function : callable
        Takes and returns ndarrays.
    out, vmap, save
        As in `numpy_op`.

    Attributes
    ----------
    product : NumpyOp or None
        The operation that computes the gradients, None without a vjp.
    """

    __name__: str
    __qualname__: str

    def __init__(
        self,
        function: Callable[..., Any],
        out: Callable[..., Any],
        vmap: Vmap = "sequential",
        save: Save = "inputs",
    ) -> None:
        for name, value, words in (("vmap", vmap, get_args(Vmap)), ("save", save, get_args(Save))):
            if value not in words:
                raise ValueError(f"{name}= is one of {', '.join(map(repr, words))}, not {value!r}")
        if isinstance(function, np.ufunc):
            instead = f"lambda x: {function.__name__}(x)"
            raise ValueError(f"a ufunc has keyword parameters, too: declare a function such as {instead}")
        self._signature = inspect.signature(function)
        kinds = {parameter.kind for parameter in self._signature.parameters.values()}
        if kinds & {_Kind.KEYWORD_ONLY, _Kind.VAR_KEYWORD}:
            raise ValueError("a numpy_op has positional parameters only: the vjp gets them in their order")
        kind = type(function).__name__  # for objects without names, such as those of functools.partial
        self.__name__, self.__qualname__, self.__module__ = kind, kind, type(function).__module__
        functools.update_wrapper(self, function, updated=())
        self.function = function
        self.out = out
        self.vmap_method: Vmap = vmap
        self.save: Save = save
        self.product: NumpyOp | None = None
        self.given_vjp: Callable[..., Any] | None = None
        self.last_declared: tuple[list[Any], list[ArraySpec]] = ([object()], [])
        self.for_jax: Callable[..., Any] | None = None
        # How many arguments a complete call has; any number if the function takes *args.
        self._complete = None if _Kind.VAR_POSITIONAL in kinds else len(self._signature.parameters)

    def vjp(self, function: Function) -> Function:
        """Set the vector-Jacobian product, as a decorator.

        Parameters
        ----------
        function : callable
            Takes the gradient of the result (a tuple for several results) and what ``save=`` says, as
            read-only ndarrays. Returns one gradient for each input: an ndarray, or None for one that has
            none, such as integers and arguments that are no arrays. If it is itself a `numpy_op` with a vjp,
            second derivatives exist. It then takes several gradients one by one, and returns those of the
            inputs that are floating point or complex arrays. Gradients of complex numbers follow torch's
            convention: for z**2 return ``grad * np.conj(2 * z)``. jax's are the conjugates of these, and are
            converted.

        Returns
        -------
        callable
            The function itself.

        Examples
        --------
        >>> @bridge.numpy_op(out=lambda x: (x.shape, x.dtype), save="outputs")
        ... def exp(x):
        ...     return np.exp(x)
        >>> @exp.vjp
        ... def _(grad, y):
        ...     return grad * y
        >>> x = torch.zeros(2, requires_grad=True)
        >>> torch.autograd.grad(exp(x).sum(), x)
        (tensor([1., 1.]),)
        """
        self.given_vjp = function
        from .gradients import Product  # as late as the rest: `import numpy_bridge` is to be short

        if isinstance(function, NumpyOp):
            self.product = function
        else:
            product = Product(self, function)
            self.product = NumpyOp(product, product.out, self.vmap_method)
        return function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function: on tensors, on jax arrays, or as it is."""
        if kwargs or len(args) != self._complete:
            args = self._completed(args, kwargs)
        # Modules lack these names while another thread imports them.
        tensor = getattr(sys.modules.get("torch"), "Tensor", None)
        if tensor is not None:
            for x in args:
                if isinstance(x, tensor):
                    return (_call_torch or _load_torch_calls())(self, args)
        jax_array = getattr(sys.modules.get("jax"), "Array", None)
        if jax_array is not None and any(isinstance(x, jax_array) for x in args):
            from . import jax_calls

            return jax_calls.call(self, args)
        return self.function(*args)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """Bind to an object as functions do, so that a method can be an operation."""
        return self if instance is None else types.MethodType(self, instance)

    def _completed(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """Return all arguments in their order, defaults included."""
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.args

    def __reduce__(self) -> Any:
        """Pickle as functions are, by name; but with the object, if a bound method is part of it."""
        parts = (self.function, self.out, self.given_vjp)
        if any(map(inspect.ismethod, parts)):
            return _rebuilt, (self.function, self.out, self.vmap_method, self.save, self.given_vjp)
        return self.__qualname__

    def __repr__(self) -> str:
        return f"<numpy_op {self.__qualname__}{self._signature}>"


def _rebuilt(
    function: Callable[..., Any],
    out: Callable[..., Any],
    vmap: Vmap,
    save: Save,
    vjp: Callable[..., Any] | None,
) -> NumpyOp:
    """Return an operation like the one that was pickled or copied."""
    op = NumpyOp(function, out, vmap, save)
    if vjp is not None:
        op.vjp(vjp)
    return op
