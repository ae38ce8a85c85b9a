"""What an audit says of each watched call, and the truth: written through one side, read from the other."""

from __future__ import annotations

import array
import mmap
import warnings
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge.auditing.judging.calls import CALLS

torch = pytest.importorskip("torch", reason="most watched calls are torch's")

NAMES = {"np": np, "torch": torch, "bridge": bridge, "array": array, "mmap": mmap}

A8, A4, T4 = "np.ones((4, 3))", "np.ones((4, 3), np.float32)", "torch.ones(4, 3)"
READ_ONLY = "np.frombuffer(bytes(8), np.float32)"
GRAD = "torch.ones(4, 3, requires_grad=True)"
FLOATS = "array.array('f', [1, 2])"

SAME, ITSELF = "the same memory", "the argument itself is returned"
TO_TORCH, TO_NUMPY = "bridge.to_torch(x)", "bridge.to_numpy(x)"
TENSOR = "torch.tensor always copies"
TO_F4 = "the dtype changes from float64 to float32"
TO_F8 = "the dtype changes from float32 to float64"
ARRAY = "np.array copies unless it is told not to"
ROWS = "the result is contiguous, the source is not"
OBJECTS = "Python objects are not a block of memory: their values are converted"
NEGATED = "force=True asks for it; NumPy has no negation bit"
SWAPPED = "torch has the machine's byte order only"
NUMBER = "a number is a value, not a block of memory"
SEVERAL = "several arrays are no one block of memory: they are put together"
AS_F4 = " with x created as float32"
AS_F8 = " with x created as float64"

DTYPES = [
    *(("double", "float64"), ("half", "float16"), ("bfloat16", "bfloat16"), ("cdouble", "complex128")),
    *(("cfloat", "complex64"), ("long", "int64"), ("int", "int32"), ("short", "int16"), ("char", "int8")),
    *(("byte", "uint8"), ("bool", "bool")),
]

SHARED = [
    # x, call, reason
    (A8, "torch.as_tensor(x)", SAME),
    (A8, "torch.as_tensor(data=x)", SAME),
    (A8, "torch.as_tensor(x, dtype=torch.float64, device='cpu')", SAME),
    (A8, "torch.asarray(x)", SAME),
    (A8, "torch.from_numpy(x)", SAME),
    (A8, "torch.from_dlpack(x)", SAME),
    (A8, "torch.utils.dlpack.from_dlpack(x)", SAME),
    (A4, "torch.Tensor(x)", SAME),
    (A4, "torch.FloatTensor(x)", SAME),
    ("np.ones(3, np.int64)", "torch.LongTensor(x)", SAME),
    ("np.ones(3, np.int32)", "torch.IntTensor(x)", SAME),
    ("bytearray(8)", "torch.frombuffer(x, dtype=torch.uint8)", SAME),
    ("bytearray(8)", "torch.frombuffer(x, dtype=torch.float32)", "its bytes are read as float32"),
    ("bytearray(8)", "torch.asarray(x, dtype=torch.float32)", "its bytes are read as float32"),
    ("mmap.mmap(-1, 8)", "torch.frombuffer(x, dtype=torch.uint8)", SAME),
    (READ_ONLY, "torch.from_numpy(x)", SAME),
    (A8, "bridge.to_torch(x)", SAME),
    (A8, "bridge.view(x)", SAME),
    (T4, "x.numpy()", SAME),
    (T4, "torch.Tensor.numpy(x)", SAME),
    (GRAD, "x.detach().numpy()", SAME),
    (GRAD, "x.numpy(force=True)", SAME),
    (T4, "x.t().numpy()", SAME),
    (T4, "np.asarray(x)", SAME),
    (T4, "np.asarray(a=x)", SAME),
    (T4, "np.asanyarray(x)", SAME),
    (T4, "np.ascontiguousarray(x)", SAME),
    (T4, "np.array(x, copy=None)", SAME),
    (T4, "np.from_dlpack(x)", SAME),
    (T4, "x.__array__()", SAME),
    (T4, "bridge.to_numpy(x)", SAME),
    ("bytearray(8)", "np.frombuffer(x, np.uint8)", SAME),
    ("bytearray(8)", "np.asarray(x)", SAME),
    ("bytearray(8)", "bridge.to_torch(x)", SAME),
    (T4, "torch.as_tensor(x)", ITSELF),
    (T4, "x.contiguous()", ITSELF),
    (T4, "x.to('cpu')", ITSELF),
    (T4, "x.to(torch.float32)", ITSELF),
    (T4, "x.cpu()", ITSELF),
    (A8, "np.asarray(x)", ITSELF),
    ("np.memmap('/dev/zero', mode='c', shape=8)", "np.asarray(x)", SAME),
]

COPIED = [
    # x, call, reason, what shares, whether the copy was asked for
    (A8, "torch.tensor(x)", TENSOR, TO_TORCH, False),
    (A8, "torch.tensor(data=x)", TENSOR, TO_TORCH, False),
    (A8, "torch.tensor(x, dtype=torch.float32)", f"{TO_F4}; {TENSOR}", TO_TORCH + AS_F4, False),
    (READ_ONLY, "torch.tensor(x)", TENSOR, "bridge.to_torch(x, allow_readonly=True)", False),
    ("np.ones(6)[::2]", "torch.tensor(x)", TENSOR, "", False),
    (A8, "torch.as_tensor(x, dtype=torch.float32)", TO_F4, TO_TORCH + AS_F4, False),
    (A8, "torch.asarray(x, dtype=torch.float32)", TO_F4, TO_TORCH + AS_F4, False),
    (A8, "torch.asarray(x, copy=True)", "copy=True asks for it", "", True),
    (A8, "torch.Tensor(x)", TO_F4, TO_TORCH + AS_F4, False),
    (A8, "torch.FloatTensor(x)", TO_F4, TO_TORCH + AS_F4, False),
    (FLOATS, "torch.as_tensor(x)", "torch.as_tensor reads its elements one by one", TO_TORCH, False),
    ("bytearray(8)", "torch.as_tensor(x)", "torch.as_tensor reads its elements one by one", TO_TORCH, False),
    (FLOATS, "torch.tensor(x)", TENSOR, TO_TORCH, False),
    ("memoryview(bytearray(8))", "np.array(x)", ARRAY, TO_NUMPY, False),
    ("[1.0, 2.0]", "torch.tensor(x)", OBJECTS, "", True),
    ("(1, 2)", "torch.as_tensor(x)", OBJECTS, "", True),
    ("[1, 2]", "torch.Tensor(x)", OBJECTS, "", True),
    ("[1, 2]", "torch.LongTensor(x)", OBJECTS, "", True),
    ("2.5", "torch.tensor(x)", NUMBER, "", True),
    ("np.float64(2.5)", "torch.tensor(x)", NUMBER, "", True),
    ("[1, 2]", "np.array(x)", OBJECTS, "", True),
    ("[1, 2]", "np.asarray(x)", OBJECTS, "", True),
    ("[np.ones(2), np.ones(2)]", "torch.tensor(x)", SEVERAL, "", True),
    ("[torch.ones(2), torch.ones(2)]", "np.array(x)", SEVERAL, "", True),
    (T4, "np.array(x)", ARRAY, TO_NUMPY, False),
    (T4, "np.array(x, copy=True)", "copy=True asks for it", "", True),
    (T4, "np.array(x, dtype=np.float64)", f"{TO_F8}; {ARRAY}", TO_NUMPY + AS_F8, False),
    (T4, "np.asarray(x, dtype=np.float64)", TO_F8, TO_NUMPY + AS_F8, False),
    (T4, "np.asarray(x, np.float64)", TO_F8, TO_NUMPY + AS_F8, False),
    ("torch.ones(4, 3).t()", "np.ascontiguousarray(x)", ROWS, "", False),
    (T4, "np.from_dlpack(x, copy=True)", "copy=True asks for it", "", True),
    (T4, "x.__dlpack__(copy=True)", "copy=True asks for it", "", True),
    (T4, "x.tolist()", "a list holds Python objects", "", True),
    (GRAD, "x.tolist()", "a list holds Python objects", "", True),
    (
        T4 + "._neg_view()",
        "x.numpy(force=True)",
        NEGATED,
        "",
        True,
    ),
    (T4, "x.clone()", "clone always copies", "", True),
    (T4, "torch.tensor(x)", TENSOR, "x.detach()", False),
    ("torch.ones(4, 3).t()", "x.contiguous()", ROWS, "", False),
    (T4, "x.to(torch.float64)", TO_F8, "", True),
    (T4, "x.to('cpu', copy=True)", "copy=True asks for it", "", True),
    *(
        (T4, f"x.{method}()", f"the dtype changes from float32 to {dtype}", "", True)
        for method, dtype in DTYPES
    ),
    (T4 + ".double()", "x.float()", TO_F4, "", True),
    (T4, "x.type(torch.float64)", TO_F8, "", True),
    (T4, "x.type_as(torch.ones(1, dtype=torch.float64))", TO_F8, "", True),
    (A4, "torch.ones(1).new_tensor(x)", "Tensor.new_tensor always copies", TO_TORCH, False),
    (A8, "np.array(x)", ARRAY, "np.asarray(x)", False),
    (A8, "np.copy(x)", "np.copy always copies", "", True),
    (A8, "np.asarray(x, dtype=np.float32)", TO_F4, "", False),
    (A8 + ".T", "np.ascontiguousarray(x)", ROWS, "", False),
    (A8, "np.asfortranarray(x)", "np.asfortranarray copies from numpy here", "", False),
    (A8, "bridge.to_torch(x, copy=True)", "copy=True asks for it", "", True),
    ("np.ones(3)[::-1]", "bridge.to_torch(x, copy=None)", "torch has no negative strides", "", True),
    (
        "np.ones(3, '>f4')",
        "bridge.to_torch(x, copy=None)",
        SWAPPED,
        "",
        True,
    ),
    (T4, "bridge.to_numpy(x, copy=True)", "copy=True asks for it", "", True),
]


def run(setup: str, call: str) -> tuple[Any, Any, bridge.auditing.AuditLog]:
    scope: dict[str, Any] = dict(NAMES)
    scope["x"] = eval(setup, scope)
    code = compile(call, "<call>", "eval")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with bridge.audit() as log:
            result = eval(code, scope)
    return scope["x"], result, log


def numbers(x: Any) -> np.ndarray[Any, Any]:
    """The elements behind an object, for reading and writing."""
    if isinstance(x, torch.Tensor):
        x = x.detach().resolve_neg()
        return np.from_dlpack(x.view(torch.int16) if x.dtype is torch.bfloat16 else x)
    if isinstance(x, bridge.View):
        return np.asarray(x)
    if type(x).__name__ == "PyCapsule":
        return np.from_dlpack(torch.from_dlpack(x))
    return x if isinstance(x, np.ndarray) else np.frombuffer(x, np.uint8)


def really_shares(x: Any, result: Any) -> bool:
    """Whether what is written into one is read from the other."""
    if isinstance(result, list) or isinstance(x, list | tuple | float):
        return False
    source, made = numbers(x), numbers(result)
    written, read = (made, source) if made.flags.writeable else (source, made)
    before = read.tobytes()
    written[...] = 3
    return read.tobytes() != before


@pytest.mark.parametrize(("setup", "call", "reason"), SHARED)
def test_shared(setup: str, call: str, reason: str) -> None:
    x, result, log = run(setup, call)
    (conversion,) = log
    assert (conversion.outcome, conversion.reason) == ("shared", reason)
    assert not conversion.hidden
    assert really_shares(x, result)
    assert conversion.times == 1
    assert conversion.nbytes == result.nbytes == log.shared_bytes


@pytest.mark.parametrize(("setup", "call", "reason", "alternative", "asked"), COPIED)
def test_copied(setup: str, call: str, reason: str, alternative: str, asked: bool) -> None:
    x, result, log = run(setup, call)
    (conversion,) = log
    assert (conversion.outcome, conversion.reason) == ("copied", reason)
    assert (conversion.alternative, conversion.asked) == (alternative, asked)
    assert not really_shares(x, result)
    assert conversion.nbytes == log.copied_bytes == getattr(result, "nbytes", conversion.nbytes) > 0


@pytest.mark.parametrize("row", [row for row in COPIED if row[3]], ids=lambda row: f"{row[1]} on {row[0]}")
def test_the_alternative_shares(row: tuple[str, str, str, str, bool]) -> None:
    setup, _, _, alternative, _ = row
    code, _, dtype = alternative.partition(" with x created as ")
    scope: dict[str, Any] = dict(NAMES)
    scope["x"] = eval(setup, scope)
    if dtype:
        x = scope["x"]
        scope["x"] = x.astype(dtype) if isinstance(x, np.ndarray) else x.to(getattr(torch, dtype))
    assert really_shares(scope["x"], eval(code, scope))


def test_a_call_of_no_data_is_no_conversion() -> None:
    for call in ("torch.Tensor(3, 4)", "torch.Tensor()", "torch.FloatTensor(2)", "torch.nn.Parameter(x)"):
        assert list(run(T4, call)[2]) == []


def test_the_name_of_a_type_is_no_conversion() -> None:
    assert list(run(T4, "x.type()")[2]) == []


def test_nothing_to_copy() -> None:
    _, _, log = run("np.ones((0, 3))", "torch.tensor(x)")
    assert [c.reason for c in log] == ["there are no elements to copy"]


def test_collation() -> None:
    samples = [(np.ones(3), 1, 2.0, torch.ones(2), np.float32(1)) for _ in range(4)]
    with bridge.audit() as log:
        loader = torch.utils.data.DataLoader(samples, batch_size=2)
        batches = list(loader)
    assert len(batches) == 2
    assert {(c.source, c.result, c.times, c.nbytes) for c in log} == {
        ("tuple of numpy arrays", "torch float64", 2, 96),
        ("tuple of int", "torch int64", 2, 32),
        ("tuple of float", "torch float64", 2, 32),
        ("tuple of torch tensors", "torch float32", 2, 32),
        ("tuple of float32", "torch float32", 2, 16),
    }
    assert {c.call for c in log} == {"default_collate"}
    assert not log.hidden


def test_every_watched_call_has_a_row() -> None:
    """Those of libraries that are not here have rows elsewhere: test_audit_libraries.py."""
    rows = " ".join(call for _, call, *_ in SHARED + COPIED)
    here = [call for call in CALLS if call.module.partition(".")[0] in ("numpy", "torch", "numpy_bridge")]
    names = {call.function for call in here if not call.registry} - {"cuda"}
    assert {name for name in names if f".{name}(" not in rows} == set()
