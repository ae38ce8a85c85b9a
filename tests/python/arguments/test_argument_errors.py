"""What a caller reads when a C++ function refuses an array, for every constraint."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from support import needs_ml_dtypes, needs_torch, readonly

try:
    import torch
except ImportError:
    torch = None

F32 = np.float32


def odd_strides() -> np.ndarray[Any, Any]:
    return np.zeros(3, [("x", F32), ("y", np.uint16)])["x"]


def beside_64(count: int) -> np.ndarray[Any, Any]:
    """An array that starts 4 bytes behind a multiple of 64."""
    block = np.zeros(count + 32, F32)
    first = (-block.ctypes.data % 64) // 4 + 1
    return block[first : first + count]


def ml_array(name: str) -> np.ndarray[Any, Any]:
    import ml_dtypes

    return np.zeros(3, getattr(ml_dtypes, name))


ASSIGN = "; assign it first, or the writes are lost: "

# function, argument, expected, got, remedy
ROWS: list[tuple[str, Callable[[], Any], str, str, str]] = [
    (
        "matrix",
        lambda: np.zeros((5, 2)),
        "float32, C-contiguous, 2-D, writable, CPU",
        "float64 (5, 2), a numpy.ndarray",
        ASSIGN + "x = x.astype(np.float32)",
    ),
    (
        "matrix",
        lambda: np.zeros((2, 5), F32).T,
        "float32, C-contiguous, 2-D, writable, CPU",
        "float32 (5, 2), strides (4, 20) bytes, a numpy.ndarray",
        ASSIGN + "x = np.ascontiguousarray(x)",
    ),
    (
        "matrix",
        lambda: np.zeros(5, F32),
        "float32, C-contiguous, 2-D, writable, CPU",
        "float32 (5,), a numpy.ndarray",
        ASSIGN + "x = x.reshape(...)",
    ),
    (
        "matrix",
        lambda: readonly(np.zeros((2, 5)).T),
        "float32, C-contiguous, 2-D, writable, CPU",
        "float64 (5, 2), strides (8, 40) bytes, read-only, a numpy.ndarray",
        ASSIGN + "x = x.astype(np.float32) and x = np.ascontiguousarray(x) and x = x.copy()",
    ),
    ("float32", lambda: np.zeros(3, ">f4"), "float32, CPU", ">f4 (3,)", "; call x.astype(np.float32)"),
    (
        "floats",
        lambda: np.zeros(3, "i4"),
        "float32 or float64, CPU",
        "int32 (3,)",
        "; call x.astype(np.float64)",
    ),
    ("float32", lambda: 3, "float32, CPU", "int", "; call np.asarray(x, np.float32)"),
    ("float32", lambda: np.float64(3), "float32, CPU", "numpy.float64", "; call np.asarray(x, np.float32)"),
    ("vector", lambda: [1, 2], "int64, 1-D, CPU", "list", "; call np.asarray(x, np.int64)"),
    ("anything", lambda: (1, 2), "any dtype, CPU", "tuple", "; call np.asarray(x)"),
    ("anything", lambda: "text", "any dtype, CPU", "str", ""),
    ("anything", lambda: None, "any dtype, CPU", "NoneType", ""),
    ("anything", object, "any dtype, CPU", "object, which supports no protocol for sharing memory", ""),
    (
        "points",
        lambda: np.zeros((5, 2), F32),
        "float32, shape (any, 3), CPU",
        "float32 (5, 2)",
        "; call x.reshape(...)",
    ),
    (
        "points",
        lambda: np.zeros(3, F32),
        "float32, shape (any, 3), CPU",
        "float32 (3,)",
        "; call x.reshape(...)",
    ),
    (
        "fortran",
        lambda: np.zeros((2, 3), F32),
        "float32, Fortran-contiguous, CPU",
        "float32 (2, 3), a numpy.ndarray",
        "; call np.asfortranarray(x)",
    ),
    (
        "gap_free",
        lambda: np.zeros((4, 3), F32)[::2],
        "float32, contiguous, CPU",
        "float32 (2, 3), strides (24, 4) bytes",
        "; call np.ascontiguousarray(x)",
    ),
    (
        "writable",
        lambda: np.lib.stride_tricks.as_strided(np.zeros(3, F32), (3, 2), (4, 4)),
        "float32, writable, CPU",
        "float32 (3, 2), strides (4, 4) bytes, with elements that share memory",
        ASSIGN + "x = x.copy()",
    ),
    (
        "writable",
        lambda: readonly(np.zeros(3, F32)),
        "float32, writable, CPU",
        "float32 (3,), read-only",
        ASSIGN + "x = x.copy()",
    ),
    (
        "on_cuda",
        lambda: np.zeros(3, F32),
        "float32, CUDA",
        "float32 (3,)",
        "; call torch.as_tensor(x).cuda()",
    ),
    (
        "aligned",
        lambda: beside_64(3),
        "float32, 64-byte aligned, CPU",
        "float32 (3,), misaligned",
        "; call torch.tensor(x)",
    ),
    (
        "float32",
        lambda: np.zeros(13, np.uint8)[1:].view(F32),
        "float32, CPU",
        "float32 (3,), misaligned",
        "; call x.copy()",
    ),
    ("float32", odd_strides, "float32, CPU", "float32 (3,), strides (6,) bytes", "; call x.copy()"),
    (
        "float32",
        lambda: bytes(8),
        "float32, CPU",
        "uint8 (8,), read-only, a bytes",
        "; call np.frombuffer(x, np.float32)",
    ),
    (
        "writable",
        lambda: memoryview(bytes(8)).cast("f"),
        "float32, writable, CPU",
        "float32 (2,), read-only, a memoryview",
        ASSIGN + "x = np.array(x)",
    ),
    (
        "shared",
        lambda: np.zeros(3),
        "float32, writable, CPU",
        "float64 (3,)",
        ASSIGN + "x = x.astype(np.float32)",
    ),
]
TENSOR_ROWS: list[tuple[str, Callable[[], Any], str, str, str]] = [
    (
        "matrix",
        lambda: torch.zeros(5, 2, dtype=torch.float64),
        "float32, C-contiguous, 2-D, writable, CPU",
        "float64 (5, 2), a torch.Tensor",
        ASSIGN + "x = x.to(torch.float32)",
    ),
    (
        "matrix",
        lambda: torch.zeros(2, 5).T,
        "float32, C-contiguous, 2-D, writable, CPU",
        "float32 (5, 2), strides (4, 20) bytes, a torch.Tensor",
        ASSIGN + "x = x.contiguous()",
    ),
    (
        "fortran",
        lambda: torch.zeros(2, 3),
        "float32, Fortran-contiguous, CPU",
        "float32 (2, 3), a torch.Tensor",
        "; call x.mT.contiguous().mT",
    ),
    ("on_cuda", lambda: torch.zeros(3), "float32, CUDA", "float32 (3,), a torch.Tensor", "; call x.cuda()"),
    (
        "aligned",
        lambda: torch.zeros(4)[1:],
        "float32, 64-byte aligned, CPU",
        "float32 (3,), misaligned, a torch.Tensor",
        "; call x.clone()",
    ),
    (
        "writable",
        lambda: torch.zeros(3, requires_grad=True),
        "float32, writable, CPU",
        "torch.Tensor: requires_grad = True",
        "; writes through an alias are invisible to autograd; share x.detach() if that is fine",
    ),
    (
        "float32",
        lambda: torch.zeros(3).to_sparse(),
        "float32, CPU",
        "torch.Tensor: is_sparse = True",
        "; share its parts, x.coalesce().indices() and x.coalesce().values(), "
        "or make a dense copy: x.to_dense()",
    ),
]


def _check(extension: ModuleType, row: tuple[str, Callable[[], Any], str, str, str]) -> None:
    function, make, expected, got, remedy = row
    with pytest.raises(TypeError) as caught:
        getattr(extension, function)(make())
    text = str(caught.value)
    assert text.startswith(f"{function}(): x: expected {expected}; got {got}")
    assert text.endswith(remedy)
    assert (";" in text.partition("; got ")[2]) == bool(remedy)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}-{row[3][:30]}")
def test_each_constraint_says_what_is_wrong(extension: ModuleType, row: Any) -> None:
    _check(extension, row)


@needs_torch
@pytest.mark.parametrize("row", TENSOR_ROWS, ids=lambda row: f"{row[0]}-{row[3][:30]}")
def test_each_constraint_in_torchs_words(extension: ModuleType, row: Any) -> None:
    _check(extension, row)


@needs_ml_dtypes
def test_dtypes_of_ml_dtypes_have_their_names(extension: ModuleType) -> None:
    _check(
        extension,
        (
            "float32",
            lambda: ml_array("bfloat16"),
            "float32, CPU",
            "bfloat16 (3,)",
            "; call x.astype(np.float32)",
        ),
    )


EVALUATED = [
    row for row in ROWS if row[4].startswith("; call") and "..." not in row[4] and "cuda" not in row[4]
]


@pytest.mark.parametrize("row", EVALUATED, ids=lambda row: f"{row[0]}-{row[3][:30]}")
def test_the_remedy_works(extension: ModuleType, row: Any) -> None:
    """Calls what the message says to call, one after another, and passes the result."""
    function, make, *_, remedy = row
    if "torch" in remedy and torch is None:
        pytest.skip("torch is not installed")
    x = make()
    for call in remedy.removeprefix("; call ").split(" and "):
        x = eval(call, {"np": np, "torch": torch, "x": x})
    getattr(extension, function)(x)


@needs_torch
@pytest.mark.parametrize(
    "row", [row for row in TENSOR_ROWS if row[4].startswith("; call") and "cuda" not in row[4]]
)
def test_the_remedy_works_for_tensors(extension: ModuleType, row: Any) -> None:
    function, make, *_, remedy = row
    getattr(extension, function)(eval(remedy.removeprefix("; call "), {"torch": torch, "x": make()}))
