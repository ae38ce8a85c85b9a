"""What a module of `nanobind-module/` answers, for tests, and as a program for other interpreters.

`python outcomes.py FOLDER MODULE` reads calls in JSON, proves that memory is shared, and writes the answers.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from types import ModuleType
from typing import Any

import numpy as np

# Calls of the functions in `nanobind-module/src/functions.hpp`.
ACCEPTED = [
    ("total", "d.T"),
    ("total", "memoryview(d)"),
    ("total", "torch.ones(3, dtype=torch.float64)"),
    ("sum", "a"),
    ("sum", "t.double()"),
    ("size", "a[::-1, ::2]"),
    ("size_or_none", "None"),
    ("size_or_none", "t"),
    ("sizes", "[a, t, memoryview(a)]"),
    ("sizes", "[]"),
    ("first_share", "[[1, 2]]"),
    ("copied_shares", "[d[0], [1, 2], a[0]]"),
    ("bytes_of", "a"),
    ("by_hand", "a.T"),
    ("copied", "np.ones(3, np.float16)"),
    ("copied", "torch.ones(3).bfloat16()"),
    ("copied", "a[0]"),
    ("without_gil", "d"),
    ("without_gil", "torch.ones(3).double()"),
    ("norm", "a[0]"),
    ("norm", "t"),
    ("norm", "2"),
    ("kind", "a"),
    ("kind", "2"),
    ("mixed", "1, a"),
    ("mixed", "2, d"),
    ("mixed", "2.5, d"),
    ("grid", "2"),
    ("tensor", "2"),
    ("like", "torch.ones(3).double()"),
    ("like", "np.ones(3)"),
    ("constants", ""),
    ("twice", "np.ones(3)"),
    ("twice", "torch.ones(3).double()"),
]
REFUSED = [
    ("total", "a"),
    ("total", "d[:, ::2]"),
    ("total", "[1.0]"),
    ("total", "'text'"),
    ("total", "np.float64(1)"),
    ("total", "Interrupted()"),
    ("scale", "d, 2"),
    ("scale", "a[0], 2"),
    ("scale", "np.broadcast_to(a[0], (2, 3)), 2"),
    ("scale", "t.clone().requires_grad_(), 2"),
    ("scale", "t._neg_view(), 2"),
    ("scale", "t.to('meta'), 2"),
    ("scale", "a, 'two'"),
    ("add", "d[0], a[0]"),
    ("size_or_none", "d"),
    ("sizes", "[a, d]"),
    ("copied", "np.ones(3, complex)"),
    ("norm", "a.T"),
    ("norm", "d"),
    ("norm", "'text'"),
    ("mixed", "2, a[0] > 0"),
    ("wrong_shape", "2"),
    ("bytes_of", "np.ones(3, np.float16)"),
    ("by_hand", "d"),
]


class Moves:
    """Moves somebody else's elements when it is asked for its own."""

    def __init__(self, victim: np.ndarray) -> None:
        self.victim = victim

    @property
    def __array_interface__(self) -> Any:
        self.victim.resize(100_000, refcheck=False)
        return np.ones(3).__array_interface__


class Interrupted:
    @property
    def __array_interface__(self) -> Any:
        raise KeyboardInterrupt


class OnlyDLPack:
    def __init__(self, array: np.ndarray) -> None:
        self.__dlpack__, self.__dlpack_device__ = array.__dlpack__, array.__dlpack_device__


class OnlyInterface:
    def __init__(self, array: np.ndarray) -> None:
        self.__array_interface__ = array.__array_interface__


class Subclass(np.ndarray):
    pass


def outcome(function: Any, expression: str, module: ModuleType) -> object:
    """The result, or the class of the exception with the reasons in its text."""
    a = np.array([[3, 1, 4], [1, 5, 9]], np.float32)
    names = {"np": np, "a": a, "d": a.astype(float), "m": module}
    names |= {each.__name__: each for each in (Moves, Interrupted, OnlyDLPack, OnlyInterface, Subclass)}
    if re.search(r"\b(t|torch)\b", expression):
        torch = importlib.import_module("torch")
        names |= {"torch": torch, "t": torch.tensor(a)}
    arguments = eval(f"({expression},)", names) if expression else ()
    try:
        result = function(*arguments)
    except (TypeError, BufferError, KeyboardInterrupt) as error:
        return type(error), re.findall(r"arg\d: expected .*|cannot return .*", str(error))
    if hasattr(result, "dtype"):
        return type(result), result.dtype, result.tolist()
    return result


def prove(module: ModuleType) -> None:
    """Writes through one side and reads the other."""
    for wrapped in (lambda x: x, OnlyDLPack, OnlyInterface, memoryview, lambda x: x.view(Subclass)):
        x = np.ones((2, 3), np.float32)
        module.scale(wrapped(x), 3)
        assert x.tolist() == [[3, 3, 3]] * 2, wrapped
    values = np.arange(3.0)
    series = module.Series(values)
    values[-1] = 7
    assert series.last() == 7
    weights = series.weights
    series.weights[0] = 5
    del series
    assert weights.tolist() == [5, 2]


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    imported = importlib.import_module(sys.argv[2])
    prove(imported)
    calls = [(getattr(imported, name), call) for name, call in json.load(sys.stdin)]
    print(json.dumps([repr(outcome(function, call, imported)) for function, call in calls]))
