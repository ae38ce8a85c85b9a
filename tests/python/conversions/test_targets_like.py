"""What `like` may be, `empty`, and what takes a stand-in: CuPy, and a library that copies silently."""

from __future__ import annotations

import ctypes
import doctest
import gc
import re
import subprocess
import sys
import weakref
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge import libraries, targets
from numpy_bridge.targets.table import TARGETS
from numpy_bridge.targets.target import NUMBERS, Target
from support import needs_torch


def block() -> np.ndarray:
    """Aligned memory that holds 0, 1, 2, ..."""
    array = bridge.to_numpy(bridge.empty((4, 6), "float32"))
    array[...] = np.arange(24).reshape(4, 6)
    return array


@pytest.fixture
def cupy(monkeypatch: pytest.MonkeyPatch) -> Any:
    """As much of CuPy as the row uses, over memory that only claims to be on a device."""

    class Array:
        __module__ = "cupy"

        values: Any = None

        def __init__(self, view: Any) -> None:
            self.view = view
            self.data = SimpleNamespace(ptr=view.ptr)
            self.__cuda_array_interface__ = view.__cuda_array_interface__

    def empty(shape: Any, dtype: Any) -> Array:
        return Array(bridge.from_pointer(1 << 20, shape, dtype, device="cuda:0"))

    def copied(x: Any) -> Array:
        made = empty(x.shape, x.dtype)
        made.values = x
        return made

    module: Any = ModuleType("cupy")
    module.ndarray, module.empty, module.from_dlpack = Array, empty, Array
    module.array = copied
    monkeypatch.setitem(sys.modules, "cupy", module)
    monkeypatch.delitem(sys.modules, "numpy_bridge.targets.cupy", raising=False)
    monkeypatch.setattr(targets, "_by_name", dict(targets._by_name))
    monkeypatch.setattr(targets, "_by_kind", WeakKeyDictionary(targets._by_kind))
    yield module
    sys.modules.pop("numpy_bridge.targets.cupy", None)


def test_cupy_by_a_fake(cupy: Any) -> None:
    on_device = bridge.from_pointer(4096, (2, 3), "float32", device="cuda:0")
    array = bridge.to_cupy(on_device)
    assert type(array) is cupy.ndarray
    assert array.view.ptr == 4096
    assert bridge.to(array, cupy) is array
    assert bridge.to_cupy(on_device, device="cuda").view.ptr == 4096
    with pytest.raises(bridge.SharingError, match="on cuda or cuda_managed, got memory on cpu"):
        bridge.to_cupy(block())
    for copy in (None, True):
        for device in (None, "cuda", "cuda:0"):
            copied = bridge.to_cupy(block(), copy=copy, device=device)
            assert copied.values[0, 1] == 1
        with pytest.raises(bridge.SharingError, match="expected memory on cuda:1, got memory on cuda:0"):
            bridge.to_cupy(block(), copy=copy, device="cuda:1")
    nothing = bridge.from_pointer(4096, (0, 2), "float32", device="cuda:0")
    assert bridge.to_cupy(nothing, device="cuda:0").view.device == "cuda:0"
    made = bridge.empty((2,), "float32", 4096, like="cupy")
    assert (made.device, made.ptr % 4096) == ("cuda:0", 0)
    with pytest.raises(bridge.SharingError, match="multiple of 2097152 bytes, got a multiple of 1048576"):
        bridge.empty((2,), "float32", 1 << 21, like="cupy")
    with pytest.raises(bridge.SharingError, match="expected a dtype that cupy has, got bfloat16"):
        bridge.empty((2,), "bfloat16", like="cupy")


def test_a_library_that_copies_silently_is_found_out() -> None:
    def address(array: Any) -> int:
        return int(array.ctypes.data)

    liar = Target("jax", np.array, address, lambda x: False, NUMBERS)
    with pytest.raises(bridge.SharingError, match=r"an array at 0x\w+, got a copy at 0x\w+") as caught:
        liar.convert(block(), False, None, False)
    assert caught.value.field == "address"
    for copy in (None, True):  # one copy is ours, the other one is not told
        with pytest.raises(bridge.SharingError, match="a copy at"):
            liar.convert(block(), copy, None, False)
    honest = replace(liar, share=bridge.to_numpy)
    source = block()
    honest.convert(source, False, None, False)[0] = 7
    assert source[0, 0] == 7


def test_an_error_of_the_library_is_told() -> None:
    def share(view: Any) -> Any:
        raise RuntimeError("out of\n  luck")

    broken = Target("jax", share, id, lambda x: False, NUMBERS)
    with pytest.raises(bridge.SharingError, match="got RuntimeError: out of luck") as caught:
        broken.convert(block(), False, None, False)
    assert isinstance(caught.value.__cause__, RuntimeError)


# What `like` may be


@needs_torch
def test_like() -> None:
    import torch

    source = block()
    wrapped = ModuleType("array_api_compat.torch")
    subclass = type("Mine", (torch.Tensor,), {})
    objects = (torch.ones(1), torch.nn.Parameter(torch.ones(1)))
    for given in ("torch", torch, wrapped, torch.Tensor, subclass, *objects):
        assert type(bridge.to(source, given)) is torch.Tensor
    assert bridge.to(source, np.ma.masked_array([1])) is source


@pytest.mark.parametrize("given", [None, 5, "sklearn", "nn", sys, object(), [1.0], bridge.View], ids=repr)
def test_like_what_is_no_target(given: Any) -> None:
    with pytest.raises(TypeError, match="like: expected an array, a namespace or a name of"):
        bridge.to(block(), given)


def test_objects_of_ctypes_whose_types_have_no_module() -> None:
    values = (ctypes.c_float * 4)(1, 2, 3, 4)
    bridge.to(values, np)[0] = 9
    assert values[0] == 9
    with pytest.raises(TypeError, match="like: expected"):
        bridge.to(np.ones(2), values)


@pytest.mark.parametrize("module", [None, 5, ""], ids=repr)
def test_classes_that_name_no_module(module: Any) -> None:
    plain = type("Plain", (), {"__module__": module})
    for given in (plain, plain()):
        with pytest.raises(TypeError, match="like: expected"):
            bridge.to(np.ones(2), given)
    with pytest.raises(TypeError, match="Plain has no memory to share"):
        bridge.to(plain(), np)
    array = type("Mine", (np.ndarray,), {"__module__": module})
    source = block()
    assert bridge.to(source, array) is source
    assert bridge.shares_memory(bridge.to(source.view(array), np), source)
    assert libraries.library_of(plain()) == str(module or "")
    assert libraries.type_name(plain()).endswith("Plain")


def test_classes_are_not_kept_alive() -> None:
    def named() -> weakref.ref[type]:
        kind = type("Mine", (np.ndarray,), {})
        bridge.to(np.ones(2), kind)
        return weakref.ref(kind)

    kinds = [named() for _ in range(3)]
    gc.collect()
    assert [kind() for kind in kinds] == [None] * 3


@needs_torch
def test_the_hint_for_read_only_memory_cures() -> None:
    x = bridge.view(block(), readonly=True)
    with pytest.raises(bridge.SharingError) as caught:
        bridge.to(x, "torch")
    (code,) = re.findall(r"call (numpy_bridge\..*?\))", caught.value.hint)
    assert bridge.shares_memory(eval(code, {"numpy_bridge": bridge, "x": x}), x)
    assert "pass copy=True" in caught.value.hint
    bridge.to(x, "torch", copy=True).zero_()


def test_no_library_is_imported_that_was_not_named() -> None:
    code = (
        "import sys, numpy as np, numpy_bridge as bridge; bridge.to(np.ones(3), np); "
        f"print(*sys.modules.keys() & set({[n for n in TARGETS if n != 'numpy']}))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []


# empty


@pytest.mark.parametrize("align", [1, 64, 4096])
def test_empty(align: int) -> None:
    view = bridge.empty((2, 3), "float64", align)
    assert view.ptr % align == 0
    assert (view.shape, view.dtype, view.readonly) == ((2, 3), "float64", False)
    array = bridge.to_numpy(view)
    array[...] = 3
    assert memoryview(view).tolist() == [[3.0] * 3] * 2
    assert bridge.empty(5, "int8").shape == (5,)
    assert bridge.empty((), "int8").nbytes == 1
    assert bridge.empty((0, 4), "int8").nbytes == 0


@needs_torch
def test_examples_of_docstrings() -> None:
    import torch

    for function in (bridge.to, bridge.empty):
        (test,) = doctest.DocTestFinder().find(function, globs={"np": np, "torch": torch, "bridge": bridge})
        assert test.examples
        assert doctest.DocTestRunner().run(test).failed == 0


@pytest.mark.parametrize("library", ["arrow", "jax", "tensorflow"])  # that of CuPy is run on a GPU
def test_examples_of_docstrings_of_other_libraries(library: str) -> None:
    function = getattr(bridge, f"to_{library}")
    (test,) = doctest.DocTestFinder().find(function, globs={"np": np, "bridge": bridge})
    assert len(test.examples) >= 4
    pytest.importorskip("pyarrow" if library == "arrow" else library, reason="the example has its arrays")
    assert doctest.DocTestRunner().run(test).failed == 0
