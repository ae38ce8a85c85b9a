"""The dtype table against the lists of torch, NumPy, ml_dtypes and DLPack, as they are installed.

Each of theirs has a row, and then its values go round; or it is refused with a hint that names the way
round. A new one of theirs fails here.
"""

from __future__ import annotations

import ctypes
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fake_interfaces import FakeInterface
from fakes import FakeTensor
from numpy_bridge import _core, from_pointer, view
from support import (
    assert_aliases,
    byte_swapped,
    ml_dtypes,
    needs_ml_dtypes,
    needs_numpy_2,
    needs_torch,
    torch,
)

try:
    import tvm_ffi
except ImportError:
    tvm_ffi = None


def of_module(module: Any, kind: Any) -> list[str]:
    return sorted(name for name, value in vars(module).items() if isinstance(value, kind))


def canonical_names_of_torch() -> list[str]:
    names = {str(getattr(torch, name)) for name in of_module(torch, torch.dtype)} if torch else set()
    return sorted(name.removeprefix("torch.") for name in names)


def names_of_ml_dtypes() -> list[str]:
    kinds = of_module(ml_dtypes, type) if ml_dtypes else []
    return [name for name in kinds if issubclass(getattr(ml_dtypes, name), np.generic)]


def result_of(function: Any, *arguments: Any) -> tuple[bridge.SharingError | None, Any]:
    try:
        return None, function(*arguments)
    except bridge.SharingError as error:
        return error, None


def row_or_hint(dtype: Any) -> str | None:
    """None if the table has the dtype; else the hint, which must say something."""
    refusal, _ = result_of(from_pointer, 4096, (1,), dtype)
    if refusal is None:
        return None
    assert (refusal.protocol, refusal.field) == ("pointer", "dtype")
    assert len(refusal.hint) > 10, f"{dtype}: neither a row nor a reason"
    return refusal.hint


# torch


@needs_torch
@pytest.mark.parametrize("name", canonical_names_of_torch())
def test_torch(name: str) -> None:
    hint = row_or_hint(getattr(torch, name))
    assert hint == row_or_hint(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if name.startswith("q"):  # quantized tensors have makers of their own
            return
        tensor = torch.zeros(16, dtype=torch.uint8).view(getattr(torch, name))
    if hint is None:
        shared = view(tensor)
        assert shared.dtype == name
        again = bridge.to_torch(shared)
        assert again.dtype == tensor.dtype
        tensor.view(torch.uint8)[0] = 1
        assert again.view(torch.uint8).flatten()[0] == 1
    else:
        with pytest.raises(bridge.SharingError) as caught:
            view(tensor)
        assert caught.value.field == "dtype"
        assert "t.view(torch.uint8)" in caught.value.hint
        assert view(tensor.view(torch.uint8)).dtype == "uint8"  # the way round


@needs_torch
def test_quantized_tensors() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tensor = torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)
    assert row_or_hint("qint8") == "describe the bytes: dtype='uint8'"
    refusal, _ = result_of(view, tensor)
    assert "t.int_repr()" in refusal.hint
    assert bridge.to_numpy(tensor.int_repr()).tolist() == [10, 10]


# NumPy


def numpy_dtypes() -> list[np.dtype[Any]]:
    codes = [np.dtype(code) for code in np.typecodes["All"]]
    kinds = [np.dtype(kind) for kind in set(np.sctypeDict.values()) if kind.__module__ == "numpy"]
    more = [np.dtype(text) for text in ("i4,f4", "V8", "U3", "S3", "M8[s]", "m8[ns]", "O")]
    strings = [np.dtypes.StringDType()] if hasattr(getattr(np, "dtypes", None), "StringDType") else []
    return list({str(dtype): dtype for dtype in [*codes, *kinds, *more, *strings]}.values())


@pytest.mark.parametrize("dtype", numpy_dtypes(), ids=str)
def test_numpy(dtype: np.dtype[Any]) -> None:
    array = np.zeros(2, dtype)
    hint = row_or_hint(dtype)
    if hint is not None:
        with pytest.raises(bridge.SharingError) as caught:
            _core.values_of(array)
        assert caught.value.field == "dtype"
        assert caught.value.hint
        return
    assert_aliases(array, bridge.to_numpy(view(array)))
    if dtype.itemsize > 1:
        swapped = byte_swapped(array)
        assert bridge.to_numpy(view(swapped)).dtype == swapped.dtype
        assert bridge.to_numpy(bridge.view(memoryview(swapped))).dtype == swapped.dtype


@pytest.mark.skipif(not hasattr(np, "dtypes"), reason="NumPy 1.x has no strings of variable length")
@needs_numpy_2
def test_strings_of_variable_length_are_not_said_to_be_of_fixed_length() -> None:
    array = np.array(["a", "longer"], np.dtypes.StringDType())
    with pytest.raises(bridge.SharingError, match="Strings of variable length"):
        view(array)
    assert row_or_hint(array.dtype) == "such elements are behind pointers of their own"
    fixed = array.astype("U6")  # the way round
    assert view(fixed.view("u4")).dtype == "uint32"


def test_native_order_is_known_by_each_of_its_names() -> None:
    """A dtype that NumPy reads from ctypes says '<' where others say '='."""
    spelled_out = np.asarray((ctypes.c_int32 * 2)(1, 2))
    assert spelled_out.dtype.isnative
    assert view(spelled_out).dtype == "int32"
    assert_aliases(spelled_out, bridge.to_numpy(view(spelled_out)))
    if torch is not None:
        assert_aliases(spelled_out, bridge.to_torch(spelled_out))
        assert bridge.to_torch(spelled_out, copy=None).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("dtype", "way_round"),
    [
        ("M8[s]", lambda x: x.view("i8")),
        ("m8[ns]", lambda x: x.view("i8")),
        ("U3", lambda x: x.view("u4")),
        ("S3", lambda x: x.view("u1")),
        ("V8", lambda x: x.view("u1")),
        (np.dtype([("field", "i4"), ("other", "f4")]), lambda x: x["field"]),
        ("g", lambda x: x.astype("float64")),
        ("G", lambda x: x.astype("complex128")),
    ],
)
def test_ways_round(dtype: Any, way_round: Any) -> None:
    """What the hints name works."""
    array = np.zeros(2, dtype)
    with pytest.raises(bridge.SharingError):
        np.from_dlpack(view(array))
    np.from_dlpack(view(way_round(array)))


# ml_dtypes


@needs_ml_dtypes
@pytest.mark.parametrize("name", names_of_ml_dtypes())
def test_ml_dtypes(name: str) -> None:
    dtype = np.dtype(getattr(ml_dtypes, name))
    hint = row_or_hint(dtype)
    array = np.zeros(8, np.uint8).view(dtype)
    if hint is not None:
        with pytest.raises(bridge.SharingError) as caught:
            view(array)
        assert caught.value.field == "dtype"
        assert "x.view('u1')" in caught.value.hint
        assert view(array.view("u1")).dtype == "uint8"  # the way round
        return
    again = bridge.to_numpy(view(array))
    assert again.dtype == dtype
    array.view(np.uint8)[0] = 1
    assert again.view(np.uint8)[0] == 1


@needs_torch
@needs_ml_dtypes
def test_what_both_have_goes_round() -> None:
    both = [name for name in names_of_ml_dtypes() if hasattr(torch, name) and row_or_hint(name) is None]
    assert {"bfloat16", "float8_e4m3fn", "float8_e8m0fnu", "complex32"} - set(both) <= {"complex32"}
    for name in both:
        array = np.zeros(8, np.uint8).view(getattr(ml_dtypes, name))
        tensor = bridge.to_torch(array)
        assert tensor.dtype == getattr(torch, name)
        back = bridge.to_numpy(bridge.view(tensor))
        assert back.dtype == array.dtype
        back.view(np.uint8)[0] = 3
        assert tensor.view(torch.uint8).flatten()[0] == 3
        assert array.view(np.uint8)[0] == 3


# DLPack


def type_codes() -> dict[str, int]:
    if tvm_ffi is None:
        return {}
    header = Path(tvm_ffi.__file__).parent / "include/dlpack/dlpack.h"
    enumeration = re.search(r"typedef enum[^{]*\{([^}]*kDLInt = [^}]*)\}", header.read_text())
    assert enumeration is not None
    return {name: int(code) for name, code in re.findall(r"kDL(\w+) = (\d+)U", enumeration.group(1))}


needs_header = pytest.mark.skipif(tvm_ffi is None, reason="dlpack.h is missing: pip install apache-tvm-ffi")


@needs_header
def test_the_list_of_codes_is_read() -> None:
    assert {"Int": 0, "Bfloat": 4, "Float4_e2m1fn": 17}.items() <= type_codes().items()


@needs_header
@pytest.mark.parametrize("code", type_codes().values(), ids=type_codes().keys())
def test_dlpack(code: int) -> None:
    """Every code, with every size of a lane that anybody uses: a row for one lane, or a reason."""
    rows = 0
    for bits in (1, 2, 4, 6, 8, 16, 32, 64, 128, 255, 0):
        for lanes in (0, 1, 2, 4, 65535):
            refusal, shared = result_of(view, FakeTensor(dtype=(code, bits, lanes), shape=(1,)))
            if refusal is None:
                rows += 1
                assert shared.itemsize * 8 == bits * lanes
            else:
                assert refusal.field == "dtype"
                assert len(refusal.hint) > 10
    assert rows == 0 if code in (3, 15, 16) else rows >= 1


def test_later_codes() -> None:
    for code in (18, 99, 255):
        with pytest.raises(bridge.SharingError, match="Later versions of DLPack"):
            view(FakeTensor(dtype=(code, 8, 1)))


# Kinds of the array interface


@pytest.mark.parametrize(
    "typestr", ["|O8", "<U4", "|S4", "<M8[s]", "<m8[s]", "|V8", "|t4", "<f16", "<c32", "|T16"]
)
def test_kinds_without_a_row_have_a_reason(typestr: str) -> None:
    with pytest.raises(bridge.SharingError) as caught:
        _core.values_of(FakeInterface(typestr=typestr))
    assert len(caught.value.hint) > 10
