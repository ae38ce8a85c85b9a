"""Arguments of C++ functions whose type allows a copy: what is converted, and that no value is lost."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from support import needs_torch, readonly

try:
    import torch
except ImportError:
    torch = None

F32 = np.float32


@pytest.mark.parametrize(
    ("make", "total", "copied"),
    [
        (lambda: np.arange(4, dtype=F32), 6, False),
        (lambda: np.arange(4, dtype=np.float16), 6, True),
        (lambda: np.arange(4, dtype=np.int16), 6, True),
        (lambda: np.arange(4, dtype=">f4"), 6, True),
        (lambda: np.arange(8, dtype=F32)[::2], 12, True),
        (lambda: memoryview(np.arange(4, dtype=np.uint8)), 6, True),
        (lambda: np.zeros(17, np.uint8)[1:].view(F32), 0, True),
        (lambda: readonly(np.arange(4, dtype=F32)), 6, False),
    ],
)
def test_allow_copy_converts_and_tells(
    extension: ModuleType, make: Callable[[], Any], total: float, copied: bool
) -> None:
    assert extension.convertible(make()) == (total, copied)


@needs_torch
def test_allow_copy_converts_tensors(extension: ModuleType) -> None:
    assert extension.convertible(torch.arange(4.0)) == (6, False)
    assert extension.convertible(torch.arange(4).to(torch.int16)) == (6, True)
    assert extension.convertible(torch.arange(4).bfloat16()) == (6, True)
    assert extension.convertible(torch.arange(4.0)._neg_view()) == (-6, True)
    assert extension.convertible(torch.arange(4.0, requires_grad=True)) == (6, False)
    assert extension.convertible_f(torch.arange(4.0).reshape(2, 2)) == (1, True)
    assert extension.convertible_f(np.arange(4).reshape(2, 2)) == (1, True)


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.zeros(3, complex),
        lambda: np.zeros(3),
        lambda: np.zeros(3, np.int32),
        lambda: np.array(["a"]),
        lambda: [1.0, 2.0],
        lambda: np.zeros(3, object),
        lambda: np.ma.masked_array(np.zeros(3), [1, 0, 0]),
    ],
    ids=["complex", "float64", "int32", "text", "list", "object", "masked"],
)
def test_allow_copy_never_loses_values(extension: ModuleType, make: Callable[[], Any]) -> None:
    with pytest.raises(TypeError, match="x: expected float32, C-contiguous, CPU"):
        extension.convertible(make())


@needs_torch
def test_allow_copy_never_drops_an_imaginary_part(extension: ModuleType) -> None:
    with pytest.raises(TypeError, match="got complex64"):
        extension.convertible(torch.zeros(3, dtype=torch.complex64))


def test_an_exact_overload_comes_before_a_conversion(extension: ModuleType) -> None:
    assert extension.exact_first(np.zeros(3)) == "exact"
    assert extension.exact_first(np.zeros(3, np.int16)) == "converted"


def test_an_argument_that_could_be_copied_is_not_blamed(extension: ModuleType) -> None:
    with pytest.raises(TypeError, match="incompatible function arguments"):
        extension.copy_and_number(np.zeros(3, np.float16), "text")


def test_a_copy_takes_the_narrowest_dtype_that_keeps_all_values(extension: ModuleType) -> None:
    assert extension.widest(np.zeros(3, np.int64)) == "float64"
    assert extension.widest(np.zeros(3, np.int16)) == "float32"


INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
DTYPES = ["bool", *INTEGERS, "float16", "float32", "float64", "complex64", "complex128"]


@pytest.mark.parametrize("library", ["numpy", pytest.param("torch", marks=needs_torch)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_copy_follows_the_rule_of_numpy_that_is_called_safe(
    extension: ModuleType, library: str, dtype: str
) -> None:
    accepted = ["int16", "int64", "float32", "complex64"]
    safe = [name for name in accepted if np.can_cast(dtype, name, "safe")]
    x = np.zeros(3, dtype)
    given = torch.from_numpy(x) if library == "torch" else x
    if safe:
        best = min(safe, key=lambda name: np.dtype(name).itemsize)
        assert extension.kept(given) == (x.dtype.name if x.dtype.name in accepted else best)
    else:
        with pytest.raises(TypeError, match=f"got {x.dtype.name}"):
            extension.kept(given)


def test_allow_cast_prefers_the_nearest_kind(extension: ModuleType) -> None:
    assert extension.nearest(np.zeros(3)) == "float32"
    assert extension.nearest(np.zeros(3, complex)) == "complex64"


@pytest.mark.parametrize("library", ["numpy", pytest.param("torch", marks=needs_torch)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_allow_cast_follows_the_rule_of_the_same_kind(
    extension: ModuleType, library: str, dtype: str
) -> None:
    x = np.array([1, 0], dtype)
    given = torch.from_numpy(x) if library == "torch" else x
    if np.can_cast(dtype, "uint8", "same_kind"):
        assert extension.narrowed(given) == [1, 0]
    else:
        with pytest.raises(TypeError, match=f"expected uint8, C-contiguous, CPU; got {x.dtype.name}"):
            extension.narrowed(given)


@needs_torch
def test_conversions_that_torch_cannot_do_are_refusals(extension: ModuleType) -> None:
    with pytest.raises(TypeError, match="is_sparse = True"):
        extension.convertible(torch.zeros(3).to_sparse())
    with pytest.raises(TypeError, match="is_mkldnn = True"):
        extension.convertible(torch.zeros(3).to_mkldnn())


def test_signatures_spell_out_the_constraints(extension: ModuleType) -> None:
    assert (
        'x: typing.Annotated[numpy_bridge.typing.Shareable, "float32, C-contiguous, 2-D, writable, CPU"]'
        in extension.matrix.__doc__
    )
