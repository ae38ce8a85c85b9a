"""Every hint that has code is run on the object that it is printed for."""

from __future__ import annotations

import array
import ctypes
import re
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fake_interfaces import FreshBytes, Wandering
from fakes import FakeBuffer, FakeTensor
from numpy_bridge import _core
from producers import SimpleBytes
from support import byte_swapped, ml_dtypes, torch, with_odd_strides

START = re.compile(r"(?:(?<=[ :])|^)(?:numpy_bridge\.|numpy\.|np\.|torch\.|memoryview\(|[xt][.\[])")
NAMES = {"np": np, "numpy": np, "numpy_bridge": bridge, "torch": torch}


def code_in(hint: str) -> Iterator[str]:
    """The expressions in a hint: from a name to the end of its last call or index."""
    for found in START.finditer(hint):
        depth, end = 0, found.start()
        while end < len(hint) and (depth or hint[end] in "([" or re.match(r"[\w.]", hint[end])):
            depth += (hint[end] in "([") - (hint[end] in ")]")
            end += 1
        yield hint[found.start() : end].rstrip(".")


class Column:
    """As pandas.Series, xarray.DataArray and the like: nothing but `__array__`."""

    def __init__(self, values: Any) -> None:
        self.values = values

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.values


class Described:
    """Nothing but `__array_interface__`."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.__array_interface__ = values, values.__array_interface__


class Copying(Column):
    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        if copy is False:
            raise ValueError("Unable to avoid copy")
        return self.values.copy()

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: Any) -> Any:
        return Copying(self.values[index])


class CopyingCapsules(Copying):
    """As `Copying`, by DLPack."""

    __array__ = None  # type: ignore[assignment]

    def __dlpack__(self, *, max_version: Any = None, copy: bool | None = None) -> object:
        if copy is False:
            raise BufferError("this needs a copy")
        return self.values.copy().__dlpack__(max_version=max_version)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)

    def __getitem__(self, index: Any) -> Any:
        return CopyingCapsules(self.values[index])


class Point(ctypes.Structure):
    _fields_ = (("a", ctypes.c_float), ("b", ctypes.c_float))


class Segment(ctypes.Structure):
    _fields_ = (("p", Point), ("q", Point))


ARRAYS: dict[str, Callable[[], Any]] = {
    "records": lambda: np.zeros(2, "i4,f4"),
    "recarray": lambda: np.zeros(2, "i4,f4").view(np.recarray),
    "one record": lambda: np.zeros((), "i4,f4"),
    "records with gaps": lambda: np.zeros(4, [("it's", "i4"), ("b", "f4")])[::2],
    "records with objects": lambda: np.zeros(2, "i4,O"),
    "void": lambda: np.zeros(2, "V4"),
    "one void": lambda: np.zeros((), "V4"),
    "no fields": lambda: np.zeros(2, []),
    "empty void": lambda: np.zeros(2, "V0"),
    "empty text": lambda: np.zeros(2, "U0"),
    "times": lambda: np.zeros(2, "M8[s]"),
    "times with gaps": lambda: np.zeros((2, 4), "m8[s]")[:, ::2],
    "one time": lambda: np.zeros((), "M8[s]"),
    "text": lambda: np.array(["abc", "d"]),
    "text with gaps": lambda: np.array(["abc", "d", "e"])[::2],
    "one text": lambda: np.array("abc"),
    "numbers as text": lambda: np.array(["1.5", "2"]),
    "fixed strings": lambda: np.zeros((2, 2), "S3"),
    "columns of fixed strings": lambda: np.zeros((2, 2), "S3").T,
    "one fixed string": lambda: np.array(b"abc"),
    "objects": lambda: np.array(["a", None], object),
    "numbers as objects": lambda: np.array([1, None], object),
    "long double": lambda: np.zeros(2, "g"),
    "one long double": lambda: np.zeros((), "g"),
    "masked": lambda: np.ma.array([1.0, 2.0], mask=[0, 1]),
}
if ml_dtypes is not None:
    ARRAYS["int4"] = lambda: np.zeros(2, ml_dtypes.int4)
    ARRAYS["one int4"] = lambda: np.zeros((), ml_dtypes.int4)
BUFFERS: dict[str, Callable[[], Any]] = {
    "structures": lambda: (Point * 2)(),
    "structures of structures": lambda: (Segment * 2)(),
    "characters": lambda: (ctypes.c_char * 3)(),
    "wide characters": lambda: (ctypes.c_wchar * 3)(),
    "pointers": lambda: (ctypes.POINTER(ctypes.c_int) * 2)(),
    "void pointers": lambda: (ctypes.c_void_p * 2)(),
    "long doubles": lambda: (ctypes.c_longdouble * 2)(),
    "objects": lambda: (ctypes.py_object * 2)(1, 2),
    "text": lambda: array.array("u", "ab"),
    "cast to characters": lambda: memoryview(b"abc").cast("c"),
    "memoryview of records": lambda: memoryview(np.zeros(2, "i4,f4")),
    "memoryview of nested records": lambda: memoryview(np.zeros(2, [("r", "i4,f4"), ("s", "i4")])),
    "memoryview of objects": lambda: memoryview(np.array([1, 2], object)),
    "memoryview of long doubles": lambda: memoryview(np.zeros(2, "G")),
}
SCALARS: dict[str, Callable[[], Any]] = {
    "datetime64": lambda: np.datetime64("2020-01-01"),
    "timedelta64": lambda: np.timedelta64(5, "s"),
    "text": lambda: np.str_("abc"),
    "record": lambda: np.zeros(1, "i4,f4")[0],
    "long double": lambda: np.longdouble(1),
}
COPIES: dict[str, Callable[[], Any]] = {
    "a copy by the producer": lambda: FakeTensor(flags=2),
    "fresh bytes": FreshBytes,
    "no stable address": Wandering,
    "a column that copies": lambda: Copying(np.arange(3.0)),
    "a long column that copies": lambda: Copying(np.arange(10_000.0)),
    "capsules that copy": lambda: CopyingCapsules(np.arange(3.0)),
    "a column of objects": lambda: Copying(np.array(["a", None], object)),
}
CASES: dict[str, tuple[Callable[[], Any], Callable[..., Any]]] = {
    **{f"view: array: {name}": (make, _core.values_of) for name, make in ARRAYS.items()},
    **{
        f"view: column: {name}": (lambda make=make: Column(make()), _core.values_of)
        for name, make in ARRAYS.items()
    },
    **{
        f"view: interface: {name}": (lambda make=make: Described(make()), _core.values_of)
        for name, make in ARRAYS.items()
        if name in ("times", "text", "fixed strings", "objects", "long double", "void")
    },
    **{f"view: buffer: {name}": (make, _core.values_of) for name, make in BUFFERS.items()},
    **{f"view: scalar: {name}": (make, _core.values_of) for name, make in SCALARS.items()},
    **{f"view: {name}": (make, bridge.view) for name, make in COPIES.items()},
    **{f"to_numpy: {name}": (make, bridge.to_numpy) for name, make in COPIES.items()},
    "view: proxy": (lambda: weakref.proxy(KEPT), bridge.view),
    "view: rows behind pointers": (lambda: FakeBuffer(suboffsets=(-1,), ndim=65), bridge.view),
    "shares_memory: a copy": (lambda: FakeTensor(flags=2), lambda x: bridge.shares_memory(x, b"ab")),
    "dlpack: swapped": (
        lambda: bridge.view(byte_swapped(np.zeros(2))),
        lambda x, **options: x.__dlpack__(**options),
    ),
}
KEPT = np.arange(3.0)


def sparse() -> Any:
    """Not coalesced: torch refuses `indices()` then."""
    return torch.sparse_coo_tensor([[0, 0]], [1.0, 2.0], (2,))


def nested(layout: Any) -> Any:
    return torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=layout)


if torch is not None:
    TENSOR = torch.arange(3.0)
    TENSORS: dict[str, Callable[[], Any]] = {
        "requires grad": lambda: torch.ones(2, requires_grad=True),
        "negative bit": lambda: torch.ones(2)._neg_view(),
        "conjugate bit": lambda: torch.ones(2, dtype=torch.complex64).conj(),
        "COO": sparse,
        "COO that requires grad": lambda: sparse().requires_grad_(),
        "CSR": lambda: torch.eye(2).to_sparse_csr(),
        "CSC": lambda: torch.eye(2).to_sparse_csc(),
        "BSR": lambda: torch.eye(2).to_sparse_bsr((1, 1)),
        "MKL-DNN": lambda: torch.ones(2).to_mkldnn(),
        "meta": lambda: torch.ones(2, device="meta"),
        "nested": lambda: nested(torch.strided),
        "jagged": lambda: nested(torch.jagged),
        "quantized": lambda: torch.quantize_per_tensor(torch.ones(4), 0.1, 0, torch.qint8),
        "quantized, 4 bits": lambda: torch.quantize_per_tensor(torch.ones(4), 0.1, 0, torch.quint4x2),
        "bits8": lambda: torch.zeros(2, dtype=torch.uint8).view(torch.bits8),
        "uint4": lambda: torch.empty(2, dtype=torch.uint4),
        "int1": lambda: torch.empty(2, dtype=torch.int1),
        "float4": lambda: torch.zeros(2, dtype=torch.uint8).view(torch.float4_e2m1fn_x2),
        "lazy parameter": lambda: torch.nn.LazyLinear(3).weight,
        "lazy buffer": lambda: torch.nn.LazyBatchNorm1d().running_mean,
        "of vmap": lambda: seen_by_vmap(),
        "proxy": lambda: weakref.proxy(TENSOR),
    }
    for consumer in (bridge.view, bridge.to_numpy):
        CASES |= {f"{consumer.__name__}: tensor: {name}": (make, consumer) for name, make in TENSORS.items()}
    for name, make in TENSORS.items():
        for copy in (None, True):

            def convert(x, copy=copy):
                return bridge.to_numpy(x, copy=copy)

            CASES[f"to_numpy, copy={copy}: tensor: {name}"] = (make, convert)
    TO_TORCH: dict[str, Callable[[], Any]] = {
        "read-only": lambda: np.broadcast_to(np.arange(2.0), (2, 2)),
        "bytes": lambda: b"ab",
        "reversed": lambda: np.arange(3.0)[::-1],
        "odd strides": lambda: with_odd_strides(np.arange(5.0)),
        "misaligned": lambda: np.zeros(17, "u1")[1:].view("f8"),
        "swapped": lambda: byte_swapped(np.arange(3.0)),
        "bytes only": SimpleBytes,
    }
    CASES |= {f"to_torch: {name}": (make, bridge.to_torch) for name, make in TO_TORCH.items()}


def seen_by_vmap() -> Any:
    seen: list[Any] = []
    torch.func.vmap(lambda x: (seen.append(x), x)[1])(torch.ones(2, 3))
    return seen[0]


def hint_for(make: Callable[[], Any], function: Callable[..., Any]) -> tuple[Any, str]:
    x = make()
    try:
        function(x)
    except bridge.SharingError as error:
        return x, error.hint
    return x, ""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_a_hint_runs_on_its_object_and_cures(name: str) -> None:
    make, function = CASES[name]
    x, hint = hint_for(make, function)
    for code in code_in(hint):
        if "..." in code:
            continue  # not for this object: what else is read-only
        result = eval(code, NAMES, {"x": x, "t": x})
        parts = result if isinstance(result, tuple | list) else [result]
        for part in parts:
            again = hint_for(lambda part=part: part, bridge.view)[1]
            assert again != hint, f"{code} leads to the same refusal"
            # What is made of a leaf requires grad, too; a field may have fields.
            assert not again or "detach()" in again or "structures of" in name or "nested" in name, again
    if "copy=None" in hint:
        assert function(x, copy=None) is not None
    if "pass copy=True" in hint or "or copy=True" in hint:
        assert function(x, copy=True) is not None
    if "allow_readonly=True" in hint:
        assert function(x, allow_readonly=True) is not None


def test_the_hints_with_code_are_these() -> None:
    """Nothing is skipped unnoticed: of the objects above, most get code."""
    found = {
        name: list(code_in(hint_for(*CASES[name])[1])) for name in CASES if name.startswith("view: array")
    }
    assert found["view: array: records"] == ["x['f0']", "x.view('u1')"]
    assert found["view: array: records with gaps"] == ['x["it\'s"]', "np.ascontiguousarray(x).view('u1')"]
    assert found["view: array: records with objects"] == ["x['f0']"]
    assert found["view: array: text"] == ["x.view('u4')"]
    assert found["view: array: numbers as text"] == ["x.astype(float)", "x.view('u4')"]
    assert found["view: array: one fixed string"] == ["np.atleast_1d(x).view('u1')"]
    assert found["view: array: objects"] == []
    assert found["view: array: numbers as objects"] == ["x.astype(float)"]
    assert found["view: array: masked"] == ["x.data", "x.filled()"]


@pytest.mark.parametrize(("dtype", "instead"), [("M8[s]", "int64"), ("U4", "uint32"), ("S4", "uint8")])
def test_hints_for_addresses(dtype: str, instead: str) -> None:
    block = np.zeros(2, dtype)
    address = block.ctypes.data
    with pytest.raises(bridge.SharingError, match=f"dtype='{instead}'"):
        bridge.from_pointer(address, 2, block.dtype, owner=block)
    assert bridge.from_pointer(address, 2, instead, owner=block).dtype == instead


@pytest.mark.parametrize("make", [COPIES["a column that copies"], COPIES["capsules that copy"]])
def test_a_copy_is_advised_only_where_it_cures(make: Callable[[], Any]) -> None:
    assert "copy=True" in hint_for(make, bridge.view)[1]
    assert "copy=None" in hint_for(make, bridge.to_numpy)[1]
    for function in (bridge.add_, bridge.copy_):
        for other in (np.ones(3), make()):
            assert hint_for(make, lambda x, f=function, y=other: f(x, y))[1] == ""
            assert hint_for(make, lambda x, f=function, y=other: f(y, x))[1] == ""


def test_a_large_object_is_not_copied_for_a_hint() -> None:
    class Counted(Copying):
        copied = 0

        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            if copy is not False:
                Counted.copied += len(self.values)
            return super().__array__(dtype, copy)

        def __getitem__(self, index: Any) -> Any:
            return Counted(self.values[index])

    with pytest.raises(bridge.SharingError, match="Pass copy=None or copy=True"):
        bridge.to_numpy(Counted(np.zeros(100_000)))
    assert Counted.copied == 1
    assert bridge.to_numpy(Counted(np.zeros(100_000)), copy=None).shape == (100_000,)
    assert Counted.copied == 100_001  # no trial where the copy is made at once


def test_objects_without_a_small_part_are_not_copied_for_a_hint() -> None:
    class Row(Copying):
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            assert copy is False, "computed for a hint"
            return super().__array__(dtype, copy)

        @property
        def shape(self) -> tuple[int, ...]:
            return self.values.shape

        def __getitem__(self, index: Any) -> Any:
            return self.values[index]

    class Large(Row):
        size = 100_000

    for x in (Row(np.zeros((1, 100_000))), Large(np.zeros(100_000))):
        with pytest.raises(bridge.SharingError) as caught:
            bridge.to_numpy(x)
        assert not caught.value.hint
