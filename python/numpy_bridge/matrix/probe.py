"""One cell of the matrix: make an object, pass it to a call, and prove by writing whether memory is shared.

Values are written through each side and read through the other. Addresses are never compared; they serve to
write to objects that cannot be written otherwise.
"""

from __future__ import annotations

import contextlib
import ctypes
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

import numpy_bridge as bridge
from numpy_bridge.outcome import Outcome
from numpy_bridge.sharing import Number, Trial, by_writing, shown

from .libraries import BY_NAME
from .model import Consumer, Finding, Producer, libraries_of

_LONGEST = 300


def probe(producer: Producer, consumer: Consumer) -> Finding:
    """Return what `consumer` does with the memory of `producer`. It runs in this process.

    Exceptions are part of the finding. The call may also end the process or never return:
    `numpy_bridge.matrix.run` probes each cell in a process of its own.
    """
    scope: dict[str, Any] = {"np": np, "bridge": bridge, "poke": poke, "encoded": encoded, "decoded": decoded}
    scope |= {"values": list(producer.values), "dtype": producer.dtype}
    try:
        for name in libraries_of(producer, consumer):
            exec(BY_NAME[name].imports, scope)
        exec(producer.code, scope)
        exec(consumer.prepare, scope)
        source = _Side.of(producer, scope, scope["x"])
        if source.read() != list(producer.values):
            return Finding(Outcome.UNTRIED, f"made an object that holds {shown(source.read())}")
    except Exception as error:
        return Finding(Outcome.UNTRIED, described(error))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = eval(consumer.call, scope)
        except Exception as error:
            return Finding(Outcome.REFUSES, described(error))
    warning = one_line(str(caught[0].message)) if caught else ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            outcome, why = _compare(producer, source, _Side.of(consumer, scope, result))
        except Exception as error:
            outcome, why = Outcome.WRONG, described(error)
    return Finding(outcome, why, _dtype(result), warning)


def poke(address: int, dtype: str, values: list[Number]) -> None:
    """Write values to memory without any check."""
    content = encoded(values, dtype)
    ctypes.memmove(address, content, len(content))


def encoded(values: list[Number], dtype: str) -> bytes:
    """Return values as bytes. A bfloat16 is the upper half of a float32."""
    if dtype == "bfloat16":
        return (np.array(values, np.float32).view(np.uint32) >> 16).astype(np.uint16).tobytes()
    return np.array(values, dtype).tobytes()


def decoded(content: bytes, dtype: str) -> list[Number]:
    """Return the values that bytes stand for."""
    if dtype == "bfloat16":
        halves = np.frombuffer(content, np.uint16).astype(np.uint32)
        return list((halves << 16).view(np.float32).tolist())
    return list(np.frombuffer(content, dtype).tolist())


def described(error: BaseException) -> str:
    """Return an exception's type and text in one line."""
    return one_line(f"{type(error).__name__}: {error}")


def one_line(text: str) -> str:
    """Return a text in one line of at most 300 characters."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


class _NotNumbersError(TypeError):
    """A result holds objects where it should hold numbers."""


class _Side:
    """An object, with the code that reads and writes it."""

    def __init__(self, x: Any, read: str, write: str, scope: dict[str, Any]) -> None:
        self._scope = {**scope, "x": x}
        self._read, self._write = read, write

    @classmethod
    def of(cls, end: Producer | Consumer, scope: dict[str, Any], x: Any) -> _Side:
        library = BY_NAME[end.library]
        return cls(x, end.read or library.read, end.write or library.write, scope)

    def read(self) -> list[Number]:
        """Return all values in one list, or raise if there are others than numbers."""
        values = list(_flat(eval(self._read, self._scope)))
        for value in values:
            if not isinstance(value, (int, float, complex)):
                raise _NotNumbersError(f"objects of type {type(value).__name__} for numbers")
        return values

    def write(self, values: Sequence[Number]) -> bool:
        """Write all values and return whether that worked."""
        if not self._write:
            return False
        try:
            exec(self._write, {**self._scope, "values": list(values)})
        except Exception:
            return False
        return self.read() == list(values)


def _compare(producer: Producer, source: _Side, result: _Side) -> Trial:
    """Check the values that have arrived, then write through each side and read through the other."""
    held = list(producer.values)
    try:
        first = result.read()
    except _NotNumbersError as error:
        return Trial(Outcome.WRONG, str(error))
    except Exception as error:
        return Trial(Outcome.UNKNOWN, described(error))
    if first != held:
        return Trial(Outcome.WRONG, f"expected {shown(held)}, got {shown(first)}")
    return by_writing(source, result, held, producer.readonly)


def _flat(values: Any) -> Iterator[Any]:
    if isinstance(values, dict):
        yield from _flat(list(values.values()))
    elif isinstance(values, (list, tuple)):
        for value in values:
            yield from _flat(value)
    else:
        yield values


def _dtype(x: Any) -> str:
    for name in ("dtype", "format", "type"):
        with contextlib.suppress(Exception):
            return str(getattr(x, name))
    return ""
