"""The receiving process: keeps what has arrived, and answers questions about it.

What is asked are functions of this module, which every transport sends by their names.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import numpy_bridge as bridge
from numpy_bridge.libraries import library_of
from numpy_bridge.sharing import Number

from .column import Column
from .resident import Growth


class Question(NamedTuple):
    """A call to make there, among the objects of a queue."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]


class Report(NamedTuple):
    """What the receiver knows about an object.

    Parameters
    ----------
    grown : int or None
        Bytes that its process grew by.
    dtype : str
        The object's element type by its library's name.
    readonly : bool
        True if the object cannot be written.
    contents : int
        A checksum of all elements.
    """

    grown: int | None
    dtype: str
    readonly: bool
    contents: int


_state: dict[str, Any] = {}


def begin(code: str) -> None:
    """Forget what has arrived, and measure from now on. `code` makes an object of what arrives."""
    _state.clear()
    _state.update(code=code, growth=Growth())


def receive(x: Any) -> str:
    """Keep an object that has arrived, and say so."""
    scope = {"np": np, "bridge": bridge, "keep": _keep, "x": x}
    _state["x"] = eval(_state["code"], scope)
    _state["grown"] = _state["growth"].bytes(shared=False)
    return "arrived"


def report() -> Report:
    """Report about the object."""
    x = _state["x"]
    return Report(_state["grown"], str(x.dtype), is_readonly(x), contents(x))


def read() -> list[Number]:
    """Read the first element of each row."""
    return Column(_state["x"]).read()


def write(values: Sequence[Number]) -> bool:
    """Write the first element of each row, and return whether that worked."""
    return Column(_state["x"]).write(values)


def is_readonly(x: Any) -> bool:
    """Return whether an object cannot be written. Tensors always can."""
    if isinstance(x, bridge.View):
        return x.readonly
    if isinstance(x, np.ndarray):
        return not x.flags.writeable
    return library_of(x) == "jax"


def contents(x: Any) -> int:
    """Return a checksum of all elements, as float32 in C order."""
    array = x.detach().float().numpy() if library_of(x) == "torch" else np.asarray(x)
    return zlib.crc32(np.ascontiguousarray(array, np.float32).data)


def serve(queue: Any, answers: Any) -> None:
    """Receive the objects of a queue and answer its questions, until the process is ended."""
    while True:
        try:
            x = queue.get()
            answer = x.function(*x.arguments) if isinstance(x, Question) else receive(x)
        except Exception as error:
            answer = error
        answers.put(answer)


def _keep(x: Any) -> Any:
    _state["kept"] = x
    return x
