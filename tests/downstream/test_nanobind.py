"""One module bound by pybind11 and by nanobind, in each of its modes: the same answers."""

from __future__ import annotations

import contextlib
import gc
import os
import re
import shutil
import sys
import sysconfig
from pathlib import Path
from types import ModuleType
from typing import Any

import nanobind
import numpy as np
import pytest
import torch

from conftest import BY_NANOBIND, LIBRARIES, SUMS
from outcomes import ACCEPTED, REFUSED, Moves, outcome, prove
from support import HERE, INSTALLED, compile_module, python, run
from test_build_systems import install


@pytest.fixture(params=BY_NANOBIND)
def nanobind_module(request: pytest.FixtureRequest, modules: dict[str, ModuleType]) -> ModuleType:
    return modules[request.param]


@pytest.fixture(params=LIBRARIES)
def module(request: pytest.FixtureRequest, modules: dict[str, ModuleType]) -> ModuleType:
    return modules[request.param]


def is_refusal(found: object) -> bool:
    return isinstance(found, tuple) and issubclass(found[0], BaseException)


@pytest.mark.parametrize(("name", "expression"), ACCEPTED, ids=lambda text: text)
def test_accepted(name: str, expression: str, modules: dict[str, ModuleType]) -> None:
    first, *others = (outcome(getattr(modules[m], name), expression, modules[m]) for m in LIBRARIES)
    assert others == [first] * len(others)
    assert not is_refusal(first)


@pytest.mark.parametrize(("name", "expression"), REFUSED, ids=lambda text: text)
def test_refused_with_the_same_reasons(name: str, expression: str, modules: dict[str, ModuleType]) -> None:
    first, *others = (outcome(getattr(modules[m], name), expression, modules[m]) for m in LIBRARIES)
    assert others == [first] * len(others)
    assert is_refusal(first)


def test_refusal_is_the_one_of_the_guide(modules: dict[str, ModuleType]) -> None:
    with pytest.raises(TypeError) as refused:
        modules["scale"].scale(np.ones(3), 3)
    assert f"```text\n{refused.value}\n```" in HERE.parents[1].joinpath("docs/cpp.md").read_text()


def test_reasons_if_the_last_overload_takes_no_array(nanobind_module: ModuleType) -> None:
    """nanobind only: pybind11 waits for a later overload with arrays."""
    reasons = r"^no overload accepts these arguments:\n  arg0: expected .* got str$"
    with pytest.raises(TypeError, match=reasons):
        nanobind_module.kind("text")


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("m.total(None)", "incompatible function arguments"),
        ("m.strict(d)", "incompatible function arguments"),
        ("m.Unit() + d", "arg1: expected float32, CPU; got float64"),
        ("m.add(d, d)", r"^arg0: expected[^\n]*$"),
    ],
)
def test_differences_from_pybind11(expression: str, text: str, nanobind_module: ModuleType) -> None:
    with pytest.raises(TypeError, match=text):
        eval(expression, {"m": nanobind_module, "d": np.ones((2, 3))})


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


def test_all_protocols_share(module: ModuleType) -> None:
    prove(module)


@pytest.mark.parametrize("name", SUMS)
def test_a_library_without_python_takes_memory_of_the_module(
    modules: dict[str, ModuleType], name: str
) -> None:
    assert modules[name].total(np.arange(4.0)) == 6


def test_the_example_of_nanobind(tmp_path: Path) -> None:
    install(shutil.copytree(HERE / "nanobind-example", tmp_path / "project"), tmp_path / "installed")
    code = "import nanobind_example as m, numpy\nx = numpy.ones(3, 'f')\nm.scale(x, k=2)\n"
    assert python(code + "print(m.add(1, 2), x.tolist())", tmp_path / "installed") == "3 [2.0, 2.0, 2.0]\n"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("#include <numpy_bridge/memory.hpp>\n#include <numpy_bridge/nanobind.hpp>", "before other headers"),
        (
            "#define NUMPY_BRIDGE_NANOBIND\n#include <numpy_bridge/pybind11.hpp>",
            "not numpy_bridge/pybind11.hpp",
        ),
        (
            "#define NUMPY_BRIDGE_COMPILED\n#include <numpy_bridge/nanobind.hpp>",
            "link numpy_bridge::nanobind",
        ),
    ],
)
def test_headers_that_do_not_go_together(text: str, error: str, tmp_path: Path) -> None:
    source = tmp_path / "mixed.cpp"
    source.write_text(text + "\n")
    with pytest.raises(AssertionError, match=error):
        compile_module(source, f"-I{nanobind.include_dir()}", "-Wfatal-errors")


SPLIT_MODE = ("-DPy_LIMITED_API=0x030A0000", "-DNB_BACKEND_MODULE=nanobind_backend")


@pytest.mark.parametrize("mode", [(), SPLIT_MODE], ids=["plain", "split"])
def test_headers_in_a_module_of_nanobind(mode: tuple[str, ...], tmp_path: Path) -> None:
    """All of them compile without warnings, and without any header of pybind11."""
    folder, source, used = INSTALLED / "include", tmp_path / "all.cpp", tmp_path / "used"
    of_others = re.compile(r"pybind11|records|eigen|loader|overloads|/cuda/")
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*.hpp")]
    headers = ["numpy_bridge/nanobind.hpp", *(name for name in names if not of_others.search(name))]
    source.write_text("".join(f"#include <{name}>\n" for name in headers))
    warnings = ("-Wall", "-Wextra", "-Wconversion", "-Werror")
    places = (nanobind.include_dir(), sysconfig.get_path("include"))
    includes = (f"-I{folder}", *(f"-isystem{place}" for place in places))
    compiler = (os.environ.get("CXX", "c++"), "-std=c++17", "-fsyntax-only", "-MD", "-MF", used)
    run(*compiler, *warnings, *includes, *mode, source)
    assert "pybind11" not in used.read_text()
