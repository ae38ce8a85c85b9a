"""Arrays and tensors whose memory is not their values, or that have none: refused, with a hint."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge import _core
from support import in_child, needs_ml_dtypes, needs_torch, refused, torch

FUNCTIONS = {"view": bridge.view, "to_numpy": bridge.to_numpy}
each_function = pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)

# Tensors


def emptied() -> Any:
    tensor = torch.ones(4)
    tensor.untyped_storage().resize_(0)
    return tensor


def fake() -> Any:
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        return torch.ones(2)


def wrapper_subclass() -> Any:
    class Wrapper(torch.Tensor):
        @staticmethod
        def __new__(cls) -> Any:
            return torch.Tensor._make_wrapper_subclass(cls, (2,), dtype=torch.float32)

        @classmethod
        def __torch_dispatch__(cls, *arguments: Any, **keywords: Any) -> Any:
            raise NotImplementedError("this tensor does nothing")

    return Wrapper()


def masked() -> Any:
    from torch.masked import masked_tensor

    return masked_tensor(torch.ones(2), torch.tensor([True, False]))


def inside(transform: str) -> Any:
    """The tensor that a function sees inside vmap and the like, kept beyond it."""
    seen = []

    def function(tensor: Any) -> Any:
        seen.append(tensor)
        return tensor.sum()

    getattr(torch.func, transform)(function)(torch.ones(2, 3) if transform == "vmap" else torch.ones(3))
    return seen[0]


# How to make it, the field at fault (None where several are as good), and a part of the hint
TENSORS: dict[str, tuple[Callable[[], Any], str | None, str]] = {
    "requires_grad": (lambda: torch.ones(2, requires_grad=True), "requires_grad", "t.detach()"),
    "parameter": (lambda: torch.nn.Parameter(torch.ones(2)), "requires_grad", "t.detach()"),
    "result-with-grad": (lambda: torch.ones(2, requires_grad=True) * 2, "requires_grad", "t.detach()"),
    "neg": (lambda: torch.ones(2)._neg_view(), "is_neg", "t.resolve_neg()"),
    "conj": (lambda: torch.ones(2, dtype=torch.complex64).conj(), "is_conj", "t.resolve_conj()"),
    "conj-of-half": (lambda: torch.ones(2).to(torch.complex32).conj(), "is_conj", "t.resolve_conj()"),
    "imag-of-conj": (lambda: torch.ones(2, dtype=torch.complex64).conj().imag, "is_neg", "t.resolve_neg()"),
    "coo": (lambda: torch.eye(2).to_sparse(), "is_sparse", "t.coalesce().values()"),
    "csr": (lambda: torch.eye(2).to_sparse_csr(), "is_sparse_csr", "t.values()"),
    "csc": (lambda: torch.eye(2).to_sparse_csc(), None, "t.to_dense()"),
    "bsr": (lambda: torch.eye(2).to_sparse_bsr((1, 1)), None, "t.to_dense()"),
    "bsc": (lambda: torch.eye(2).to_sparse_bsc((1, 1)), None, "t.to_dense()"),
    "mkldnn": (lambda: torch.ones(2).to_mkldnn(), "is_mkldnn", "t.to_dense()"),
    "meta": (lambda: torch.ones(2, device="meta"), "is_meta", "device='cpu'"),
    "fake": (fake, "data", "no memory"),
    "nested": (
        lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
        "is_nested",
        "t.unbind()",
    ),
    "jagged": (
        lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=torch.jagged),
        "is_nested",
        "t.values() and t.offsets()",
    ),
    "quantized": (
        lambda: torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
        "is_quantized",
        "t.int_repr()",
    ),
    "emptied": (emptied, "data", "no memory"),
    "wrapper-subclass": (wrapper_subclass, "data", "no memory"),
    "masked": (masked, "data", "no memory"),
    "zero-tensor": (lambda: torch._efficientzerotensor((2,)), "data", "no memory"),
    "functionalized": (lambda: inside("functionalize"), "data", "no memory"),
    "vmap": (lambda: inside("vmap"), None, ""),
    "grad": (lambda: inside("grad"), None, ""),
    "bits": (lambda: torch.zeros(2, dtype=torch.uint8).view(torch.bits8), None, ""),
    "qint-bits": (lambda: torch.zeros(2, dtype=torch.uint8).view(torch.qint8), None, ""),
    "65-dim": (lambda: torch.ones((1,) * 65), "ndim", ""),
}

torch_warns = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")


@needs_torch
@torch_warns
@each_function
@pytest.mark.parametrize("name", TENSORS)
def test_tensor(name: str, function: Callable[[Any], Any]) -> None:
    make, field, hint = TENSORS[name]
    tensor = make()
    for time in ("first", "second"):
        with pytest.raises(bridge.SharingError) as caught:
            function(tensor)
        error = caught.value
        assert field in (None, error.field), time
        assert error.hint
        assert hint in error.hint
        assert "\n" not in str(error), "a stack trace of C++ is no reason"


@needs_torch
@pytest.mark.skipif(torch is None or not torch.distributed.is_available(), reason="no torch.distributed")
def test_distributed_tensors() -> None:
    """A DTensor has a shape and a device but no memory; its local part has."""

    def convert() -> None:
        import torch.distributed as dist
        from torch.distributed.tensor import distribute_tensor

        dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
        tensor = distribute_tensor(torch.ones(4), dist.device_mesh.init_device_mesh("cpu", (1,)))
        for function in FUNCTIONS.values():
            with refused("data", "torch", hint="share the real tensor"):
                function(tensor)
            np.asarray(function(tensor.to_local()))[0] = 50
            assert tensor.to_local()[0] == 50

    in_child(convert)


MEMORYLESS = ["meta", "fake", "emptied", "wrapper-subclass", "masked", "functionalized"]
NOT_STRIDED = ["mkldnn", "quantized", "coo", "csc", "nested"]


@needs_torch
@torch_warns
@pytest.mark.parametrize("copy", [True, None])
@pytest.mark.parametrize("name", MEMORYLESS + NOT_STRIDED)
def test_a_copy_of_it_is_refused_in_words(name: str, copy: bool | None) -> None:
    tensor = TENSORS[name][0]()

    def convert() -> None:
        with pytest.raises(bridge.SharingError) as caught:
            bridge.to_numpy(tensor, copy=copy)
        assert caught.value.hint

    in_child(convert)  # torch itself crashes on some of them


@needs_torch
def test_a_tensor_copy_of_a_tensor_without_memory_does_not_crash() -> None:
    def convert() -> None:
        with pytest.raises(bridge.SharingError):
            bridge.to_torch(emptied(), copy=True)

    in_child(convert)


@needs_torch
def test_memoryless_tensors_without_elements_are_shareable() -> None:
    """A NULL pointer is fine where there is nothing to point to."""
    for tensor in (torch.empty(0), torch.empty(3, 0, 2), torch.ones(4)[:0], torch.ones(4)[4:]):
        assert bridge.to_numpy(tensor).shape == tuple(tensor.shape)
        assert np.asarray(bridge.view(tensor)).shape == tuple(tensor.shape)


@needs_torch
@each_function
@pytest.mark.parametrize("mode", ["TorchFunctionMode", "TorchDispatchMode"])
def test_modes_of_torch_are_refused_or_work(mode: str, function: Callable[[Any], Any]) -> None:
    """Whatever a mode does to torch's functions, the answer is the values or a SharingError."""
    from torch.overrides import TorchFunctionMode
    from torch.utils._python_dispatch import TorchDispatchMode

    def refuse(*arguments: Any, **keywords: Any) -> Any:
        raise RuntimeError("not in this mode")

    base = {"TorchFunctionMode": TorchFunctionMode, "TorchDispatchMode": TorchDispatchMode}[mode]
    body = {"__torch_function__": refuse, "__torch_dispatch__": refuse}
    tensor = torch.ones(2)
    with type("Mode", (base,), body)():
        try:
            shared = function(tensor)
        except bridge.SharingError as error:
            shared = error
    assert isinstance(shared, bridge.SharingError) or np.asarray(shared).tolist() == [1, 1]


# Arrays


ARRAYS: dict[str, tuple[Callable[[], Any], str, str]] = {
    "structured": (lambda: np.zeros(2, "i4,f4"), "dtype", "x['f0']"),
    "void": (lambda: np.zeros(2, "V4"), "dtype", "x.view('u1')"),
    "record": (lambda: np.zeros(2, "i4,f4").view(np.recarray), "dtype", "x['f0']"),
    "datetime": (lambda: np.zeros(2, "M8[s]"), "dtype", "x.view('i8')"),
    "timedelta": (lambda: np.zeros(2, "m8[s]"), "dtype", "x.view('i8')"),
    "text": (lambda: np.zeros(2, "U3"), "dtype", "x.view('u4')"),
    "bytes": (lambda: np.zeros(2, "S3"), "dtype", "x.view('u1')"),
    "object": (lambda: np.array([None, 1]), "dtype", "convert them to numbers first"),
    "longdouble": (lambda: np.zeros(2, np.longdouble), "dtype", "x.astype('float64')"),
    "clongdouble": (lambda: np.zeros(2, np.clongdouble), "dtype", "complex128"),
    "masked": (lambda: np.ma.masked_array([1, 2], [0, 1]), "type", "x.filled()"),
    "masked-without-mask": (lambda: np.ma.array([1.0]), "type", "x.data"),
    "swapped-datetime": (lambda: np.zeros(2, ">M8[s]"), "dtype", "x.view('i8')"),
}


@pytest.mark.parametrize("function", [_core.values_of, pytest.param(bridge.to_torch, marks=needs_torch)])
@pytest.mark.parametrize("name", ARRAYS)
def test_array(name: str, function: Callable[[Any], Any]) -> None:
    make, field, hint = ARRAYS[name]
    array = make()
    with refused(field, "NumPy", hint=hint):
        function(array)


@pytest.mark.parametrize("copy", [False, None, True])
def test_masked_arrays_never_lose_their_mask(copy: bool | None) -> None:
    with refused("type", "NumPy", hint="x.filled()"):
        bridge.to_numpy(np.ma.masked_array([1, 2], [0, 1]), copy=copy)


@needs_torch
@pytest.mark.parametrize("copy", [None, True])
@pytest.mark.parametrize("name", ARRAYS)
def test_what_is_no_number_cannot_be_copied_to_torch(name: str, copy: bool | None) -> None:
    with refused(ARRAYS[name][1], hint=None):
        bridge.to_torch(ARRAYS[name][0](), copy=copy)


@needs_ml_dtypes
@pytest.mark.parametrize("name", ["int4", "uint4", "float4_e2m1fn", "float6_e2m3fn"])
def test_dtypes_narrower_than_a_byte(name: str) -> None:
    import ml_dtypes

    with refused("dtype", "NumPy", hint="x.view('u1')"):
        bridge.view(np.zeros(2, getattr(ml_dtypes, name)))


@pytest.mark.parametrize("name", ["structured", "void", "datetime", "timedelta", "text", "bytes"])
def test_hints_for_arrays_work(name: str) -> None:
    hints = {
        "structured": lambda x: x["f0"],
        "datetime": lambda x: x.view("i8"),
        "text": lambda x: x.view("u4"),
    }
    array = ARRAYS[name][0]()
    shared = bridge.view(hints.get(name, lambda x: x.view("i8" if name == "timedelta" else "u1"))(array))
    np.asarray(shared)[0] = 1
    assert array.tobytes() != bytes(array.nbytes)


# Buffers


class Structure(ctypes.Structure):
    _fields_ = (("a", ctypes.c_int),)


BUFFERS: dict[str, tuple[Callable[[], Any], str]] = {
    "characters": (lambda: (ctypes.c_char * 3)(), "np.frombuffer(x, 'u1')"),
    "wide characters": (lambda: (ctypes.c_wchar * 3)(), "np.frombuffer(x, 'u1')"),
    "cast to characters": (lambda: memoryview(b"abc").cast("c"), "np.frombuffer(x, 'u1')"),
    "pointers": (lambda: (ctypes.POINTER(ctypes.c_int) * 2)(), "np.frombuffer(x, 'u1')"),
    "void pointers": (lambda: (ctypes.c_void_p * 2)(), "np.frombuffer(x, 'u1')"),
    "structure": (
        lambda: (type("S", (ctypes.Structure,), {"_fields_": [("a", ctypes.c_int)]}) * 2)(),
        "dtype",
    ),
    "long double": (lambda: (ctypes.c_longdouble * 2)(), "float64"),
    "objects": (lambda: (ctypes.py_object * 2)(1, 2), "convert them to numbers first"),
    "structured array": (lambda: memoryview(np.zeros(2, "i4,f4")), "np.asarray(x)['f0']"),
}


@pytest.mark.parametrize("function", [_core.values_of, pytest.param(bridge.to_torch, marks=needs_torch)])
@pytest.mark.parametrize("name", BUFFERS)
def test_buffer(name: str, function: Callable[[Any], Any]) -> None:
    make, hint = BUFFERS[name]
    with refused("format", "buffer", hint=hint):
        function(make())


@pytest.mark.parametrize("name", [name for name, (_, hint) in BUFFERS.items() if "frombuffer" in hint])
def test_hints_for_buffers_work(name: str) -> None:
    block = BUFFERS[name][0]()
    assert bridge.to_numpy(np.frombuffer(block, "u1")).tobytes() == memoryview(block).tobytes()
