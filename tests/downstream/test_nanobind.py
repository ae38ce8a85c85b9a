"""One module bound by pybind11 and by nanobind, with the CMake functions of each: the same answers."""

from __future__ import annotations

import contextlib
import gc
import importlib
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import nanobind
import numpy as np
import pytest
import torch

from support import HERE, compile_module, python
from test_build_systems import install

LIBRARIES = ("by_pybind11", "by_nanobind")


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ModuleType]]:
    folder = tmp_path_factory.mktemp("nanobind")
    install(shutil.copytree(HERE / "nanobind-module", folder / "project"), folder / "installed")
    sys.path.insert(0, str(folder / "installed"))
    yield {name: importlib.import_module(name) for name in (*LIBRARIES, "scale")}
    sys.path.remove(str(folder / "installed"))


def both(modules: dict[str, ModuleType]) -> list[ModuleType]:
    return [modules[name] for name in LIBRARIES]


@pytest.fixture(params=LIBRARIES)
def module(request: pytest.FixtureRequest, modules: dict[str, ModuleType]) -> ModuleType:
    return modules[request.param]


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


def outcome(function: Any, expression: str, module: ModuleType) -> object:
    """The result, or the class of the exception with the reasons in its text."""
    a = np.array([[3, 1, 4], [1, 5, 9]], np.float32)
    names = {"np": np, "torch": torch, "a": a, "t": torch.tensor(a), "d": a.astype(float), "m": module}
    names |= {"Moves": Moves, "Interrupted": Interrupted}
    arguments = eval(f"({expression},)", names) if expression else ()
    try:
        result = function(*arguments)
    except (TypeError, BufferError, KeyboardInterrupt) as error:
        return type(error), re.findall(r"arg\d: expected .*|cannot return .*", str(error))
    if isinstance(result, (np.ndarray, torch.Tensor)):
        return type(result), result.dtype, result.tolist()
    return result


def is_refusal(found: object) -> bool:
    return isinstance(found, tuple) and issubclass(found[0], BaseException)


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
]


@pytest.mark.parametrize(("name", "expression"), ACCEPTED, ids=lambda text: text)
def test_accepted(name: str, expression: str, modules: dict[str, ModuleType]) -> None:
    first, second = (outcome(getattr(m, name), expression, m) for m in both(modules))
    assert first == second
    assert not is_refusal(first)


@pytest.mark.parametrize(("name", "expression"), REFUSED, ids=lambda text: text)
def test_refused_with_the_same_reasons(name: str, expression: str, modules: dict[str, ModuleType]) -> None:
    first, second = (outcome(getattr(m, name), expression, m) for m in both(modules))
    assert first == second
    assert is_refusal(first)


def test_refusal_is_the_one_of_the_guide(modules: dict[str, ModuleType]) -> None:
    with pytest.raises(TypeError) as refused:
        modules["scale"].scale(np.ones(3), 3)
    assert f"```text\n{refused.value}\n```" in HERE.parents[1].joinpath("docs/cpp.md").read_text()


def test_reasons_if_the_last_overload_takes_no_array(modules: dict[str, ModuleType]) -> None:
    """nanobind only: pybind11 waits for a later overload with arrays."""
    reasons = r"^no overload accepts these arguments:\n  arg0: expected .* got str$"
    with pytest.raises(TypeError, match=reasons):
        modules["by_nanobind"].kind("text")


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("m.total(None)", "incompatible function arguments"),
        ("m.strict(d)", "incompatible function arguments"),
        ("m.Unit() + d", "arg1: expected float32, CPU; got float64"),
        ("m.add(d, d)", r"^arg0: expected[^\n]*$"),
    ],
)
def test_differences_from_pybind11(expression: str, text: str, modules: dict[str, ModuleType]) -> None:
    with pytest.raises(TypeError, match=text):
        eval(expression, {"m": modules["by_nanobind"], "d": np.ones((2, 3))})


@pytest.mark.parametrize("name", LIBRARIES)
def test_exceptions_of_a_function_before_any_refusal(name: str, modules: dict[str, ModuleType]) -> None:
    code = f"import numpy, pytest, {name}\n"
    code += "with pytest.raises(TypeError, match='visit: no C.. type for dtype float16'):\n"
    code += f"    {name}.bytes_of(numpy.ones(3, numpy.float16))"
    python(code, Path(modules[name].__file__ or "").parent)


def test_signatures_say_what_arrays_ask_for(module: ModuleType) -> None:
    assert (
        'typing.Annotated[numpy_bridge.typing.Shareable, "float32, 2-D, writable, CPU"]'
        in module.scale.__doc__
    )
    assert (
        'typing.Annotated[numpy_bridge.typing.Shareable, "float32, writable, CPU"] | None'
        in module.size_or_none.__doc__
    )
    assert "-> numpy.typing.NDArray[numpy.float64]" in module.grid.__doc__


@pytest.mark.parametrize("make", [np.ones, torch.ones, lambda *x, **y: memoryview(np.ones(*x, **y))])
def test_writes_reach_the_caller(make: Any, module: ModuleType) -> None:
    x = make((2, 3), dtype=torch.float32 if make is torch.ones else np.float32)
    module.scale(x, 3)
    assert x.tolist() == [[3, 3, 3]] * 2


def test_a_write_is_counted_for_autograd(module: ModuleType) -> None:
    x = torch.ones(2, 3)
    before = x._version
    module.scale(x, 2)
    assert x._version == before + 1
    with pytest.raises(TypeError):
        module.scale(x, "two")
    assert x._version == before + 1


def test_memory_that_moves_during_the_call_is_refused(module: ModuleType) -> None:
    x = np.ones(3)
    with pytest.raises(TypeError, match="changed while other arguments were converted"):
        module.add(x, Moves(x))


def test_arguments_go_back_as_they_came(module: ModuleType) -> None:
    for x in (np.ones(3), torch.ones(3), bytearray(4)):
        assert module.same(x) is x
        assert module.same_share(x) is x


def test_shared_stays_alive_and_in_place(module: ModuleType) -> None:
    values = np.arange(3.0)
    series = module.Series(values)
    assert series.values is values
    values[-1] = 7
    with pytest.raises(ValueError, match="resize"):
        values.resize(1000, refcheck=False)
    del values
    assert series.last() == 7
    assert series.dot(torch.ones(3, dtype=torch.float64)) == 8
    with pytest.raises(TypeError, match="expected float64, 1-D, CPU; got float32"):
        module.Series(np.ones(3, np.float32))


def test_an_alias_keeps_its_object(module: ModuleType) -> None:
    series = module.Series(np.ones(2))
    weights = series.weights
    series.weights[0] = 5
    with pytest.raises(BufferError, match="owner is known"):
        series.stray()
    del series
    gc.collect()
    assert weights.tolist() == [5, 2]


def test_results_are_freed_once(module: ModuleType) -> None:
    before = module.freed()
    x = module.constants()
    assert not x.flags.writeable
    assert module.freed() == before
    del x
    assert module.freed() == before + 1


def test_released_gil_pins(module: ModuleType) -> None:
    x, y = torch.ones(3, dtype=torch.float64), torch.ones(3)
    assert module.without_gil(x) == 3
    assert not x.untyped_storage().resizable()
    x = torch.ones(3, dtype=torch.float64)
    module.total(x)
    assert x.untyped_storage().resizable()
    assert module.guarded(x, y) == 3
    assert not x.untyped_storage().resizable()
    assert not y.untyped_storage().resizable()
    assert module.guarded(x.new_ones(2), None) == -1


def test_calls_keep_no_reference(module: ModuleType) -> None:
    class Subclass(np.ndarray):
        pass

    a = np.ones((2, 3), np.float32)
    calls = (
        (module.scale, a, 2),
        (module.scale, a.view(Subclass), 2),
        (module.sizes, [a, a]),
        (module.copied, np.ones(3)),
        (module.copied, a[0].astype(np.float16)),
        (module.norm, a.T),
        (module.norm, "text"),
        (module.mixed, 2, a.astype(float)),
    )
    watched = [x for _, *arguments in calls for x in arguments if isinstance(x, np.ndarray)]
    marks = [Ellipsis, NotImplemented]
    before = [sys.getrefcount(x) for x in watched]
    marks_before = [sys.getrefcount(x) for x in marks]
    for function, *arguments in calls * 100:
        with contextlib.suppress(TypeError):
            function(*arguments)
    del arguments
    assert [sys.getrefcount(x) for x in watched] == before
    assert all(abs(sys.getrefcount(x) - y) < 100 for x, y in zip(marks, marks_before, strict=True))


def test_the_stable_abi_is_refused_in_words(tmp_path: Any) -> None:
    source = tmp_path / "stable.cpp"
    source.write_text("#include <numpy_bridge/nanobind.hpp>\n")
    with pytest.raises(AssertionError, match="without STABLE_ABI and BACKEND_MODULE"):
        compile_module(source, f"-I{nanobind.include_dir()}", "-DPy_LIMITED_API=0x030C0000", "-Wfatal-errors")
