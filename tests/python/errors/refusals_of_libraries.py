"""Every text with which NumPy's and torch's side refuses, and what provokes it. See `refusals.py`."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

import numpy_bridge as bridge
from numpy_bridge import _core, from_pointer, view
from support import base_array, byte_swapped, torch, with_odd_strides

values_of = _core.values_of
"""As `view`, but for numbers only."""


def exchange_of_torch() -> Any:
    """A type that claims torch's exchange API for objects that are no tensors."""
    return type("Claims", (), {"__dlpack_c_exchange_api__": torch.Tensor.__dlpack_c_exchange_api__})()


def emptied() -> Any:
    tensor = torch.ones(4)
    tensor.untyped_storage().resize_(0)
    return tensor


def cut() -> Any:
    tensor = torch.ones(4)
    tensor.untyped_storage().resize_(8)
    return tensor


def of_vmap() -> Any:
    seen: list[Any] = []
    torch.func.vmap(lambda tensor: seen.append(tensor) or tensor)(torch.ones(2, 3))
    return seen[0]


def foreign_bfloat16() -> np.ndarray:
    array = base_array("bfloat16")
    return array.view(array.dtype.newbyteorder())


def cuda() -> bridge.View:
    return from_pointer(4096, (2,), "f4", device="cuda:0")


def of_tensorflow(dtype: str) -> Any:
    """A tensor that ends the process, as TensorFlow's do, if it is asked for its memory."""
    attributes = {
        "__module__": "tensorflow.python.framework.ops",
        "__dlpack__": lambda self, **_: os.abort(),
        "dtype": SimpleNamespace(name=dtype),
    }
    return type("EagerTensor", (), attributes)()


REFUSALS_NUMPY: list[tuple[Callable[[], Any], str]] = [
    (
        lambda: bridge.to_numpy(bridge.from_pointer(8, (0, 2**62), "f8", strides=(8, 8))),
        "NumPy: array: expected an array that NumPy can make, got ValueError: ...",
    ),
    (
        lambda: bridge.to_numpy(cuda()),
        "NumPy: device: expected memory on the host, got cuda:0; "
        "let its own library copy it to the host first",
    ),
    (
        lambda: view(np.ma.masked_array([1], [0])),
        "NumPy: type: expected an array without a mask, got a masked array; "
        "share its data, x.data, or fill the gaps, x.filled()",
    ),
    (
        lambda: values_of(np.zeros(1, "M8[s]")),
        "NumPy: dtype: expected a supported number dtype, got datetime64[s]; "
        "share the counts behind the times: x.view('i8')",
    ),
    (
        lambda: values_of(np.zeros(1, "V4")),
        "NumPy: dtype: ...; share the bytes: x.view('u1')",
    ),
    (
        lambda: values_of(np.zeros(1, "i4,f4")),
        "NumPy: dtype: ...; share one field at a time, x['f0'], or the bytes, x.view('u1')",
    ),
    (lambda: view(np.zeros(1, "i4,O")), "NumPy: dtype: ...; share one field at a time, x['f0']"),
    (
        lambda: values_of(np.zeros((), "i4,f4")),
        "NumPy: dtype: ...; ..., or the bytes, np.atleast_1d(x).view('u1')",
    ),
    (
        lambda: values_of(np.zeros(4, "U4")[::2]),
        "NumPy: dtype: ..., got <U4; "
        "convert text to numbers, or share its code points: np.ascontiguousarray(x).view('u4')",
    ),
    (
        lambda: values_of(np.array(["1.5"])),
        "NumPy: dtype: ..., got <U3; "
        "convert text to numbers, e.g. x.astype(float), or share its code points: x.view('u4')",
    ),
    (lambda: values_of(np.zeros(1, "S4")), "NumPy: dtype: ..., got |S4; share the bytes: x.view('u1')"),
    (
        lambda: values_of(np.zeros(1, "g")),
        "NumPy: dtype: ...; long double differs between platforms; convert with x.astype('float64') "
        "or 'complex128'",
    ),
    (
        lambda: view(of_tensorflow("string")),
        "DLPack: dtype: expected numbers in one block of memory, got string; TensorFlow aborts the process "
        "when asked for the memory of such a tensor; take its values: x.numpy()",
    ),
    (lambda: view(of_tensorflow("resource")), "DLPack: dtype: ..., got resource; ..."),
    (lambda: view(of_tensorflow("variant")), "DLPack: dtype: ..., got variant; ..."),
    (
        lambda: view(np.zeros(1, "O")),
        "NumPy: dtype: ..., got object; the elements are Python objects, such as mixed or "
        "missing values; convert them to numbers first, e.g. x.astype(float)",
    ),
]
REFUSALS_ML_DTYPES: list[tuple[Callable[[], Any], str]] = [
    (
        lambda: bridge.to_numpy(from_pointer(4096, (2,), "float4_e2m1fn_x2")),
        "NumPy: dtype: expected a dtype that NumPy or ml_dtypes has, got float4_e2m1fn_x2; "
        "share its bytes as uint8",
    ),
    (
        lambda: bridge.to_numpy(view(foreign_bfloat16())),
        "NumPy: byte order: expected the machine's own byte order for bfloat16, got the other one; "
        "swap the bytes first: x.view('u2').byteswap()",
    ),
]
REFUSALS_TORCH: list[tuple[Callable[[], Any], str]] = [
    (
        lambda: bridge.to_torch(b"ab"),
        "torch: readonly: expected writable memory, as a tensor can always be written to, got read-only "
        "memory; "
        "pass copy=True for a writable copy, or allow_readonly=True to share it and never write to it; "
        "memory of pandas, polars, JAX and np.load(..., mmap_mode='r') is read-only",
    ),
    (
        lambda: bridge.to_torch(from_pointer(4096, (2,), "float8_e3m4")),
        "torch: dtype: expected a dtype that this torch supports, got float8_e3m4; share its bytes as uint8",
    ),
    (
        lambda: bridge.to_torch(from_pointer(4096, (2,), "f4", device="vpi:1")),
        "torch: device: expected a device that this torch supports, got vpi:1; ...",
    ),
    (
        lambda: bridge.to_torch(from_pointer(4096, (2,), "f4", device="opencl:0")),
        "torch: device: expected a device that this torch supports, got opencl:0; "
        "let its own library copy it to the host first",
    ),
    (
        lambda: bridge.to_torch(byte_swapped(np.zeros(2))),
        "torch: byte order: expected the machine's own byte order, got >f8; ...",
    ),
    (
        lambda: bridge.to_torch(np.zeros(2)[::-1]),
        "torch: strides: expected strides of 0 or more, got (-8,) bytes; ...",
    ),
    (
        lambda: bridge.to_torch(with_odd_strides(np.zeros(5))),
        "torch: strides: expected strides that are multiples of the itemsize 8, got (9,) bytes; ...",
    ),
    (
        lambda: view(exchange_of_torch()),
        "DLPack: exchange API: expected a tensor, got ...",
    ),
    (
        lambda: view(cut()),
        "torch: storage: expected a storage with room for shape (4,), got 8 bytes; "
        "a resize_ that failed has left a wrong shape on this tensor; make a new one",
    ),
    (
        lambda: view(emptied()),
        "torch: data: expected a pointer to memory, got NULL for a torch.Tensor of shape (4,); "
        "fake, functional, wrapped and emptied tensors have a shape but no memory; share the real tensor",
    ),
    (
        lambda: view(torch.zeros(1, dtype=torch.uint8).view(torch.bits8)),
        "torch: dtype: expected a supported number dtype, got torch.bits8; "
        "share its bytes: t.view(torch.uint8)",
    ),
    (
        lambda: view(of_vmap()),
        "torch: memory: expected a strided tensor of numbers with memory of its own, got torch.Tensor: ...; "
        "share the tensor itself, not the wrapper that vmap or grad made of it",
    ),
    (
        lambda: view(torch.eye(2).to_sparse_csc()),
        "torch: layout: expected torch.strided, got torch.sparse_csc; make a dense copy: t.to_dense()",
    ),
    (
        lambda: view(torch.ones(1, device="meta")),
        "torch: is_meta: expected a tensor with memory, got is_meta = True; "
        "a meta tensor has a shape but no values; make a real, uninitialised one: torch.empty_like(t, "
        "device='cpu')",
    ),
    (
        lambda: view(torch.eye(2).to_sparse()),
        "torch: is_sparse: expected a strided tensor, got is_sparse = True; "
        "share its parts, t.coalesce().indices() and t.coalesce().values(), "
        "or make a dense copy: t.to_dense()",
    ),
    (
        lambda: view(torch.eye(2).to_sparse_csr()),
        "torch: is_sparse_csr: expected a strided tensor, got is_sparse_csr = True; "
        "share its parts, t.values() and its indices, or make a dense copy: t.to_dense()",
    ),
    (
        lambda: view(torch.ones(2).to_mkldnn()),
        "torch: is_mkldnn: expected a strided tensor, got is_mkldnn = True; make a dense copy: t.to_dense()",
    ),
    (
        lambda: view(torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])),
        "torch: is_nested: expected a strided tensor, got is_nested = True; "
        "share its components one by one: t.unbind()",
    ),
    (
        lambda: view(torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=torch.jagged)),
        "torch: is_nested: expected a strided tensor, got is_nested = True; "
        "share its parts: t.values() and t.offsets()",
    ),
    (
        lambda: view(torch.nn.LazyLinear(3).weight),
        "torch: type: expected a tensor with a shape, got a torch.nn.parameter.UninitializedParameter; "
        "call its module once, which gives it a shape and memory",
    ),
    (
        lambda: bridge.to_torch(from_pointer(4096, (2,), "f4", device="cuda:200")),
        "torch: device: expected a device index of 0 to 127, got cuda:200",
    ),
    (
        lambda: view(torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)),
        "torch: is_quantized: expected a tensor of plain numbers, got is_quantized = True; "
        "share the stored integers, t.int_repr(), or make a float copy: t.dequantize()",
    ),
    (
        lambda: view(torch.ones(2, requires_grad=True)),
        "torch: requires_grad: expected a tensor that does not require grad, got requires_grad = True; "
        "writes through an alias are invisible to autograd; share t.detach() if that is fine",
    ),
    (
        lambda: view(torch.ones(2)._neg_view()),
        "torch: is_neg: expected a tensor without the negative bit, got is_neg = True; "
        "its memory holds the negated values; make a copy: t.resolve_neg()",
    ),
    (
        lambda: view(torch.ones(2, dtype=torch.complex64).conj()),
        "torch: is_conj: expected a tensor without the conjugate bit, got is_conj = True; "
        "its memory holds the conjugated values; make a copy: t.resolve_conj()",
    ),
]
