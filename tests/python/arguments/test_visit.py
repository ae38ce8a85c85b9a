"""Generic C++ code: `visit` finds the dtype, `visit_ndim` the number of dimensions."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from support import needs_ml_dtypes


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_listed_dtypes(extension: ModuleType, dtype: str) -> None:
    assert extension.visit_total(np.arange(5, dtype=dtype)) == 10


def test_unlisted_dtypes_are_refused_before(extension: ModuleType) -> None:
    with pytest.raises(
        TypeError, match="x: expected int32 or float32 or float64, C-contiguous, CPU; got int64"
    ):
        extension.visit_total(np.arange(5))


@pytest.mark.parametrize(
    "dtype",
    ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64"],
)
def test_every_number_of_cpp(extension: ModuleType, dtype: str) -> None:
    assert extension.visit_any(np.ones(2, dtype)) == dtype


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex_numbers(extension: ModuleType, dtype: str) -> None:
    assert extension.visit_any(np.ones(2, dtype)) == "complex"


@needs_ml_dtypes
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_dtypes_without_a_cpp_type(extension: ModuleType, dtype: str) -> None:
    import ml_dtypes

    with pytest.raises(TypeError, match=f"visit: no C\\+\\+ type for dtype {dtype}"):
        extension.visit_any(np.ones(2, dtype if dtype == "float16" else ml_dtypes.bfloat16))


def test_dimensions(extension: ModuleType) -> None:
    for shape in ((4,), (2, 3)):
        x = np.ones(shape)
        extension.visit_double(x)
        assert (x == 2).all()
    with pytest.raises(TypeError, match="visit: no code for 3 dimensions"):
        extension.visit_double(np.ones((1, 1, 1)))
