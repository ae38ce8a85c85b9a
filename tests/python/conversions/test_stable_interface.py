"""The fast reading of tensors beside torch's stable C interface, which tells the same from torch 2.14 on."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any

import pytest

import numpy_bridge as bridge
from numpy_bridge.info import describe_fast_tensors
from support import is_torch, needs_torch, torch

pytestmark = [
    needs_torch,
    pytest.mark.skipif(
        torch is None or not is_torch("2.14"), reason="that interface takes Python's tensors from 2.14 on"
    ),
]


@pytest.fixture(scope="module")
def library() -> ctypes.PyDLL:
    return ctypes.PyDLL(str(Path(torch.__file__).parent / "lib/libtorch_cpu.so"))  # keeps the GIL


def stable_view(library: ctypes.PyDLL, tensor: Any) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    """Address, shape and strides in bytes, as the interface gives them."""
    handle, size = ctypes.c_void_p(), tensor.element_size()

    def ask(name: str, kind: Any) -> Any:
        answer = kind()
        assert getattr(library, name)(handle, ctypes.byref(answer)) == 0
        return answer

    assert library.torch_tensor_from_pyobject(ctypes.py_object(tensor), ctypes.byref(handle)) == 0
    try:
        ndim = ask("aoti_torch_get_dim", ctypes.c_int64).value
        shape, strides = (
            ask(name, ctypes.POINTER(ctypes.c_int64))[:ndim]
            for name in ("aoti_torch_get_sizes", "aoti_torch_get_strides")
        )
        address = ask("torch_get_const_data_ptr", ctypes.c_void_p).value
        return address, tuple(shape), tuple(size * stride for stride in strides)
    finally:
        library.aoti_torch_delete_tensor_object(handle)


@pytest.mark.parametrize("dtype", ["float32", "bool", "int64", "complex128", "bfloat16", "float8_e5m2"])
@pytest.mark.parametrize(
    "part",
    [
        lambda t: t,
        lambda t: t[1:, ::2],
        lambda t: t.t(),
        lambda t: t[2, 3],
        lambda t: t.expand(5, 4, 6),
        lambda t: torch.nn.Parameter(t, requires_grad=False),
    ],
    ids=["all", "strided", "transposed", "scalar", "expanded", "parameter"],
)
def test_both_read_the_same(library: ctypes.PyDLL, part: Any, dtype: str) -> None:
    tensor = part(torch.zeros(4, 6, dtype=getattr(torch, dtype)))
    view = bridge.view(tensor)
    assert (view.ptr, view.shape, view.strides) == stable_view(library, tensor)


def test_it_is_the_fast_reading_that_is_compared() -> None:
    bridge.view(torch.ones(1))
    assert describe_fast_tensors()["on"] or "NUMPY_BRIDGE_FAST_TENSORS" in os.environ
