"""An object in place of a tensor or an array: what says that it is one, and is not.

Protocols that it passes on say nothing of a negative bit or a mask, and nothing pins what is behind it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import pytest

import numpy_bridge as bridge
from support import needs_torch, refused, torch


class Forwarding:
    """As wrapt.ObjectProxy: all attributes, and `__class__`, are those of the object behind it."""

    def __init__(self, behind: Any) -> None:
        object.__setattr__(self, "behind", behind)

    def __getattribute__(self, name: str) -> Any:
        return getattr(object.__getattribute__(self, "behind"), name)


class Lazy:
    """As Django's and werkzeug's: the object is made when it is first used."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make

    @property
    def __class__(self) -> Any:
        return type(self.make())

    def __getattr__(self, name: str) -> Any:
        return getattr(self.make(), name)


PROXIES: dict[str, Callable[[Any], Any]] = {
    "weakref.proxy": weakref.proxy,
    "forwarding": Forwarding,
    "lazy": lambda behind: Lazy(lambda: behind),
    "mock": lambda behind: mock.Mock(wraps=behind, spec=type(behind)),
    "proxy of a proxy": lambda behind: Forwarding(Forwarding(behind)),
}
try:
    import wrapt
except ImportError:
    pass
else:
    PROXIES["wrapt"] = wrapt.ObjectProxy
each_proxy = pytest.mark.parametrize("proxy", PROXIES.values(), ids=PROXIES)
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "view": bridge.view,
    "to_numpy": bridge.to_numpy,
    "to_numpy, copy=None": lambda x: bridge.to_numpy(x, copy=None),
    "to_numpy, copy=True": lambda x: bridge.to_numpy(x, copy=True),
    "shares_memory": lambda x: bridge.shares_memory(x, x),
    "add_": lambda x: bridge.add_(x, 1),
    "copy_": lambda x: bridge.copy_(np.zeros(3), x),
}
if torch is not None:
    FUNCTIONS["to_torch"] = bridge.to_torch
    FUNCTIONS["to_torch, copy=True"] = lambda x: bridge.to_torch(x, copy=True)
each_function = pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)

TENSORS: dict[str, Callable[[], Any]] = {
    "plain": lambda: torch.arange(3.0),
    "negative bit": lambda: torch.arange(3.0)._neg_view(),
    "conjugate bit": lambda: torch.ones(3, dtype=torch.complex64).conj(),
    "requires grad": lambda: torch.ones(3, requires_grad=True),
    "parameter": lambda: torch.nn.Parameter(torch.ones(3)),
    "uint4": lambda: torch.empty(3, dtype=torch.uint4),
    "half": lambda: torch.ones(3, dtype=torch.bfloat16),
}
ARRAYS: dict[str, Callable[[], Any]] = {
    "plain": lambda: np.arange(3.0),
    "masked": lambda: np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0]),
    "recarray": lambda: np.zeros(3, "i4,f4").view(np.recarray),
    "matrix": lambda: np.asmatrix(np.arange(3.0)),
}


def assert_refused(function: Callable[[Any], Any], x: Any) -> None:
    """A mock that has no protocol, or one that fails, is refused for that."""
    with pytest.raises((bridge.SharingError, TypeError)) as caught:
        function(x)
    assert str(caught.value)


@needs_torch
@each_proxy
@each_function
@pytest.mark.parametrize("name", TENSORS)
def test_in_place_of_a_tensor(proxy: Any, function: Callable[[Any], Any], name: str) -> None:
    tensor = TENSORS[name]()
    before = tensor.untyped_storage().resizable()
    assert_refused(function, proxy(tensor))
    assert tensor.untyped_storage().resizable() is before


@each_proxy
@each_function
@pytest.mark.parametrize("name", ARRAYS)
def test_in_place_of_an_array(proxy: Any, function: Callable[[Any], Any], name: str) -> None:
    array = ARRAYS[name]()
    assert_refused(function, proxy(array))
    assert array.tolist() == ARRAYS[name]().tolist()


@needs_torch
@pytest.mark.parametrize("name", ["weakref.proxy", "forwarding", "lazy", "proxy of a proxy"])
def test_the_hint_gives_the_object(name: str) -> None:
    tensor, array = torch.zeros(3), np.zeros(3)
    with refused("type", "torch", hint="share the object behind it: x.detach()"):
        bridge.to_numpy(PROXIES[name](tensor))
    bridge.to_numpy(PROXIES[name](tensor).detach())[0] = 7
    assert tensor[0] == 7
    with refused("type", "NumPy", hint="share the object behind it: x.view()"):
        bridge.to_torch(PROXIES[name](array))
    bridge.to_torch(PROXIES[name](array).view())[0] = 7
    assert array[0] == 7


def test_a_proxy_of_nothing() -> None:
    array = np.zeros(3)
    gone = weakref.proxy(array)
    del array
    with pytest.raises((bridge.SharingError, ReferenceError)):
        bridge.view(gone)


@needs_torch
@each_proxy
def test_arguments_of_functions_in_cpp(proxy: Any, extension: ModuleType) -> None:
    for behind in (torch.ones(3), np.ones(3, "f4")):
        with pytest.raises(TypeError, match=r"^float32\(\): x: expected float32"):
            extension.float32(proxy(behind))
        assert extension.float32(behind) == 3


def test_what_is_no_proxy_is_not_taken_for_one() -> None:
    """Subclasses, and objects whose attributes are made up in Python."""

    class Wrapper:
        def __init__(self, array: Any) -> None:
            self.array = array

        def __getattr__(self, name: str) -> Any:
            return getattr(self.array, name)

    array = np.zeros(3)
    bridge.to_numpy(Wrapper(array))[0] = 7
    assert array[0] == 7
    assert bridge.view(array.view(type("Sub", (np.ndarray,), {}))).ptr == array.ctypes.data
