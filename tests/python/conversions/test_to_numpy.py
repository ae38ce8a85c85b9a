"""to_numpy: shared with whoever made the memory, or refused, or copied on request."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge import to_numpy
from producers import (
    PRODUCERS,
    READONLY_PRODUCERS,
    Legacy,
    Versioned,
    shared_memory,
)
from support import (
    ARRAY_DTYPES,
    BACKWARD,
    FORWARD,
    LAYOUTS,
    TENSOR_LAYOUTS,
    TORCH_DTYPES,
    assert_aliases,
    assert_independent,
    base_array,
    base_tensor,
    dtype_layouts,
    dtype_named,
    ml_dtypes,
    needs_float8,
    needs_ml_dtypes,
    needs_torch,
    peek,
    refused,
    torch,
)

SOME_DTYPES: list[Any] = ["float64", "int16", pytest.param("bfloat16", marks=needs_ml_dtypes)]
DETACHED_VALUES: dict[str, Callable[[], Any]] = {
    "requires_grad": lambda: torch.tensor([1.0, 2.0], requires_grad=True),
    "is_neg": lambda: torch.tensor([-1.0, -2.0])._neg_view(),
    "is_conj": lambda: torch.tensor([1 - 2j, 2 + 1j]).conj(),
    "imag-of-conj": lambda: torch.tensor([1 - 1j, 2 - 2j]).conj().imag,
}


# Shared


def test_an_array_is_returned_as_it_is() -> None:
    kinds: dict[str, Any] = {
        "float64": base_array(),
        "readonly": np.broadcast_to(np.ones(1), (3,)),
        "swapped": np.ones(2, ">f4"),
        "structured": np.zeros(2, "i4,f4"),
        "object": np.array([None]),
        "datetime": np.zeros(2, "M8[s]"),
    }
    for kind, array in kinds.items():
        assert to_numpy(array) is array, kind
        assert to_numpy(array, copy=None) is array, kind


@needs_torch
@pytest.mark.parametrize("layout", TENSOR_LAYOUTS)
@pytest.mark.parametrize("name", TORCH_DTYPES)
def test_tensor(name: str, layout: str) -> None:
    tensor = TENSOR_LAYOUTS[layout](base_tensor(name))
    for time in ("first", "pinned"):
        array = to_numpy(tensor)
        assert type(array) is np.ndarray, time
        assert array.dtype == dtype_named(name)
        assert array.shape == tuple(tensor.shape)
        assert array.flags.writeable
        assert_aliases(tensor, array)


@needs_torch
@needs_ml_dtypes
@pytest.mark.skipif(not hasattr(ml_dtypes, "complex32"), reason="this ml_dtypes has no complex32")
@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")
def test_complex32_tensor() -> None:
    tensor = torch.tensor([1 + 2j, 4 + 0j]).to(torch.complex32)
    assert_aliases(tensor, to_numpy(tensor))


@needs_torch
@pytest.mark.parametrize("kind", ["subclass", "parameter", "inference", "from numpy"])
def test_other_kinds_of_tensors(kind: str) -> None:
    with torch.inference_mode(kind == "inference"):
        tensor = base_tensor()
    if kind == "subclass":
        tensor = tensor.as_subclass(type("Sub", (torch.Tensor,), {}))
    elif kind == "parameter":
        tensor = torch.nn.Parameter(tensor, requires_grad=False)
    elif kind == "from numpy":
        tensor = torch.from_numpy(base_array())
    with torch.inference_mode(kind == "inference"):
        assert_aliases(tensor, to_numpy(tensor))


@needs_torch
@pytest.mark.parametrize("function", [bridge.view, to_numpy])
@pytest.mark.parametrize("name", ["float64", pytest.param("bfloat16", marks=needs_ml_dtypes)])
def test_default_device_of_torch_does_not_matter(name: str, function: Callable[[Any], Any]) -> None:
    tensor = base_tensor(name)
    with torch.device("meta"):  # as torch.set_default_device("cuda") does
        shared = function(tensor)
    assert_aliases(tensor, shared)


@pytest.mark.parametrize("name", PRODUCERS)
def test_producer(name: str) -> None:
    producer = PRODUCERS[name]()
    array = to_numpy(producer)
    assert array.tolist() == list(range(8))
    assert array.flags.writeable
    assert_aliases(producer, array)


def test_shared_memory() -> None:
    with shared_memory() as block:
        block.buf[:] = bytes(range(8))
        assert_aliases(block.buf, to_numpy(block.buf))


@pytest.mark.parametrize("name", READONLY_PRODUCERS)
def test_readonly_stays_readonly(name: str) -> None:
    array = to_numpy(READONLY_PRODUCERS[name]())
    assert array.tolist() == list(range(8))
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        array.flags.writeable = True


def test_readonly_mapping(tmp_path: Any) -> None:
    path = tmp_path / "block"
    path.write_bytes(bytes(range(8)))
    array = to_numpy(np.memmap(path, mode="r"))
    assert array.tolist() == list(range(8))
    assert not array.flags.writeable


@pytest.mark.parametrize(("name", "layout"), dtype_layouts(ARRAY_DTYPES, LAYOUTS))
def test_view_of_array(name: str, layout: str) -> None:
    array = LAYOUTS[layout](base_array(name))
    shared = to_numpy(bridge.view(array))
    assert (shared.dtype, shared.shape) == (array.dtype, array.shape)
    assert_aliases(array, shared)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["float64", "int16", "complex64"])
def test_memoryview_of_array(name: str, layout: str) -> None:
    array = LAYOUTS[layout](base_array(name))
    shared = to_numpy(memoryview(array))
    assert (shared.dtype, shared.shape) == (array.dtype, array.shape)
    assert_aliases(array, shared)


@pytest.mark.parametrize("producer", [Legacy, Versioned])
@pytest.mark.parametrize("layout", [*FORWARD, *BACKWARD])
def test_dlpack_of_array(producer: type[Legacy], layout: str) -> None:
    array = LAYOUTS[layout](base_array("float32"))
    assert_aliases(array, to_numpy(producer(array)))


@needs_ml_dtypes
def test_swapped_values_of_extension_dtypes_are_not_misread() -> None:
    array = base_array("bfloat16")
    foreign = array.view(array.dtype.newbyteorder())
    try:
        shared = to_numpy(bridge.view(foreign))
    except bridge.SharingError:
        return
    assert shared.astype("f4").tolist() == foreign.astype("f4").tolist()


# Copied


@pytest.mark.parametrize(("name", "layout"), dtype_layouts(SOME_DTYPES, LAYOUTS))
def test_copy_of_array(name: str, layout: str) -> None:
    array = LAYOUTS[layout](base_array(name))
    for source in (array, bridge.view(array), bridge.view(array, readonly=True)):
        copy = to_numpy(source, copy=True)
        assert copy.dtype == array.dtype
        assert copy.flags.writeable
        assert_independent(array, copy)


@pytest.mark.parametrize("name", {**PRODUCERS, **READONLY_PRODUCERS})
def test_copy_of_producer(name: str) -> None:
    producer = {**PRODUCERS, **READONLY_PRODUCERS}[name]()
    copy = to_numpy(producer, copy=True)
    assert copy.tolist() == list(range(8))
    copy[:] = 9
    assert to_numpy(producer).tolist() == list(range(8))


@needs_torch
@pytest.mark.parametrize("layout", TENSOR_LAYOUTS)
@pytest.mark.parametrize("name", TORCH_DTYPES)
def test_copy_of_tensor(name: str, layout: str) -> None:
    tensor = TENSOR_LAYOUTS[layout](base_tensor(name))
    assert_independent(tensor, to_numpy(tensor, copy=True))


@needs_torch
@pytest.mark.parametrize("copy", [True, None])
@pytest.mark.parametrize("kind", DETACHED_VALUES)
def test_copy_has_the_values_of_the_tensor(kind: str, copy: bool | None) -> None:
    tensor = DETACHED_VALUES[kind]()
    array = to_numpy(tensor, copy=copy)
    assert array.tolist() == tensor.detach().tolist()
    array[:] = 5
    assert 5 not in tensor.detach().tolist()


@pytest.mark.parametrize("name", {**PRODUCERS, **READONLY_PRODUCERS})
def test_copy_if_needed_shares_where_it_can(name: str) -> None:
    producer = {**PRODUCERS, **READONLY_PRODUCERS}[name]()
    shared, again = to_numpy(producer, copy=None), to_numpy(producer)
    assert shared.flags.writeable == again.flags.writeable
    if shared.flags.writeable:
        assert_aliases(shared, again)
    else:
        assert bridge.shares_memory(shared, again)


@needs_torch
def test_copy_if_needed_shares_tensors() -> None:
    tensor = base_tensor()
    assert_aliases(tensor, to_numpy(tensor, copy=None))


# Refused


@needs_torch
@pytest.mark.parametrize(
    ("kind", "field", "hint"),
    [
        ("requires_grad", "requires_grad", "t.detach()"),
        ("is_neg", "is_neg", "t.resolve_neg()"),
        ("is_conj", "is_conj", "t.resolve_conj()"),
        ("imag-of-conj", "is_neg", "t.resolve_neg()"),
    ],
)
def test_tensors_whose_memory_is_not_their_values_are_refused(kind: str, field: str, hint: str) -> None:
    tensor = DETACHED_VALUES[kind]()
    for time in ("first", "storage pinned"):
        with refused(field, "torch", hint=hint):
            to_numpy(tensor)
        assert tensor.detach().tolist() == DETACHED_VALUES[kind]().detach().tolist(), time


@needs_torch
@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "float8_e8m0fnu"])
def test_without_ml_dtypes_the_hint_says_what_to_install(monkeypatch: Any, name: str) -> None:
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    tensor = torch.tensor([1.0, 2.0]).to(getattr(torch, name))
    for copy in (False, None, True):
        with refused("dtype", "NumPy", hint="pip install 'numpy-bridge[ml-dtypes]'"):
            to_numpy(tensor, copy=copy)
    assert bridge.view(tensor).dtype == name
    assert peek(to_numpy(torch.ones(2))) == [1, 1]


@needs_torch
@needs_float8
def test_dtype_that_only_torch_has() -> None:
    tensor = torch.zeros(2, dtype=torch.uint8).view(torch.float4_e2m1fn_x2)
    with refused("dtype", "NumPy", hint="t.view(torch.uint8)"):
        to_numpy(tensor)
    assert bridge.view(tensor).dtype == "float4_e2m1fn_x2"


@pytest.mark.parametrize("x", [None, 1, 1.5, "text", [1.0, 2.0], (1,), {1}, object(), np])
@pytest.mark.parametrize("copy", [False, None, True])
def test_without_memory_it_is_a_type_error(x: object, copy: bool | None) -> None:
    with pytest.raises(TypeError, match="has no memory to share"):
        to_numpy(x, copy=copy)


@pytest.mark.parametrize("x", [np.ndarray, bridge.View, Versioned], ids=lambda x: x.__name__)
def test_a_class_of_arrays_is_no_array(x: type) -> None:
    with pytest.raises(TypeError, match="has no memory to share"):
        to_numpy(x)


@pytest.mark.parametrize("x", [[1.0], (1,), 1, 1.5])
def test_values_without_memory_get_a_hint(x: object) -> None:
    with pytest.raises(TypeError, match=r"numpy\.asarray"):
        to_numpy(x)


@pytest.mark.parametrize("call", [lambda f: f(), lambda f: f(b"", True), lambda f: f(b"", order="C")])
def test_wrong_arguments(call: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match="to_numpy"):
        call(to_numpy)


def test_nothing_warns() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for make in {**PRODUCERS, **READONLY_PRODUCERS}.values():
            to_numpy(make())
            to_numpy(make(), copy=True)


def test_a_copy_while_another_thread_imports_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", ModuleType("torch"))
    array = np.ones(3)
    copy = to_numpy(array, copy=True)
    array[0] = 2
    assert copy.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("dtype", "before", "after"),
    [("M8[D]", "2026-11-25", "1970-01-01"), (object, "a", "b"), ("U1", "a", "b")],
)
def test_arrays_of_any_dtype_are_copied_as_they_are_shared(dtype: Any, before: str, after: str) -> None:
    array = np.array([before], dtype)
    assert to_numpy(array) is array
    copy = to_numpy(array, copy=True)
    array[0] = after
    assert copy.dtype == array.dtype
    assert str(copy[0]) == before
