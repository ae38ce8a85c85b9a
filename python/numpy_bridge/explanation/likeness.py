"""A small object in place of one that may compute its values. It supports the same protocols."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from numpy_bridge import _core

_OF_VIEW = ("__array_interface__", "__array_struct__", "__cuda_array_interface__", "__dlpack__")
"""Protocols that a View supports as attributes, which another class can pass on."""

_OF_ITSELF = ("__array__", "__len__", "__getitem__")
"""Methods that read the values of the object itself."""


class MightComputeError(Exception):
    """A call needs what only the object itself can answer."""

    def __init__(self) -> None:
        super().__init__("it might compute all values again")


def likeness(x: Any, view: _core.View, answers: Mapping[str, Any]) -> Any:
    """Return an object that answers for `x` with the memory of `view`; None if a class cannot do this.

    Its protocols are those in `answers`. The ones that did not describe memory raise MightComputeError. So do
    the methods that read values of `x`.
    """
    kind = type(x)
    passed_on = {name: answer for name, answer in answers.items() if name in _OF_VIEW}
    if answers.keys() - passed_on.keys() - set(_OF_ITSELF) or not _agree(passed_on):
        return None
    members: dict[str, Any] = {name: _refuse for name in _OF_ITSELF if hasattr(kind, name)}
    for name, answer in passed_on.items():
        members[name] = _member(kind, name, view) if isinstance(answer, dict) else property(_refuse)
    if "__dlpack__" in members:
        members["__dlpack_device__"] = lambda _: view.__dlpack_device__()
    return type(kind.__name__, (), members)()


def _refuse(*_: Any, **__: Any) -> Any:
    raise MightComputeError


def _agree(answers: Mapping[str, Any]) -> bool:
    """Whether all protocols describe the same memory, so that one View can stand for each."""
    described = [answer for answer in answers.values() if isinstance(answer, dict)]
    return all(answer == described[0] for answer in described)


def _member(kind: type, name: str, view: _core.View) -> Any:
    if name != "__dlpack__":
        return property(lambda _: getattr(view, name))
    return _method_like(getattr(kind, name, None), view.__dlpack__)


def _method_like(original: Any, call: Callable[..., object]) -> Callable[..., object]:
    """Return a method that takes the arguments of `original`, and refuses others as it would."""
    try:
        signature = inspect.signature(original)
    except (TypeError, ValueError):  # written in C, or not of the class
        return lambda _, **keywords: call(**keywords)

    def method(*given: Any, **keywords: Any) -> object:
        bound = signature.bind(*given, **keywords)
        bound.arguments.pop(next(iter(signature.parameters)))  # self
        return call(**bound.kwargs) if not bound.args else call(*bound.args, **bound.kwargs)

    return method
